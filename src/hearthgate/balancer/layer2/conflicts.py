"""Somebody else has an address of ours: what is known of them, and whether to defend it (RFC 5227 2.4). Pure."""

from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import Mac

Address = IPv4Address | IPv6Address

DEFEND_INTERVAL: Final = 10.0
"""Seconds. Who claims an address twice within this time has not given way (RFC 5227 1.1)."""


class Foreign(NamedTuple):
    """A machine that has an address, as seen on one of our interfaces."""

    mac: Mac
    interface: str


class Conflict(NamedTuple):
    """Somebody claims an address that this node announces.

    is_peer: another node of ours; which of us keeps the address is for the election.
    yielded: they claimed it again after we had defended it, so this node is silent until they are gone.
    """

    address: Address
    foreign: Foreign
    is_peer: bool
    yielded: bool
