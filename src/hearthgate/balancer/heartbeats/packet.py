"""One heartbeat as bytes, with a MAC over all of it. Pure.

`HGB1`, flags, run (8 bytes), sequence (8 bytes), length of the name, name, HMAC-SHA256 of everything before.
"""

import hashlib
import hmac
import struct
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct("!4sBQQB")
_MAGIC: Final = b"HGB1"
_LEAVING: Final = 1
_MAC: Final = 32
LONGEST: Final = _HEAD.size + 255 + _MAC


class Heartbeat(NamedTuple):
    """run: of the sender's process, later ones greater. sequence: within the run, always growing. is_leaving: the
    sender ends, and will not announce anything any more."""

    node: str
    run: int
    sequence: int
    is_leaving: bool = False

    def encode(self, key: bytes) -> bytes:
        """Raises ValueError for a name of more than 255 bytes."""
        name = self.node.encode()
        if len(name) > 255:
            raise ValueError(f"the name of a node is longer than 255 bytes: {self.node[:40]}…")
        text = _HEAD.pack(_MAGIC, _LEAVING * self.is_leaving, self.run, self.sequence, len(name)) + name
        return text + hmac.digest(key, text, hashlib.sha256)


def decode_heartbeat(data: bytes, key: bytes) -> Heartbeat | None:
    """None for what was not written with the key."""
    text, mac = data[:-_MAC], data[-_MAC:]
    if len(text) < _HEAD.size or not hmac.compare_digest(mac, hmac.digest(key, text, hashlib.sha256)):
        return None
    magic, flags, run, sequence, length = _HEAD.unpack_from(text)
    name = text[_HEAD.size :]
    if magic != _MAGIC or len(name) != length:
        return None
    try:
        return Heartbeat(name.decode(), run, sequence, bool(flags & _LEAVING))
    except UnicodeDecodeError:
        return None
