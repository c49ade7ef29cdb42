"""Lines out of chunks of any size. Pure."""

from typing import Final

from hearthgate.model.errors import WireError

MAX_LINE: Final = 64 * 1024 * 1024
"""Far above what an API server stores (3 MiB an object): only a peer that speaks something else gets there."""


class LineSplitter:
    """Cuts a stream at newlines. Each byte is looked at once, however small the chunks and long the lines."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends. Raises WireError on an endless line."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for piece in complete:
            lines.append(b"".join([*self._parts, piece]) if self._parts else piece)
            self._parts.clear()
            self._held = 0
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
        if self._held > self._limit:
            raise WireError(f"a line of more than {self._limit} bytes")
        return lines
