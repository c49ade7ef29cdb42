"""Base64url without padding, as everything in JOSE and ACME has it (RFC 7515, appendix C)."""

import base64
import binascii
import re
from typing import Final

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raises ValueError, which does not hold the text: it may be a secret."""
    if not is_base64url(text):
        raise ValueError("has characters other than those of base64url without padding")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError(f"has a length of {len(text)}, which base64url never has") from None


def is_base64url(text: str) -> bool:
    return _ALPHABET.fullmatch(text) is not None


def number(value: int, size: int = 0) -> str:
    """An unsigned big-endian integer: of `size` bytes, or as few as it takes (RFC 7518, section 2)."""
    return encode(value.to_bytes(size or max(1, (value.bit_length() + 7) // 8), "big"))
