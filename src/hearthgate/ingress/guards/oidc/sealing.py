"""Cookies that only we can read and make: AES-256-GCM, a key for each provider, client and purpose. Pure."""

import base64
import binascii
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hearthgate.model.secret import SecretBytes

NONCE: Final = 12
LARGEST: Final = 3800
"""Bytes of a cookie's value that every browser keeps."""
T = TypeVar("T")


class Login(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A login under way. to: where it leads. ends: seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    to: str
    ends: float


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A user who logged in. checked_until: when the provider is asked again, if there is a refresh token. Times in
    seconds since 1970."""

    subject: str
    email: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()
    ends: float
    checked_until: float = 0.0
    refresh: str = ""


class Seal:
    """purpose: what is sealed for one is nothing to another."""

    def __init__(self, secret: SecretBytes, purpose: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"hearthgate oidc " + purpose.encode())
        self._cipher = AESGCM(derived.derive(secret.reveal()))

    def close(self, value: msgspec.Struct, nonce: bytes) -> str:
        """As text for a cookie. nonce: NONCE random bytes, never the same."""
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(value), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, kind: type[T]) -> T | None:
        """What was sealed; None when it was not sealed by us."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            content = self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], None)
            return msgspec.json.decode(content, type=kind)
        except (binascii.Error, ValueError, InvalidTag, msgspec.DecodeError):
            return None
