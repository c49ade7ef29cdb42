"""Replay nonces (RFC 8555, section 6.5): each good for one request."""

from typing import Final

_MOST: Final = 64


class NoncePool:
    """The newest goes out first: CAs forget old ones."""

    def __init__(self) -> None:
        self._nonces: list[str] = []

    def put(self, nonce: str | None) -> None:
        if nonce:
            self._nonces.append(nonce)
            del self._nonces[:-_MOST]

    def take(self) -> str | None:
        return self._nonces.pop() if self._nonces else None

    def refused(self) -> None:
        """One was not good: those that came before it will not be either."""
        self._nonces.clear()
