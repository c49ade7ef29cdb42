"""Network interfaces, and on which of them an address is answered for. Pure."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.conflicts import Address

EXCLUDED: Final = (
    *("^docker.*", "^cbr.*", "^dummy.*", "^virbr.*", "^lxcbr.*", "^veth.*", "^lo$", "^cali.*", "^tunl.*"),
    *("^flannel.*", "^kube-ipvs.*", "^cni.*", "^nodelocaldns.*", "^lxc.*"),
)
"""Interfaces of containers, which lead to no neighbours: upstream's list."""

_ETHERNET: Final = 1
"""ARPHRD_ETHER, which wireless interfaces are too."""
_UP, _BROADCAST, _RUNNING, _NO_ARP = 0x1, 0x2, 0x40, 0x80


class Link(NamedTuple):
    """An interface. type, flags: as the kernel has them. master: number of the bridge or bond it is part
    of, else 0."""

    number: int
    name: str
    mac: Mac | None
    type: int
    flags: int
    master: int

    @property
    def unfit(self) -> str:
        """Why nothing can be announced on it; empty when something can."""
        if self.type != _ETHERNET or self.mac is None or not self.flags & _BROADCAST or self.flags & _NO_ARP:
            return "is no Ethernet interface with ARP"
        if self.master:
            return "is part of a bridge or bond: name that instead"
        if not self.flags & _UP:
            return "is down"
        if not self.flags & _RUNNING:
            return "has no carrier"
        return ""


class Assigned(NamedTuple):
    """An address of an interface, and the network that is reached over it."""

    number: int
    address: Address
    network: IPv4Network | IPv6Network


class Choice(NamedTuple):
    """trouble: why there is no link, or not every one that was asked for, and the way out."""

    links: tuple[Link, ...]
    trouble: str = ""


class Interfaces(NamedTuple):
    """What this machine has, in order of their numbers."""

    links: tuple[Link, ...]
    addresses: frozenset[Assigned]

    @property
    def macs(self) -> frozenset[Mac]:
        return frozenset(link.mac for link in self.links if link.mac is not None)

    def choose(
        self, address: Address, asked: frozenset[str] | None, excluded: Sequence[re.Pattern[str]] = ()
    ) -> Choice:
        """Those that are asked for by name, whatever their network and whether excluded or not. Else one that has
        the address in its network: upstream answers on all, and with two of them in the same network clients see
        the address at two places."""
        if asked is not None:
            return self._named(asked)
        near = [
            link
            for link in self.links
            if any(one.number == link.number and address in one.network for one in self.addresses)
            and not any(pattern.search(link.name) for pattern in excluded)
        ]
        fit = [link for link in near if not link.unfit]
        if fit:
            return Choice((fit[0],))
        if near:
            return Choice((), "; ".join(f"interface {link.name} {link.unfit}" for link in near))
        return Choice(
            (),
            f"no interface has {address} in its network: take another pool, "
            "or name interfaces in the L2Advertisement",
        )

    def _named(self, asked: frozenset[str]) -> Choice:
        by_name = {link.name: link for link in self.links}
        found, troubles = [], []
        for name in sorted(asked):
            link = by_name.get(name)
            if link is None:
                troubles.append(f"interface {name} does not exist (there are {', '.join(self._names())})")
            elif link.unfit:
                troubles.append(f"interface {name} {link.unfit}")
            else:
                found.append(link)
        return Choice(tuple(found), "; ".join(troubles))

    def _names(self) -> Iterable[str]:
        return sorted(link.name for link in self.links if not link.unfit) or ("none that is up",)
