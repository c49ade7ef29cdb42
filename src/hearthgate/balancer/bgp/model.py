"""What this node tells which router. Pure."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bfd.machine import Timers
from hearthgate.cluster.snapshot import Key
from hearthgate.model.secret import SecretBytes

Prefix = IPv4Network | IPv6Network

HOLD_TIME: Final = 90
"""Seconds, where a BGPPeer says nothing: upstream's native speaker."""


class Communities(NamedTuple):
    """plain: of 32 bits (RFC 1997). large: three times 32 bits (RFC 8092). Both sorted."""

    plain: tuple[int, ...] = ()
    large: tuple[tuple[int, int, int], ...] = ()

    def __or__(self, other: "Communities") -> "Communities":
        return Communities(tuple(sorted({*self.plain, *other.plain})), tuple(sorted({*self.large, *other.large})))


class Path(NamedTuple):
    """The attributes of a route that advertisements choose. local_pref: 0 for none."""

    local_pref: int = 0
    communities: Communities = Communities()


class Bfd(NamedTuple):
    """minimum_ttl: of packets that are taken; None where the router is a neighbour, whose packets have 255."""

    timers: Timers
    minimum_ttl: int | None = None


class Peer(NamedTuple):
    """A router to open a session with. Whatever is another here, the session is made anew for.

    remote_asn: None for any but ours (dynamicASN: external). hold_time, keepalive_time: seconds; 0 for a session
    that nothing but TCP ends. connect_time: seconds between attempts; None: they become rarer.
    """

    address: Address
    port: int
    local_asn: int
    remote_asn: int | None
    is_internal: bool
    source: Address | None = None
    router_id: IPv4Address | None = None
    hold_time: int = HOLD_TIME
    keepalive_time: int = HOLD_TIME // 3
    connect_time: int | None = None
    password: SecretBytes | None = None
    multihop: bool = False
    graceful: bool = False
    families: tuple[int, ...] = (4,)


class Session(NamedTuple):
    """key: of the BGPPeer. routes: the whole table that the router shall have from us."""

    key: Key
    peer: Peer
    bfd: Bfd | None
    routes: Mapping[Prefix, Path]

    @property
    def label(self) -> str:
        """As upstream's metrics name a peer."""
        address = self.peer.address
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{host}:{self.peer.port}"


class Announcement(NamedTuple):
    """What a Service gets from this node. peers: names of BGPPeers, sorted."""

    service: Key
    addresses: tuple[Address, ...]
    peers: tuple[str, ...]
