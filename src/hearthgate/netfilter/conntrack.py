"""What the kernel remembers of connections (ctnetlink of nfnetlink). Pure."""

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from hearthgate.netfilter.messages import ACK, DUMP, REQUEST, Message, attribute, attributes, request

PROTOCOL: Final = 12
"""NETLINK_NETFILTER."""
_SUBSYSTEM: Final = 1 << 8
_GET, _DELETE = _SUBSYSTEM | 1, _SUBSYSTEM | 2
_FAMILIES: Final = {4: 2, 6: 10}
_HEAD: Final = struct.Struct("=BBH")
_NESTED: Final = 0x8000
_ORIGINAL, _REPLY, _STATUS, _ID = 1, 2, 3, 12
_SEEN_REPLY: Final = 1 << 1
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCE, _DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3


class End(NamedTuple):
    """port: 0 for protocols without."""

    address: IPv4Address | IPv6Address
    port: int


class Entry(NamedTuple):
    """A connection, or datagrams that look like one. source, destination: of its first packet. answers: who sends
    the other way, another than the destination where that was translated. protocol: the number of IP. is_answered:
    whether packets came that way. key: what the kernel finds it by."""

    protocol: int
    source: End
    destination: End
    answers: End
    is_answered: bool
    key: bytes


def list_entries(version: int) -> bytes:
    """Asks for all of a family."""
    return request(_GET, REQUEST | DUMP, _HEAD.pack(_FAMILIES[version], 0, 0))


def forget(version: int, key: bytes) -> bytes:
    """Tells the kernel to drop one."""
    return request(_DELETE, REQUEST | ACK, _HEAD.pack(_FAMILIES[version], 0, 0) + key)


def read_entry(message: Message) -> Entry | None:
    """None for what has no addresses."""
    found = attributes(message.body[_HEAD.size :])
    original, reply = attributes(found.get(_ORIGINAL, b"")), attributes(found.get(_REPLY, b""))
    protocol = attributes(original.get(_PROTOCOL, b"")).get(_NUMBER)
    version = 4 if _SOURCE[4] in attributes(original.get(_ADDRESSES, b"")) else 6
    source = _end(original, _SOURCE[version], _SOURCE_PORT)
    destination = _end(original, _DESTINATION[version], _DESTINATION_PORT)
    answers = _end(reply, _SOURCE[version], _SOURCE_PORT)
    if protocol is None or source is None or destination is None or answers is None:
        return None
    key = attribute(_ORIGINAL | _NESTED, found[_ORIGINAL])
    if _ID in found:
        key += attribute(_ID, found[_ID])  # not another one that came to be in its place
    is_answered = bool(int.from_bytes(found.get(_STATUS, b""), "big") & _SEEN_REPLY)
    return Entry(protocol[0], source, destination, answers, is_answered, key)


def _end(sides: Mapping[int, bytes], address: int, port: int) -> End | None:
    addresses, ports = attributes(sides.get(_ADDRESSES, b"")), attributes(sides.get(_PROTOCOL, b""))
    if address not in addresses:
        return None
    return End(ip_address(addresses[address]), int.from_bytes(ports.get(port, b""), "big"))
