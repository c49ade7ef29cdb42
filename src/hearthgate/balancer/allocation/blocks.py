"""Ranges of addresses, as pools write them. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hearthgate.model.problems import shorten

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST: Final = 2**63 - 1
"""What counts say of blocks that are larger: upstream's."""
_BUGGY: Final = (0, 255)


class Block(NamedTuple):
    """All addresses from `first` to `last`, both included, as numbers."""

    version: int
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def address(self, number: int) -> Address:
        return ipaddress.IPv4Address(number) if self.version == 4 else ipaddress.IPv6Address(number)

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
            and address.version == self.version
            and self.first <= int(address) <= self.last
        )

    def overlaps(self, other: "Block") -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{self.address(self.first)}-{self.address(self.last)}"


def read_block(text: str) -> Block:
    """A CIDR, whose host bits count for nothing, or `first-last`. Raises ValueError with words and the way out."""
    if "/" in text:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{shorten(text)} is no CIDR such as 192.168.1.240/28") from None
        return Block(network.version, int(network.network_address), int(network.broadcast_address))
    first_text, dash, last_text = text.partition("-")
    if not dash:
        hint = f": write {text}/{128 if ':' in text else 32}" if _is_address(text) else ""
        raise ValueError(f"{shorten(text)} is neither a CIDR nor a range{hint}")
    try:
        first, last = ipaddress.ip_address(first_text.strip()), ipaddress.ip_address(last_text.strip())
    except ValueError:
        raise ValueError(f"{shorten(text)} is no range such as 192.168.1.240-192.168.1.250") from None
    if first.version != last.version:
        raise ValueError(f"{shorten(text)} begins in one family and ends in the other")
    if int(first) > int(last):
        raise ValueError(f"{shorten(text)} ends before it begins: write {last}-{first}")
    return Block(first.version, int(first), int(last))


def is_buggy(address: Address) -> bool:
    """Ends in .0 or .255, which some clients refuse to talk to."""
    return address.version == 4 and int(address) & 0xFF in _BUGGY


def capacity(blocks: Iterable[Block], *, avoid_buggy: bool) -> tuple[int, int]:
    """(IPv4, IPv6): how many addresses can be handed out."""
    totals = {4: 0, 6: 0}
    for block in blocks:
        buggy = _buggy_in(block) if avoid_buggy and block.version == 4 else 0
        totals[block.version] = min(totals[block.version] + block.size - buggy, MOST)
    return totals[4], totals[6]


def overlaps(blocks: Iterable[tuple[str, Block]]) -> Iterator[tuple[tuple[str, Block], tuple[str, Block]]]:
    """Pairs of named blocks that have addresses in common: of each block with the one before it that reaches
    furthest."""
    furthest: dict[int, tuple[str, Block]] = {}
    for name, block in sorted(blocks, key=lambda named: (named[1].version, named[1].first, named[1].last)):
        known = furthest.get(block.version)
        if known is not None and known[1].overlaps(block):
            yield known, (name, block)
        if known is None or block.last > known[1].last:
            furthest[block.version] = (name, block)


def _buggy_in(block: Block) -> int:
    def upto(number: int) -> int:
        """Of the addresses from 0 to `number`."""
        whole, rest = divmod(number + 1, 256)
        return 2 * whole + (rest > 0)

    return upto(block.last) - (upto(block.first - 1) if block.first else 0)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
