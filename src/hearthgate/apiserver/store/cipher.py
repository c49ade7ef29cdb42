"""Encryption at rest: AES-256-GCM under a data key, itself wrapped by the key in a file (envelope).

A key beside the database protects backups and copies of the database, not a stolen machine.
"""

import os
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
_WRAP_PURPOSE: Final = b"hearthgate data key"
_WAY_OUT: Final = "put it back, or the whole state with `hearthgate restore FILE --force`"


class Cipher:
    """Seals and opens bytes; the place they belong to is authenticated with them."""

    def __init__(self, key: SecretBytes) -> None:
        self._key = key
        self._aead = AESGCM(key.reveal())

    @classmethod
    def generate(cls) -> Self:
        return cls(SecretBytes(os.urandom(_KEY_BYTES)))

    def seal(self, plain: bytes, place: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._aead.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Permanent when the bytes were sealed by another key, for another place, or are damaged."""
        if sealed[:1] != _FORMAT:
            raise Permanent(f"sealed data of {place.decode(errors='replace')} has an unknown format")
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, text, place)
        except (InvalidTag, ValueError) as error:
            where = place.decode(errors="replace")
            raise Permanent(f"cannot decrypt {where}: wrong key or damaged data") from error

    def wrap(self, inner: "Cipher") -> bytes:
        """The data key of `inner`, sealed by this one."""
        return self.seal(inner._key.reveal(), _WRAP_PURPOSE)

    def unwrap(self, wrapped: bytes) -> "Cipher":
        return Cipher(SecretBytes(self.open(wrapped, _WRAP_PURPOSE)))


def unlock(path: Path, wrapped: bytes) -> Cipher:
    """The data key that the key file has wrapped. Raises Permanent when the file is missing, or is another's."""
    outer = load_key(path, create=False)
    try:
        return outer.unwrap(wrapped)
    except Permanent as error:
        raise Permanent(
            f"key file {path} is the wrong key for this database, or damaged; nothing was changed: {_WAY_OUT}"
        ) from error


def load_key(path: Path, *, create: bool) -> Cipher:
    """The cipher of a key file (raw 32 bytes, mode 0600), which is created when `create` allows it.

    Raises Permanent when the file is missing, readable by others or not a key.
    """
    if not path.exists():
        if not create:
            raise Permanent(
                f"key file {path} is missing, and the stored secrets cannot be read without it: {_WAY_OUT}"
            )
        write_atomically(path, os.urandom(_KEY_BYTES))
    if path.stat().st_mode & 0o077:
        raise Permanent(f"key file {path} can be read by others: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise Permanent(
            f"key file {path} is not a key: {len(key)} bytes instead of {_KEY_BYTES};"
            f" nothing was changed: {_WAY_OUT}"
        )
    return Cipher(SecretBytes(key))
