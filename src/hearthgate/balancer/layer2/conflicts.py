"""Somebody else has an address of ours: what is known of them. Pure."""

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hearthgate.balancer.frames.ethernet import Mac

Address = IPv4Address | IPv6Address


class Foreign(NamedTuple):
    """A machine that has an address, as seen on one of our interfaces."""

    mac: Mac
    interface: str


class Conflict(NamedTuple):
    """Somebody claims an address that this node announces."""

    address: Address
    foreign: Foreign
