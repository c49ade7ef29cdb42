"""Checks a password against the hashes of htpasswd: bcrypt, MD5 crypt (apr1), SHA1. Pure, and slow on purpose."""

import base64
import hashlib
import hmac
from typing import Final

import bcrypt

from hearthgate.ingress.middlewares.credentials import HashKind, User

_ALPHABET: Final = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS: Final = 1000
_ORDER: Final = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
"""Which bytes of the digest are written together; byte 11 comes last, alone."""
_BCRYPT_BYTES: Final = 72
"""bcrypt reads no more of a password; the library refuses what upstream's cuts off."""


def verify(user: User, password: bytes) -> bool:
    """Whether `password` is the user's. Takes as long for a wrong one as for the right one."""
    stored = user.hash.reveal()
    match user.kind:
        case HashKind.BCRYPT:
            # The letters name bugs of implementations that are gone; the library knows `2x` no more.
            normal = b"$2b$" + stored[4:]
            try:
                return bcrypt.checkpw(password[:_BCRYPT_BYTES], normal)
            except ValueError:  # a NUL in the password, or a salt that is none
                return False
        case HashKind.MD5:
            _, magic, salt, _ = stored.split(b"$", 3)
            return hmac.compare_digest(md5_crypt(password, salt, b"$" + magic + b"$"), stored)
        case HashKind.SHA:
            digest = hashlib.sha1(password).digest()  # noqa: S324 - htpasswd's {SHA}
            return hmac.compare_digest(b"{SHA}" + base64.b64encode(digest), stored)


def cost(user: User) -> tuple[int, int]:
    """How slow a check is, to compare users by."""
    match user.kind:
        case HashKind.BCRYPT:
            return (2, int(user.hash.reveal()[4:6]))
        case HashKind.MD5:
            return (1, 0)
        case HashKind.SHA:
            return (0, 0)


def md5_crypt(password: bytes, salt: bytes, magic: bytes) -> bytes:
    """The MD5-based crypt of FreeBSD (`$1$`), which Apache marks `$apr1$`: a thousand rounds of MD5."""

    def md5(*parts: bytes) -> bytes:
        return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()

    inner = md5(password, salt, password)
    filler = inner * (len(password) // 16) + inner[: len(password) % 16]
    bits = []
    length = len(password)
    while length:
        bits.append(b"\0" if length & 1 else password[:1])
        length >>= 1
    digest = md5(password, magic, salt, filler, *bits)
    for number in range(_ROUNDS):
        digest = md5(
            password if number & 1 else digest,
            salt if number % 3 else b"",
            password if number % 7 else b"",
            digest if number & 1 else password,
        )
    text = b"".join(_base64(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _ORDER)
    return magic + salt + b"$" + text + _base64(digest[11], 2)


def _base64(value: int, characters: int) -> bytes:
    """crypt's own base 64, lowest six bits first."""
    return bytes(_ALPHABET[value >> 6 * index & 0x3F] for index in range(characters))
