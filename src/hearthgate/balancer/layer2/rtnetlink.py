"""Messages of rtnetlink(7): interfaces, their addresses, local routes, neighbours. Pure."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.conflicts import Address
from hearthgate.balancer.layer2.links import Assigned, Link
from hearthgate.netfilter.messages import ACK, DUMP, REQUEST, Message, attribute, attributes, request

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR."""

PROTOCOL: Final = 72
"""Marks routes as ours (rtm_protocol), among those that no routing daemon has taken."""

_CREATE, _REPLACE = 0x400, 0x100
_INET, _INET6 = 2, 10
_LOCAL_TABLE, _LOCAL_TYPE, _HOST_SCOPE = 255, 2, 254
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_IFLA_ADDRESS, _IFLA_NAME, _IFLA_MASTER = 1, 3, 10
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DESTINATION, _RTA_OUT, _RTA_TABLE = 1, 4, 15


class LocalRoute(NamedTuple):
    """A route that makes an address this machine's. is_ours: by its mark."""

    address: Address
    is_ours: bool


def list_links() -> bytes:
    return request(GET_LINK, REQUEST | DUMP, _LINK.pack(0, 0, 0, 0, 0))


def list_addresses() -> bytes:
    return request(GET_ADDRESS, REQUEST | DUMP, _ADDRESS.pack(0, 0, 0, 0, 0))


def list_routes(family: type[Address]) -> bytes:
    return request(GET_ROUTE, REQUEST | DUMP, _ROUTE.pack(_family(family), 0, 0, 0, _LOCAL_TABLE, 0, 0, 0, 0))


def add_local_route(address: Address, loopback: int) -> bytes:
    """As `ip route replace local ADDRESS dev lo`. loopback: the index of lo."""
    return _local_route(NEW_ROUTE, REQUEST | ACK | _CREATE | _REPLACE, address, loopback)


def remove_local_route(address: Address, loopback: int) -> bytes:
    return _local_route(DEL_ROUTE, REQUEST | ACK, address, loopback)


def read_link(message: Message) -> Link | None:
    if len(message.body) < _LINK.size:
        return None
    _, type_, index, flags, _ = _LINK.unpack_from(message.body)
    found = attributes(message.body[_LINK.size :])
    raw = found.get(_IFLA_ADDRESS, b"")
    return Link(
        index,
        found.get(_IFLA_NAME, b"").rstrip(b"\0").decode(errors="replace"),
        Mac(raw) if len(raw) == 6 else None,
        type_,
        flags,
        struct.unpack("=I", master)[0] if (master := found.get(_IFLA_MASTER)) else 0,
    )


def read_address(message: Message) -> Assigned | None:
    if len(message.body) < _ADDRESS.size:
        return None
    _, prefix, _, _, index = _ADDRESS.unpack_from(message.body)
    found = attributes(message.body[_ADDRESS.size :])
    local = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    peer = found.get(_IFA_ADDRESS, local)
    if local is None or peer is None:
        return None
    return Assigned(index, ip_address(local), ip_interface((peer, prefix)).network)


def read_local_route(message: Message) -> LocalRoute | None:
    """None for routes elsewhere and for networks."""
    if len(message.body) < _ROUTE.size:
        return None
    family, length, *_, protocol, _, type_, _ = _ROUTE.unpack_from(message.body)
    raw = attributes(message.body[_ROUTE.size :]).get(_RTA_DESTINATION)
    if type_ != _LOCAL_TYPE or raw is None or length != {_INET: 32, _INET6: 128}.get(family):
        return None
    return LocalRoute(ip_address(raw), protocol == PROTOCOL)


def _local_route(kind: int, flags: int, address: Address, loopback: int) -> bytes:
    is_v4 = address.version == 4
    body = _ROUTE.pack(
        _family(type(address)),
        address.max_prefixlen,
        0,
        0,
        _LOCAL_TABLE,
        PROTOCOL,
        _HOST_SCOPE if is_v4 else 0,
        _LOCAL_TYPE,
        0,
    )
    body += attribute(_RTA_DESTINATION, address.packed) + attribute(_RTA_OUT, struct.pack("=i", loopback))
    return request(kind, flags, body)


def _family(kind: type[IPv4Address] | type[IPv6Address]) -> int:
    return _INET if kind is IPv4Address else _INET6
