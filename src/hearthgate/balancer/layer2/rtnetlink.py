"""Messages of rtnetlink(7): interfaces, their addresses, local routes, neighbours. Pure."""

import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.conflicts import Address
from hearthgate.balancer.layer2.links import Assigned, Link

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
ERROR, DONE = 2, 3
GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR."""

PROTOCOL: Final = 72
"""Marks routes as ours (rtm_protocol), among those that no routing daemon has taken."""

REQUEST, ACK, DUMP, _CREATE, _REPLACE = 0x1, 0x4, 0x300, 0x400, 0x100
_INET, _INET6 = 2, 10
_LOCAL_TABLE, _LOCAL_TYPE, _HOST_SCOPE = 255, 2, 254
_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NESTED: Final = 0x3FFF
"""Without the bits that say nested and byte order."""
_IFLA_ADDRESS, _IFLA_NAME, _IFLA_MASTER = 1, 3, 10
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DESTINATION, _RTA_OUT, _RTA_TABLE = 1, 4, 15


class Message(NamedTuple):
    kind: int
    sequence: int
    body: bytes


class LocalRoute(NamedTuple):
    """A route that makes an address this machine's. is_ours: by its mark."""

    address: Address
    is_ours: bool


def messages(data: bytes) -> Iterator[Message]:
    """Of a datagram; what is cut off is left out."""
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        yield Message(kind, sequence, data[_HEADER.size : length])
        data = data[_aligned(length) :]


def error_of(message: Message) -> int:
    """An errno; 0 for an acknowledgement."""
    return -int(struct.unpack_from("=i", message.body)[0])


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


def request(kind: int, flags: int, body: bytes) -> bytes:
    """A message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """With the padding that the next one needs."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes) -> Mapping[int, bytes]:
    """By kind; what is cut off is left out."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            break
        found[kind & _NESTED] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _family(kind: type[IPv4Address] | type[IPv6Address]) -> int:
    return _INET if kind is IPv4Address else _INET6
