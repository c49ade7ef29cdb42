"""Bearer tokens of this program's own parts: full access, only in memory, gone with the process."""

import secrets
from typing import Final

from hearthgate.apiserver.access.identity import ADMIN_GROUP, AUTHENTICATED, Identity
from hearthgate.apiserver.access.users import find_hash, token_hash
from hearthgate.model.secret import SecretBytes

_TOKEN_BYTES: Final = 32


def new_token() -> SecretBytes:
    """256 random bits: no salt nor slow hash is needed to keep its hash."""
    return SecretBytes(secrets.token_urlsafe(_TOKEN_BYTES).encode())


class Tokens:
    """Keeps hashes."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}

    def issue(self, user: str) -> SecretBytes:
        """A new token for `user`; the one before stops working. It cannot be shown again."""
        token = new_token()
        self._hashes[user] = token_hash(token.reveal().decode())
        return token

    def identity_of(self, token: str) -> Identity | None:
        """Takes the same time for every wrong token."""
        found = find_hash(token_hash(token), list(self._hashes.values()))
        return None if found is None else Identity(list(self._hashes)[found], (ADMIN_GROUP, AUTHENTICATED))
