"""Bytes of STARTTLS: the PROXY protocol's header, version 2; PostgreSQL's SSLRequest; TLS ClientHello (RFC 8446).

Whatever a peer sends gives a value or WireError.
"""

import ipaddress
import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from hearthgate.model.errors import WireError

SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")
"""Length 8, code 80877103."""
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
HEAD: Final = 16
"""Bytes of a header before its addresses."""
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
"""By family and transport: TCP over IPv4, over IPv6."""
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _ALPN = 22, 1, 0, 16
RECORD_HEAD: Final = 5
LONGEST_RECORD: Final = 16 * 1024 + 256
LONGEST_HELLO: Final = 64 * 1024


class Peers(NamedTuple):
    """Who connects to whom. Addresses of one family."""

    source: str
    source_port: int
    target: str
    target_port: int


class Hello(NamedTuple):
    """What a client says about itself: the name that it asks for, empty for none, and its protocols."""

    sni: str
    alpn: tuple[str, ...]


def length_of_rest(head: bytes) -> int:
    """How many bytes follow the first 16 of a header."""
    if head[:12] != _SIGNATURE or head[12] != 0x21:
        raise WireError("not a PROXY header of version 2")
    return int.from_bytes(head[14:16])


def parse_header(head: bytes, rest: bytes) -> tuple[Peers, Mapping[int, bytes]]:
    """The peers, and the values of the header's TLVs by type."""
    size = _ADDRESS_BYTES.get(head[13])
    if size is None or len(rest) < 2 * size + 4:
        raise WireError("a PROXY header without TCP addresses")
    source, target = (str(ipaddress.ip_address(rest[start : start + size])) for start in (0, size))
    source_port, target_port = struct.unpack_from("!HH", rest, 2 * size)
    values: dict[int, bytes] = {}
    offset = 2 * size + 4
    while offset + 3 <= len(rest):
        kind, length = struct.unpack_from("!BH", rest, offset)
        values[kind] = rest[offset + 3 : offset + 3 + length]
        offset += 3 + length
    return Peers(source, source_port, target, target_port), values


def write_header(peers: Peers) -> bytes:
    source, target = ipaddress.ip_address(peers.source), ipaddress.ip_address(peers.target)
    kind = 0x11 if source.version == 4 else 0x21
    body = source.packed + target.packed + struct.pack("!HH", peers.source_port, peers.target_port)
    return _SIGNATURE + bytes([0x21, kind]) + len(body).to_bytes(2) + body


def record_length(head: bytes) -> int:
    """Length of a TLS record after its head, which must be one of a handshake."""
    length = int.from_bytes(head[3:5])
    if head[0] != _HANDSHAKE or length > LONGEST_RECORD:
        raise WireError("not a TLS handshake")
    return length


def parse_hello(handshake: bytes) -> Hello | None:
    """What the ClientHello says in the content of handshake records; None when more of it is to come."""
    if len(handshake) < 4:
        return None
    length = int.from_bytes(handshake[1:4])
    if handshake[0] != _CLIENT_HELLO or length > LONGEST_HELLO:
        raise WireError("not a ClientHello")
    if len(handshake) < 4 + length:
        return None
    reader = _Reader(handshake[4 : 4 + length])
    reader.take(2 + 32)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    sni, alpn = "", list[str]()
    extensions = _Reader(reader.vector(2) if reader.left else b"")
    while extensions.left:
        kind = int.from_bytes(extensions.take(2))
        content = _Reader(extensions.vector(2))
        if kind == _SERVER_NAME:
            names = _Reader(content.vector(2))
            names.take(1)
            sni = names.vector(2).decode("latin1")
        elif kind == _ALPN:
            protocols = _Reader(content.vector(2))
            while protocols.left:
                alpn.append(protocols.vector(1).decode("latin1"))
    return Hello(sni, tuple(alpn))


class _Reader:
    """Raises WireError where bytes are missing."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def left(self) -> int:
        return len(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise WireError("a ClientHello that ends too early")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def vector(self, size: int) -> bytes:
        """The content after its length, which takes `size` bytes."""
        return self.take(int.from_bytes(self.take(size)))
