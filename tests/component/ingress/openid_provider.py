"""A tiny OpenID provider: discovery, authorization code flow with PKCE, refresh, keys that rotate.

It logs everybody in as `user`, without asking. It is strict about what a client must send, as OpenID Connect Core
1.0 and RFC 7636 have it.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT, SECRET = "homelab", "a-secret+of/the client"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


class Key:
    """A key that signs, by RS256 or ES256."""

    def __init__(self, kid: str, *, elliptic: bool = False) -> None:
        self.kid = kid
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
        )
        self.algorithm = "ES256" if elliptic else "RS256"

    @property
    def public(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "RS256":
            return {**common, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        point = {"x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
        return {**common, "kty": "EC", "crv": "P-256", **point}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": self.algorithm, "kid": self.kid, **header}
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
        if self.algorithm == "RS256":
            signature = self.key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        else:
            pair = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
            signature = pair[0].to_bytes(32) + pair[1].to_bytes(32)
        return f"{signed}.{b64(signature)}"


class Provider:
    """`user`: claims of whoever logs in. `spoil`: changes claims of the next tokens. `down`: answers 500."""

    def __init__(self) -> None:
        self.issuer = ""
        self.user: dict[str, Any] = {"sub": "u1", "email": "ada@example.org", "preferred_username": "ada"}
        self.spoil: dict[str, Any] = {}
        self.key = Key("one")
        self.expires_in = 300
        self.down = False
        self.refuses_refresh = False
        self.refreshes = 0
        self.codes: dict[str, dict[str, str]] = {}
        self._refresh_tokens: set[str] = set()

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any], str]:
        """Status, content, and where the browser is sent."""
        if self.down:
            return 500, {}, ""
        if path == "/.well-known/openid-configuration":
            return 200, self._discovery(), ""
        if path == "/keys":
            return 200, {"keys": [{"kty": "oct", "kid": "odd"}, self.key.public]}, ""
        if path == "/authorize":
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT
            assert query["code_challenge_method"] == "S256"
            assert "openid" in query["scope"].split()
            code = secrets.token_urlsafe(8)
            self.codes[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            return 302, {}, f"{query['redirect_uri']}?{back}"
        return 404, {}, ""

    def post(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if self.down:
            return 500, {}
        pair = f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}"
        if authorization != "Basic " + base64.b64encode(pair.encode()).decode():
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            self.refreshes += 1
            if self.refuses_refresh or form["refresh_token"] not in self._refresh_tokens:
                return 400, {"error": "invalid_grant"}
            self._refresh_tokens.discard(form["refresh_token"])
            return 200, self._tokens(None)
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if b64(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(asked["nonce"])

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, **self.user}
        if nonce is not None:
            claims["nonce"] = nonce
        claims.update(self.spoil)
        refresh = secrets.token_urlsafe(24)
        self._refresh_tokens.add(refresh)
        tokens = {"id_token": self.key.token(claims), "token_type": "Bearer", "expires_in": self.expires_in}
        return {**tokens, "refresh_token": refresh, "access_token": "x"}

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
        }


@contextlib.contextmanager
def running() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._send(*provider.get(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*provider.post(form, self.headers.get("authorization", "")), "")

        def _send(self, status: int, content: dict[str, Any], location: str) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
