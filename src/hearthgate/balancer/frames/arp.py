"""ARP over Ethernet for IPv4 (RFC 826), announcements and probes (RFC 5227)."""

import struct
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import BROADCAST, HEADER, Mac

ETHERTYPE: Final = 0x0806
_PAYLOAD: Final = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4 = 1, 0x0800
_NOBODY: Final = Mac(bytes(6))
_UNSPECIFIED: Final = IPv4Address(0)


class Operation(IntEnum):
    REQUEST = 1
    REPLY = 2


class Arp(NamedTuple):
    """One frame. destination, source: of the frame; the others are what it says."""

    destination: Mac
    source: Mac
    operation: Operation
    sender_mac: Mac
    sender: IPv4Address
    target_mac: Mac
    target: IPv4Address

    def encode(self) -> bytes:
        return HEADER.pack(self.destination.raw, self.source.raw, ETHERTYPE) + _PAYLOAD.pack(
            _ETHERNET,
            _IPV4,
            6,
            4,
            self.operation,
            self.sender_mac.raw,
            self.sender.packed,
            self.target_mac.raw,
            self.target.packed,
        )


def decode_arp(frame: bytes) -> Arp | None:
    """None for anything else; padding after the payload is not looked at."""
    if len(frame) < HEADER.size + _PAYLOAD.size:
        return None
    destination, source, ethertype = HEADER.unpack_from(frame)
    hardware, protocol, *sizes, operation, sha, spa, tha, tpa = _PAYLOAD.unpack_from(frame, HEADER.size)
    if (ethertype, hardware, protocol, sizes) != (ETHERTYPE, _ETHERNET, _IPV4, [6, 4]):
        return None
    if operation not in (Operation.REQUEST, Operation.REPLY):
        return None
    return Arp(
        Mac(destination),
        Mac(source),
        Operation(operation),
        Mac(sha),
        IPv4Address(spa),
        Mac(tha),
        IPv4Address(tpa),
    )


def answer(request: Arp, mac: Mac) -> Arp:
    """To who asks for an address of ours."""
    return Arp(request.source, mac, Operation.REPLY, mac, request.target, request.sender_mac, request.sender)


def announcements(address: IPv4Address, mac: Mac) -> tuple[Arp, Arp]:
    """That the address is here now: a request and a reply, since some heed only one of them."""
    return (
        Arp(BROADCAST, mac, Operation.REQUEST, mac, address, _NOBODY, address),
        Arp(BROADCAST, mac, Operation.REPLY, mac, address, BROADCAST, address),
    )


def probe(address: IPv4Address, mac: Mac) -> Arp:
    """Asks who has the address, without claiming it (RFC 5227 2.1.1)."""
    return Arp(BROADCAST, mac, Operation.REQUEST, mac, _UNSPECIFIED, _NOBODY, address)


def claims(frame: Arp, address: IPv4Address, own: frozenset[Mac]) -> bool:
    """Whether somebody else says to have the address, or probes for it to take it."""
    if frame.sender_mac in own:
        return False
    is_probe = frame.operation is Operation.REQUEST and frame.sender == _UNSPECIFIED and frame.target == address
    return frame.sender == address or is_probe
