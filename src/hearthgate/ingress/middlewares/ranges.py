"""Sets of addresses as sorted ranges, and the file in which the proxy reads them. Pure.

The file: a line `hgr1 CONTENT-HASH STATUS COUNT4 COUNT6`, then the ranges of IPv4 and of IPv6 as pairs of first
and last address in network order. They are sorted and apart, so that one binary search decides. STATUS is 0 for a
table of refused addresses; another one says that nobody in it can be judged yet, and is what they get.
"""

from collections.abc import Iterable
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

MAGIC: Final = "hgr1"
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
Range = tuple[int, int]
"""First and last address, as numbers."""


class Ranges(NamedTuple):
    """Sorted and apart."""

    v4: tuple[Range, ...] = ()
    v6: tuple[Range, ...] = ()


EVERYBODY: Final = Ranges(((0, 2**32 - 1),), ((0, 2**128 - 1),))


class Span(NamedTuple):
    """One range. version: 4 or 6."""

    version: int
    first: int
    last: int


def span(text: str) -> Span:
    """The addresses of a network or an address; IPv4 in IPv6 is IPv4. Raises ValueError."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = int(network.network_address) & 0xFFFFFFFF
        return Span(4, first, first + network.num_addresses - 1)
    version = 4 if isinstance(network, IPv4Network) else 6
    return Span(version, int(network.network_address), int(network.broadcast_address))


def joined(spans: Iterable[Span]) -> Ranges:
    """The addresses that are in any of them."""
    families: dict[int, list[Range]] = {4: [], 6: []}
    for version, first, last in spans:
        families[version].append((first, last))
    return Ranges(_merged(families[4]), _merged(families[6]))


def without(ranges: Ranges, holes: Ranges) -> Ranges:
    """What is in `ranges` and not in `holes`."""
    return Ranges(_cut(ranges.v4, holes.v4), _cut(ranges.v6, holes.v6))


def _merged(ranges: list[Range]) -> tuple[Range, ...]:
    ranges.sort()
    found: list[Range] = []
    for first, last in ranges:
        if found and first <= found[-1][1] + 1:
            if last > found[-1][1]:
                found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def _cut(ranges: tuple[Range, ...], holes: tuple[Range, ...]) -> tuple[Range, ...]:
    found: list[Range] = []
    position = 0
    for start, last in ranges:
        first = start
        while position < len(holes) and holes[position][1] < first:
            position += 1
        index = position
        while index < len(holes) and holes[index][0] <= last:
            if holes[index][0] > first:
                found.append((first, holes[index][0] - 1))
            first = holes[index][1] + 1
            index += 1
        if first <= last:
            found.append((first, last))
    return tuple(found)


def packed(ranges: tuple[Range, ...], width: int) -> bytes:
    """Pairs of addresses of `width` bytes."""
    return b"".join(first.to_bytes(width) + last.to_bytes(width) for first, last in ranges)


def encode(ranges: Ranges, *, status: int = 0) -> bytes:
    """The file."""
    body = packed(ranges.v4, 4) + packed(ranges.v6, 16)
    digest = blake2b(f"{status} ".encode() + body, digest_size=8).hexdigest()
    return f"{MAGIC} {digest} {status} {len(ranges.v4)} {len(ranges.v6)}\n".encode() + body
