"""BGP's messages: RFC 4271, with capabilities (5492), 4-byte AS numbers (6793), graceful restart (4724). Pure."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from hearthgate.model.errors import WireError

MARKER: Final = b"\xff" * 16
HEADER: Final = 19
LARGEST: Final = 4096
AS_TRANS: Final = 23456
"""Stands in a field of 16 bits for an AS number that needs 32."""
RESTART_TIME: Final = 120
"""Seconds that a router keeps our routes while we restart."""
UNICAST: Final = 1
_VERSION: Final = 4
_CAPABILITIES: Final = 2
_MULTIPROTOCOL, _REFRESH, _RESTART, _LONG_ASN = 1, 2, 64, 65
_RESTARTING, _FORWARDING = 0x8000, 0x80


class Kind(IntEnum):
    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


class Family(IntEnum):
    """Address family numbers (AFI)."""

    IPV4 = 1
    IPV6 = 2

    @classmethod
    def of(cls, version: int) -> "Family":
        return cls.IPV4 if version == 4 else cls.IPV6


class Open(NamedTuple):
    """families: for which unicast routes are exchanged. restart_families: whose routes are kept over a restart;
    None where graceful restart is not spoken of."""

    asn: int
    hold_time: int
    router_id: IPv4Address
    families: frozenset[Family]
    has_long_asn: bool = True
    has_refresh: bool = True
    restart_families: frozenset[Family] | None = None
    is_restarting: bool = False

    def encode(self) -> bytes:
        capabilities = b"".join(self._capabilities())
        parameters = bytes((_CAPABILITIES, len(capabilities))) + capabilities
        short = self.asn if self.asn <= 0xFFFF else AS_TRANS
        head = struct.pack("!BHH4sB", _VERSION, short, self.hold_time, self.router_id.packed, len(parameters))
        return message(Kind.OPEN, head + parameters)

    def _capabilities(self) -> Iterator[bytes]:
        for family in sorted(self.families):
            yield struct.pack("!BBHBB", _MULTIPROTOCOL, 4, family, 0, UNICAST)
        if self.has_refresh:
            yield bytes((_REFRESH, 0))
        if self.has_long_asn:
            yield struct.pack("!BBI", _LONG_ASN, 4, self.asn)
        if self.restart_families is not None:
            flags = RESTART_TIME | _RESTARTING * self.is_restarting
            kept = b"".join(
                struct.pack("!HBB", family, UNICAST, _FORWARDING) for family in sorted(self.restart_families)
            )
            yield struct.pack("!BBH", _RESTART, 2 + len(kept), flags) + kept


class Notification(NamedTuple):
    """Why a session ends: RFC 4271, section 4.5."""

    code: int
    subcode: int
    data: bytes = b""

    def encode(self) -> bytes:
        return message(Kind.NOTIFICATION, bytes((self.code, self.subcode)) + self.data)

    def __str__(self) -> str:
        name = _CODES.get(self.code, f"code {self.code}")
        detail = _DETAILS.get((self.code, self.subcode))
        if detail is None:
            detail = f"subcode {self.subcode}" if self.subcode else ""
        return f"{name}: {detail}" if detail else name


_CODES: Final = {
    1: "message header error",
    2: "OPEN refused",
    3: "UPDATE refused",
    4: "hold time expired",
    5: "finite state machine error",
    6: "session ended",
}
_DETAILS: Final = {
    (2, 1): "version",
    (2, 2): "wrong AS number",
    (2, 3): "router ID",
    (2, 6): "hold time",
    (2, 7): "a capability is missing",
    (6, 1): "too many prefixes",
    (6, 2): "shut down by the administrator",
    (6, 3): "the peer was removed",
    (6, 4): "reset by the administrator",
    (6, 5): "connection rejected (is this node configured at the router?)",
    (6, 6): "its configuration has changed",
    (6, 7): "two connections at once",
    (6, 8): "out of resources",
    (6, 10): "BFD went down",
}
KEEPALIVE: Final = MARKER + struct.pack("!HB", HEADER, Kind.KEEPALIVE)


def message(kind: Kind, body: bytes) -> bytes:
    return MARKER + struct.pack("!HB", HEADER + len(body), kind) + body


def read_header(header: bytes) -> tuple[Kind, int]:
    """(kind, length of the body). Raises WireError."""
    length, kind = struct.unpack("!HB", header[16:HEADER])
    if header[:16] != MARKER:
        raise WireError("no BGP message begins here")
    if not HEADER <= length <= LARGEST:
        raise WireError(f"a message of {length} bytes")
    try:
        return Kind(kind), length - HEADER
    except ValueError:
        raise WireError(f"message type {kind}") from None


def read_open(body: bytes) -> Open:
    """Raises WireError. Capabilities that we do not know are passed over."""
    if len(body) < 10:
        raise WireError("a short OPEN")
    version, asn, hold, router_id, rest = struct.unpack_from("!BHH4sB", body)
    if version != _VERSION:
        raise WireError(f"BGP version {version}")
    if len(body) != 10 + rest:
        raise WireError("an OPEN whose parameters do not fit")
    if hold in {1, 2}:
        raise WireError(f"a hold time of {hold} s")
    families: set[Family] = set()
    restart: frozenset[Family] | None = None
    has_long = has_refresh = False
    for code, value in _all_capabilities(body[10:]):
        if code == _MULTIPROTOCOL and len(value) == 4:
            family, _, kind = struct.unpack("!HBB", value)
            if kind == UNICAST and family in set(Family):
                families.add(Family(family))
        elif code == _LONG_ASN and len(value) == 4:
            has_long, asn = True, struct.unpack("!I", value)[0]
        elif code == _REFRESH:
            has_refresh = True
        elif code == _RESTART and len(value) >= 2:
            kept = (struct.unpack_from("!HB", value, place) for place in range(2, len(value) - 3, 4))
            restart = frozenset(Family(one) for one, kind in kept if kind == UNICAST and one in set(Family))
    if asn == 0:
        raise WireError("AS number 0")
    known = frozenset(families or {Family.IPV4})  # a router without the capability has IPv4 alone (RFC 4760)
    return Open(asn, hold, IPv4Address(router_id), known, has_long, has_refresh, restart)


def read_notification(body: bytes) -> Notification:
    """Raises WireError."""
    if len(body) < 2:
        raise WireError("a short NOTIFICATION")
    return Notification(body[0], body[1], body[2:])


def read_refresh(body: bytes) -> Family | None:
    """The family whose routes are asked for again (RFC 2918); None for one that is not ours. Raises WireError."""
    if len(body) < 4:
        raise WireError("a short ROUTE-REFRESH")
    family, subtype, kind = struct.unpack_from("!HBB", body)
    return Family(family) if kind == UNICAST and subtype == 0 and family in set(Family) else None


def _all_capabilities(data: bytes) -> Iterator[tuple[int, bytes]]:
    for kind, value in _pairs(data):
        if kind == _CAPABILITIES:
            yield from _pairs(value)


def _pairs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type, length and value, each length of one byte."""
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            raise WireError("an OPEN that ends too early")
        yield data[0], data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
