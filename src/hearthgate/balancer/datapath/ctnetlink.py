"""Messages of the kernel's connection tracking (ctnetlink of nfnetlink), and which entries are stale. Pure."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple

from hearthgate.balancer.datapath.rules import Place, Rule, Target
from hearthgate.balancer.layer2.rtnetlink import ACK, DUMP, REQUEST, Message, attribute, attributes, request

PROTOCOL: Final = 12
"""NETLINK_NETFILTER."""
_SUBSYSTEM: Final = 1 << 8
_GET, _DELETE = _SUBSYSTEM | 1, _SUBSYSTEM | 2
_FAMILIES: Final = {4: 2, 6: 10}
_HEAD: Final = struct.Struct("=BBH")
_NESTED: Final = 0x8000
_ORIGINAL, _REPLY, _ID = 1, 2, 12
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCE, _DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_UDP: Final = 17


class Flow(NamedTuple):
    """Datagrams of one client to one place, as the kernel remembers them. target: who answers. key: what the
    kernel finds it by."""

    place: Place
    target: Target
    key: bytes


def list_flows(version: int) -> bytes:
    return request(_GET, REQUEST | DUMP, _HEAD.pack(_FAMILIES[version], 0, 0))


def forget(flow: Flow) -> bytes:
    family = _FAMILIES[flow.place.address.version]
    return request(_DELETE, REQUEST | ACK, _HEAD.pack(family, 0, 0) + flow.key)


def read_flow(message: Message) -> Flow | None:
    """None for what is no UDP."""
    found = attributes(message.body[_HEAD.size :])
    original, reply = attributes(found.get(_ORIGINAL, b"")), attributes(found.get(_REPLY, b""))
    numbers = attributes(original.get(_PROTOCOL, b""))
    if numbers.get(_NUMBER) != bytes((_UDP,)):
        return None
    version = 4 if _SOURCE[4] in attributes(original.get(_ADDRESSES, b"")) else 6
    place = _end(original, _DESTINATION[version], _DESTINATION_PORT)
    target = _end(reply, _SOURCE[version], _SOURCE_PORT)
    if place is None or target is None:
        return None
    key = attribute(_ORIGINAL | _NESTED, found[_ORIGINAL])
    if _ID in found:
        key += attribute(_ID, found[_ID])  # not another one that came to be in its place
    return Flow(Place(place.address, "udp", place.port), target, key)


def stale(flows: Iterable[Flow], rules: Iterable[Rule], before: Iterable[Rule]) -> Iterator[Flow]:
    """Those that go where rules would not lead them any more, or never did: the kernel asks no rule again while
    datagrams keep coming. before: rules that were in force."""
    known: Mapping[Place, frozenset[Target]] = {
        **{rule.place: frozenset() for rule in before},
        **{rule.place: frozenset(rule.targets) for rule in rules},
    }
    for flow in flows:
        targets = known.get(flow.place)
        if targets is not None and flow.target not in targets:
            yield flow


def _end(sides: Mapping[int, bytes], address: int, port: int) -> Target | None:
    addresses, ports = attributes(sides.get(_ADDRESSES, b"")), attributes(sides.get(_PROTOCOL, b""))
    if address not in addresses or port not in ports:
        return None
    return Target(ip_address(addresses[address]), int.from_bytes(ports[port], "big"))
