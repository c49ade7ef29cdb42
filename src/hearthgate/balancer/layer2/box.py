"""A box alone: what it announces it also takes, by a local route of its kernel. Envoy, and whatever else listens
on every address, is reached there without any interface having it.

The kernel goes on answering ARP for such an address while this program restarts, as Envoy goes on serving.
"""

import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import structlog

from hearthgate.balancer.layer2 import rtnetlink
from hearthgate.balancer.layer2.announcer import Announced, Announcer, Counts
from hearthgate.balancer.layer2.conflicts import Address, Foreign
from hearthgate.balancer.layer2.netlink import ask

log = structlog.get_logger(__name__)

_LOOPBACK: Final = "lo"
_NEEDS: Final = "this machine may not take it: run as root, or with the capability CAP_NET_ADMIN"


class BoxAnnouncer:
    """announcer: tells the network. The address is taken before it is told, and given up after."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._taken: set[Address] = set()
        self._trouble: dict[Address, str] = {}

    @property
    def missing(self) -> str:
        return self._announcer.missing

    @property
    def state(self) -> Mapping[Address, Announced]:
        return {
            address: one._replace(trouble=one.trouble or self._trouble.get(address, ""))
            for address, one in self._announcer.state.items()
        }

    @property
    def counts(self) -> Mapping[Address, Counts]:
        return self._announcer.counts

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None:
        self._trouble.pop(address, None)
        if address not in self._taken:
            try:
                _done(rtnetlink.add_local_route(address, socket.if_nametoindex(_LOOPBACK)))
                self._taken.add(address)
            except OSError as error:
                self._trouble[address] = _NEEDS if isinstance(error, PermissionError) else f"{error.strerror}"
        self._announcer.announce(address, interfaces=interfaces)

    def keep_only(self, addresses: Iterable[Address]) -> None:
        """Gives up all others, those of an earlier run among them."""
        kept = set(addresses)
        self._announcer.keep_only(kept)
        try:
            for address in self._present() - kept:
                _done(rtnetlink.remove_local_route(address, socket.if_nametoindex(_LOOPBACK)))
        except OSError as error:
            log.warning("an address that was given up is still taken", error=error.strerror)
        self._taken &= kept
        self._trouble = {address: why for address, why in self._trouble.items() if address in kept}

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
