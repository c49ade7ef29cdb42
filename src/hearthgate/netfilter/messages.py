"""Messages of netlink(7): their frame, and the attributes in them. Pure."""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

ERROR, DONE = 2, 3
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NESTED: Final = 0x3FFF
"""Without the bits that say nested and byte order."""


class Message(NamedTuple):
    kind: int
    sequence: int
    body: bytes


def messages(data: bytes) -> Iterator[Message]:
    """Of a datagram; what is cut off is left out."""
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        yield Message(kind, sequence, data[_HEADER.size : length])
        data = data[_aligned(length) :]


def error_of(message: Message) -> int:
    """An errno; 0 for an acknowledgement."""
    return -int(struct.unpack_from("=i", message.body)[0])


def request(kind: int, flags: int, body: bytes) -> bytes:
    """A message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """With the padding that the next one needs."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes) -> Mapping[int, bytes]:
    """By kind; what is cut off is left out."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            break
        found[kind & _NESTED] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
