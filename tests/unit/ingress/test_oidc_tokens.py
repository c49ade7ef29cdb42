"""Signatures of ID tokens: who chooses how they are verified."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from hearthgate.ingress.guards.oidc.tokens import Expected, claims_of, parse_keys
from hearthgate.model.errors import WireError
from tests.component.ingress.openid_provider import Key, b64

RSA, OTHER, EC = Key("rsa"), Key("rsa"), Key("ec", elliptic=True)
KEYS = parse_keys(json.dumps({"keys": [RSA.public, EC.public]}).encode())
EXPECTED = Expected("https://id.test", "me", "n", 1000.0)
CLAIMS: dict[str, Any] = {"iss": "https://id.test", "aud": "me", "exp": 2000, "sub": "u", "nonce": "n"}


def hs256() -> str:
    """Signed with what everybody knows, the public key (the confusion of algorithms)."""
    head = b64(json.dumps({"alg": "HS256", "kid": "rsa"}).encode())
    signed = f"{head}.{b64(json.dumps(CLAIMS).encode())}"
    known = json.dumps(RSA.public).encode()
    return f"{signed}.{b64(hmac.new(known, signed.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: str) -> str:
    head = b64(json.dumps({"alg": algorithm, "kid": "rsa"}).encode())
    return f"{head}.{b64(json.dumps(CLAIMS).encode())}."


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_tokens_of_the_provider(key: Key) -> None:
    assert claims_of(key.token(CLAIMS), KEYS, EXPECTED)["sub"] == "u"
    assert claims_of(key.token({**CLAIMS, "nonce": "x"}), KEYS, EXPECTED._replace(nonce=None))["sub"] == "u"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "a.b",
        unsigned("none"),
        unsigned("RS256"),
        hs256(),
        OTHER.token(CLAIMS),
        RSA.token(CLAIMS, alg="ES256"),
        EC.token(CLAIMS, kid="rsa"),
        RSA.token(CLAIMS, kid="unknown"),
        RSA.token(CLAIMS, crit=["b64"]),
        RSA.token(CLAIMS)[:-4] + "AAAA",
        RSA.token({**CLAIMS, "exp": 900}),
        RSA.token({**CLAIMS, "exp": True}),
        RSA.token({**CLAIMS, "nbf": 1100}),
        RSA.token({**CLAIMS, "iss": "https://id.test/"}),
        RSA.token({**CLAIMS, "aud": []}),
        RSA.token({key: item for key, item in CLAIMS.items() if key != "nonce"}),
    ],
)
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(WireError):
        claims_of(token, KEYS, EXPECTED)


def test_a_swapped_payload_is_noticed() -> None:
    head, _, signature = RSA.token(CLAIMS).split(".")
    forged = b64(json.dumps({**CLAIMS, "sub": "root"}).encode())
    with pytest.raises(WireError, match="signature"):
        claims_of(f"{head}.{forged}.{signature}", KEYS, EXPECTED)


def test_clocks_may_differ_a_little() -> None:
    assert claims_of(RSA.token({**CLAIMS, "exp": 950, "nbf": 1050}), KEYS, EXPECTED)


def test_keys_that_do_not_sign_are_left_out() -> None:
    odd: list[Any] = [
        {"kty": "oct", "k": "AAAA", "kid": "a"},
        {**RSA.public, "use": "enc", "kid": "b"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "c"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "d"},
        {"kty": "EC", "crv": "P-521", "kid": "e"},
        "text",
        {},
    ]
    assert parse_keys(json.dumps({"keys": odd}).encode()) == {}
    for body in (b"", b"[]", b'{"keys": 1}', base64.b64encode(b"x")):
        with pytest.raises(WireError):
            parse_keys(body)
