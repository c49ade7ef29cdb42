"""Bearer tokens: only their hashes are kept, so that the file gives nobody access."""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

import msgspec

from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

_TOKEN_BYTES: Final = 32


class Tokens:
    """The tokens of one state folder. They have full access."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hashes: dict[str, str] = {}
        if path.exists():
            try:
                self._hashes = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
            except msgspec.DecodeError as error:
                raise Permanent(f"{path} cannot be read: remove it and issue new tokens") from error

    def issue(self, user: str) -> SecretBytes:
        """A new token for `user`; the one before stops working. It cannot be shown again."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._hashes[user] = _hash(token)
        write_atomically(self._path, msgspec.json.encode(self._hashes))
        return SecretBytes(token.encode())

    def user_of(self, token: str) -> str | None:
        """Whose token it is. Takes the same time for every wrong token."""
        given = _hash(token)
        found = None
        for user, kept in self._hashes.items():
            if hmac.compare_digest(given, kept):
                found = user
        return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
