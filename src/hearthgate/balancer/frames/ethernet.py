"""What every Ethernet frame begins with."""

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!6s6sH")
"""Destination, source, type of the payload."""


class Mac(NamedTuple):
    """A hardware address: six bytes."""

    raw: bytes

    def __str__(self) -> str:
        return self.raw.hex(":")

    @classmethod
    def parse(cls, text: str) -> "Mac":
        """From `02:00:00:00:00:01`. Raises ValueError."""
        raw = bytes.fromhex(text.replace(":", ""))
        if len(raw) != 6:
            raise ValueError(f"{text!r} is no hardware address")
        return cls(raw)


BROADCAST: Final = Mac(b"\xff" * 6)
