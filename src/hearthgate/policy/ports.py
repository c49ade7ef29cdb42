"""Sets of ports of each protocol. Pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

LAST: Final = 65535
Ranges = tuple[tuple[int, int], ...]
"""First and last of each; sorted, and no two that touch."""
_ALL: Final[Ranges] = ((0, LAST),)


class Protocol(StrEnum):
    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


NUMBERS: Final = {6: Protocol.TCP, 17: Protocol.UDP, 132: Protocol.SCTP}
"""By their numbers in packets of IP."""


class PortSet(NamedTuple):
    """other: whether protocols without ports (ICMP) are in it."""

    tcp: Ranges = ()
    udp: Ranges = ()
    sctp: Ranges = ()
    other: bool = False

    def of(self, protocol: Protocol) -> Ranges:
        match protocol:
            case Protocol.TCP:
                return self.tcp
            case Protocol.UDP:
                return self.udp
            case Protocol.SCTP:
                return self.sctp

    def holds(self, protocol: Protocol, port: int) -> bool:
        return any(first <= port <= last for first, last in self.of(protocol))

    def __or__(self, more: "PortSet") -> "PortSet":
        if self == ALL or more == NONE:
            return self
        return PortSet(
            merged((*self.tcp, *more.tcp)),
            merged((*self.udp, *more.udp)),
            merged((*self.sctp, *more.sctp)),
            self.other or more.other,
        )

    def __and__(self, other: "PortSet") -> "PortSet":
        if self == ALL:
            return other
        if other == ALL:
            return self
        return PortSet(
            _common(self.tcp, other.tcp),
            _common(self.udp, other.udp),
            _common(self.sctp, other.sctp),
            self.other and other.other,
        )

    def __invert__(self) -> "PortSet":
        return PortSet(_rest(self.tcp), _rest(self.udp), _rest(self.sctp), not self.other)

    def __str__(self) -> str:
        if self == ALL:
            return "all"
        every = ((protocol, self.of(protocol)) for protocol in Protocol)
        parts = [f"{protocol}:{_words(ranges)}" for protocol, ranges in every if ranges]
        return " ".join((*parts, *(("ICMP",) if self.other else ()))) or "none"


ALL: Final = PortSet(_ALL, _ALL, _ALL, other=True)
NONE: Final = PortSet()


def ports(protocol: Protocol, first: int = 0, last: int = LAST) -> PortSet:
    """The ports of one protocol from `first` to `last`; without them all of the protocol."""
    ranges = ((first, last),)
    match protocol:
        case Protocol.TCP:
            return PortSet(tcp=ranges)
        case Protocol.UDP:
            return PortSet(udp=ranges)
        case Protocol.SCTP:
            return PortSet(sctp=ranges)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _common(one: Ranges, other: Ranges) -> Ranges:
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return merged((first, last) for first, last in pairs if first <= last)


def _rest(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for first, last in ranges:
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return (*found, (start, LAST)) if start <= LAST else tuple(found)


def _words(ranges: Ranges) -> str:
    if ranges == _ALL:
        return "all"
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
