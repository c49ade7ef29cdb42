"""A box without a cluster: what it announces it also takes, by a local route of its kernel. Envoy, and whatever
else listens on every address, is reached there without any interface having it.

On a box alone the kernel goes on answering ARP for such an address while this program restarts, as Envoy goes on
serving. Where there are others it must not: see `quiet`.
"""

import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import structlog

from hearthgate.balancer.layer2 import rtnetlink
from hearthgate.balancer.layer2.announcer import Announced, Announcer, Counts
from hearthgate.balancer.layer2.conflicts import Address, Foreign
from hearthgate.balancer.layer2.quiet import quiet_kernel
from hearthgate.netfilter.asking import ask

log = structlog.get_logger(__name__)

_LOOPBACK: Final = "lo"
_NEEDS: Final = "this machine may not take it: run as root, or with the capability CAP_NET_ADMIN"


class BoxAnnouncer:
    """announcer: tells the network. The address is taken before it is told, and given up after. alone: no other
    node announces what this one does."""

    def __init__(self, announcer: Announcer, *, alone: bool = True) -> None:
        self._announcer = announcer
        self._alone = alone
        self._taken: set[Address] = set()
        self._for_routers: set[Address] = set()
        self._in_reach: set[Address] = set()
        self._trouble: dict[Address, str] = {}

    @property
    def missing(self) -> str:
        return self._announcer.missing

    @property
    def state(self) -> Mapping[Address, Announced]:
        silent = {address: Announced((), trouble, None) for address, trouble in self._trouble.items()}
        return silent | {
            address: one._replace(trouble=one.trouble or self._trouble.get(address, ""))
            for address, one in self._announcer.state.items()
        }

    @property
    def counts(self) -> Mapping[Address, Counts]:
        return self._announcer.counts

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None:
        if self._take(address):
            self._announcer.announce(address, interfaces=interfaces)

    def repeat(self, address: Address) -> None:
        self._announcer.repeat(address)

    def keep_only(self, addresses: Iterable[Address], *, in_reach: Iterable[Address] = ()) -> None:
        """Gives up all others, those of an earlier run among them, but not what routers send here. What is
        `in_reach` is silent too but stays taken, if it was: clients that have not heard yet where it went are
        served on."""
        kept = set(addresses)
        self._announcer.keep_only(kept)
        self._in_reach = set(in_reach)
        self._give_up(self._present() - kept - self._in_reach - self._for_routers)

    def take(self, addresses: Iterable[Address]) -> Mapping[Address, str]:
        """Those that routers send here, beside what is announced in the local network; by address, why one cannot
        be taken."""
        before, self._for_routers = self._for_routers, set(addresses)
        for address in self._for_routers:
            self._take(address)
        self._give_up(before - self._for_routers - self._in_reach - self._announcer.state.keys())
        return {address: self._trouble[address] for address in self._for_routers & self._trouble.keys()}

    def _take(self, address: Address) -> bool:
        """Returns whether the local network may be told: not where our own kernel would answer for others too."""
        self._trouble.pop(address, None)
        if address in self._taken:
            return True
        try:
            if not self._alone and address.version == 4 and (trouble := quiet_kernel()):
                self._trouble[address] = trouble
                return False
            _done(rtnetlink.add_local_route(address, socket.if_nametoindex(_LOOPBACK)))
            self._taken.add(address)
        except OSError as error:
            self._trouble[address] = _NEEDS if isinstance(error, PermissionError) else f"{error.strerror}"
        return True

    def _give_up(self, addresses: Iterable[Address]) -> None:
        gone = set(addresses)
        try:
            for address in gone:
                _done(rtnetlink.remove_local_route(address, socket.if_nametoindex(_LOOPBACK)))
        except OSError as error:
            log.warning("an address that was given up is still taken", error=error.strerror)
        self._taken -= gone
        self._trouble = {address: why for address, why in self._trouble.items() if address not in gone}

    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None:
        if address in self._present():
            return None  # ours since an earlier run: our own kernel would answer
        return await self._announcer.probe(address, interfaces)

    def _present(self) -> set[Address]:
        """Addresses that routes of ours make local."""
        found = set()
        for family in (IPv4Address, IPv6Address):
            for message in ask(rtnetlink.list_routes(family)):
                route = rtnetlink.read_local_route(message)
                if route is not None and route.is_ours:
                    found.add(route.address)
        return found


def _done(change: bytes) -> None:
    """Raises OSError with the kernel's reason."""
    for _ in ask(change):
        continue
