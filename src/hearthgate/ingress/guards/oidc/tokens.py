"""ID tokens: whether a provider signed them (RFC 7515, RS256 and ES256) and meant them for us (OpenID Connect Core
3.1.3.7). Pure.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from hearthgate.model.errors import WireError

SKEW: Final = 60.0
"""Seconds by which the provider's clock may differ from ours."""
_SMALLEST_RSA: Final = 2048
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Expected(NamedTuple):
    """What a token must say. nonce None: of a refresh, which has none. now: seconds since 1970."""

    issuer: str
    client_id: str
    nonce: str | None
    now: float


class Header(NamedTuple):
    algorithm: str
    key_id: str


def parse_keys(body: bytes) -> dict[str, PublicKey]:
    """The keys of a JWK set (RFC 7517) that sign by an algorithm that we take, by their ids. Raises WireError."""
    found: dict[str, PublicKey] = {}
    keys = _mapping(body).get("keys")
    if not isinstance(keys, list):
        raise WireError("not a set of keys")
    for item in keys:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = _key(item)
        except (KeyError, TypeError, ValueError, WireError):
            continue
        if key is not None:
            found[str(item.get("kid", ""))] = key
    return found


def _key(item: Mapping[str, Any]) -> PublicKey | None:
    if item["kty"] == "RSA":
        key = rsa.RSAPublicNumbers(_number(item["e"]), _number(item["n"])).public_key()
        return key if key.key_size >= _SMALLEST_RSA else None
    if item["kty"] == "EC" and item["crv"] == "P-256":
        return ec.EllipticCurvePublicNumbers(_number(item["x"]), _number(item["y"]), ec.SECP256R1()).public_key()
    return None


def header_of(token: str) -> Header:
    """Which key a token says it is signed by. Raises WireError."""
    data = _mapping(_decoded(token.partition(".")[0]))
    if "crit" in data:
        raise WireError("the token asks for extensions")
    return Header(str(data.get("alg", "")), str(data.get("kid", "")))


def claims_of(token: str, keys: Mapping[str, PublicKey], expected: Expected) -> Mapping[str, Any]:
    """What a token says about a user. Raises WireError when it is not signed, not for us, or over."""
    parts = token.split(".")
    if len(parts) != 3:
        raise WireError("not a signed token")
    header = header_of(token)
    key = keys.get(header.key_id)
    if key is None and not header.key_id and len(keys) == 1:
        key = next(iter(keys.values()))
    if key is None:
        raise WireError("the provider has no such key")
    _verify(key, header.algorithm, f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2]))
    claims = _mapping(_decoded(parts[1]))
    _check(claims, expected)
    return claims


def _verify(key: PublicKey, algorithm: str, signed: bytes, signature: bytes) -> None:
    """The algorithm must fit the key: a token does not choose how it is verified."""
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ES256" and len(signature) == 64:
            pair = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            key.verify(pair, signed, ec.ECDSA(SHA256()))
        else:
            raise WireError("the token is not signed by RS256 or ES256 with a key that fits")
    except InvalidSignature:
        raise WireError("the signature of the token is wrong") from None


def _check(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise WireError("the token is of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise WireError("the token is for another client")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise WireError("the token was given to another client")
    ends = claims.get("exp")
    if not isinstance(ends, int | float) or isinstance(ends, bool) or ends + SKEW <= expected.now:
        raise WireError("the token is over")
    begins = claims.get("nbf", 0)
    if not isinstance(begins, int | float) or begins - SKEW > expected.now:
        raise WireError("the token is not good yet")
    if expected.nonce is not None and claims.get("nonce") != expected.nonce:
        raise WireError("the token answers another login")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise WireError("the token names nobody")


def _number(text: Any) -> int:
    return int.from_bytes(_decoded(str(text)))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WireError("not base64url") from None


def _mapping(body: bytes) -> Mapping[str, Any]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("not JSON") from None
    if not isinstance(data, dict):
        raise WireError("not a JSON object")
    return data
