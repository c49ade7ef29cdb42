"""An OpenID provider, asked over HTTPS: what it offers (OpenID Connect Discovery 1.0), its keys, its tokens."""

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
import msgspec

from hearthgate.ingress.guards.oidc.tokens import Expected, PublicKey, claims_of, header_of, parse_keys
from hearthgate.ingress.middlewares.plugins.oidc import Oidc
from hearthgate.model.errors import Permanent, Transient, WireError

_TIMEOUT: Final = 8.0
"""Seconds; the proxy waits for ten."""
_MAX_ANSWER: Final = 1 << 20
_KEPT: Final = 3600.0
"""Seconds for which discovery and keys are believed."""
_AGAIN: Final = 10.0
"""Seconds between two fetches of the keys because of an unknown one."""


class Discovery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Tokens(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the token endpoint answers."""

    id_token: str = ""
    refresh_token: str = ""
    expires_in: float = 0.0


class Provider:
    """Knows one provider as one client. clock: monotonic seconds; now: seconds since 1970."""

    def __init__(
        self,
        middleware: Oidc,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._middleware = middleware
        self._clock = clock
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._discovery: tuple[Discovery, float] | None = None
        self._keys: tuple[dict[str, PublicKey], float] = ({}, float("-inf"))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def discovery(self) -> Discovery:
        """Raises Transient, Permanent, WireError."""
        known = self._discovery
        if known is not None and self._clock() < known[1] + _KEPT:
            return known[0]
        body = await self._ask("GET", f"{self._middleware.issuer}/.well-known/openid-configuration")
        try:
            found = msgspec.json.decode(body, type=Discovery)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise WireError("its discovery document cannot be read") from None
        if found.issuer.removesuffix("/") != self._middleware.issuer:
            raise Permanent("it calls itself another issuer than providerUrl")
        safe = ("https://", "http://") if self._middleware.issuer.startswith("http://") else ("https://",)
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not url.startswith(safe):
                raise Permanent("one of its endpoints is not https")
        self._discovery = (found, self._clock())
        return found

    async def exchange(self, form: Mapping[str, str]) -> Tokens:
        """Tokens for a code or a refresh token. Raises Transient, Permanent (it refuses), WireError."""
        found = await self.discovery()
        one = self._middleware
        secret = one.client_secret.reveal().decode("latin-1")
        headers = {}
        fields = dict(form)
        if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            headers["Authorization"] = _basic(one.client_id, secret)
        else:
            fields |= {"client_id": one.client_id, "client_secret": secret}
        body = await self._ask("POST", found.token_endpoint, data=fields, headers=headers)
        try:
            return msgspec.json.decode(body, type=Tokens)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise WireError("its tokens cannot be read") from None

    async def claims(self, token: str, nonce: str | None) -> Mapping[str, Any]:
        """What a valid ID token says. Raises Transient, Permanent, WireError."""
        found = await self.discovery()
        expected = Expected(found.issuer, self._middleware.client_id, nonce, self._now())
        return claims_of(token, await self._keys_for(header_of(token).key_id), expected)

    async def _keys_for(self, key_id: str) -> dict[str, PublicKey]:
        """Keys change now and then: an unknown one is worth a look, but not at every request."""
        keys, since = self._keys
        age = self._clock() - since
        if age >= _KEPT or (key_id not in keys and age >= _AGAIN):
            found = await self.discovery()
            keys = parse_keys(await self._ask("GET", found.jwks_uri))
            self._keys = (keys, self._clock())
        return keys

    async def _ask(self, method: str, url: str, **more: Any) -> bytes:
        session = self._opened()
        try:
            async with session.request(method, url, allow_redirects=False, **more) as response:
                body = await response.content.read(_MAX_ANSWER)
                if 400 <= response.status < 500:
                    raise Permanent(f"it refuses (status {response.status})")
                if response.status != 200:
                    raise Transient(f"it answers with status {response.status}")
                return body
        except TimeoutError:
            raise Transient("it does not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"it cannot be reached ({type(error).__name__})") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cadata=self._middleware.authority or None)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=16),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
            )
        return self._session


def _basic(client_id: str, secret: str) -> str:
    """As RFC 6749 2.3.1 wants it: both parts encoded as in a form."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
