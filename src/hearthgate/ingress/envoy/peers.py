"""Whom a filter chain serves: peers that are believed alike, in what they say of themselves and of others.

With the PROXY protocol a connection has two addresses: of the socket, and the one that the header tells. The
header is believed of trusted sockets alone. Of all others it is read, because there is no way around it, and
then the socket's address counts, as upstream does it.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final, NamedTuple

from hearthgate.ingress.envoy.messages import PEER
from hearthgate.ingress.routing.model import EntryPoint

TOLD: Final = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
SOCKET: Final = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
KEPT: Final = f"%FILTER_STATE({PEER}:PLAIN)%"
"""What a chain has kept as the peer's address. Neither of the others is it on every chain of one entrypoint."""


class Peers(NamedTuple):
    """trusted: whether their X-Forwarded-* are believed. ranges: their addresses; empty = everybody else.
    sockets: the same for the addresses of their sockets, where a PROXY header may tell another one.
    address: the format string of the address that counts as theirs, when the connection is new.
    """

    trusted: bool
    ranges: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    address: str = TOLD

    @property
    def suffix(self) -> str:
        """Tells the chains of one route table apart."""
        proxied = "/proxied" if self.sockets and self.address == TOLD else ""
        return f"{proxied}/trusted" if self.trusted else proxied


def peers_of(entrypoint: EntryPoint, *, datagrams: bool = False) -> tuple[Peers, ...]:
    """The groups of peers that are treated alike. datagrams: of HTTP/3, which knows no PROXY protocol."""
    believed = entrypoint.proxy_trusted_ips
    if datagrams or not believed:
        return _by_trust(entrypoint)
    proxies, others = _divided(believed, entrypoint.trusted_ips)
    proxied = tuple(peers._replace(sockets=proxies) for peers in _by_trust(entrypoint))
    if entrypoint.trust_everybody or not others:
        return *proxied, Peers(trusted=entrypoint.trust_everybody, address=SOCKET)
    direct = Peers(trusted=True, sockets=others, address=SOCKET)
    return *proxied, direct, Peers(trusted=False, address=SOCKET)


def peer_format(entrypoint: EntryPoint) -> str:
    """The format string of the peer's address, for headers."""
    return KEPT if entrypoint.proxy_protocol else SOCKET


def _by_trust(entrypoint: EntryPoint) -> tuple[Peers, ...]:
    if entrypoint.trust_everybody:
        return (Peers(trusted=True),)
    if entrypoint.trusted_ips:
        return Peers(trusted=True, ranges=entrypoint.trusted_ips), Peers(trusted=False)
    return (Peers(trusted=False),)


def _divided(proxies: Iterable[str], trusted: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ranges of proxies, and the trusted ones outside of them. Envoy takes the narrowest range that has an
    address, so that a trusted range inside that of a proxy must be named as one of its."""
    wide = [ip_network(text) for text in proxies]
    inside: set[str] = set(map(str, wide))
    outside: set[str] = set()
    for text in trusted:
        one = ip_network(text)
        held = any(one.version == other.version and one.subnet_of(other) for other in wide)  # type: ignore[arg-type]
        (inside if held else outside).add(text)
    return tuple(sorted(inside)), tuple(sorted(outside))
