"""Neighbour solicitations and advertisements (RFC 4861) as whole Ethernet frames.

Written as frames, since only so an answer can come from the address that was asked for, which is on no interface.
"""

import struct
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from hearthgate.balancer.frames.ethernet import HEADER, Mac

ETHERTYPE: Final = 0x86DD
SOLICITATION: Final = 135
ADVERTISEMENT: Final = 136
ALL_NODES: Final = IPv6Address("ff02::1")
UNSPECIFIED: Final = IPv6Address(0)
_IP: Final = struct.Struct("!IHBB16s16s")
_BODY: Final = struct.Struct("!BBHI16s")
_ICMPV6: Final = 58
_HOPS: Final = 255
"""Whoever gets less knows that the packet came through a router."""
_SOURCE, _TARGET = 1, 2
"""Options with a hardware address: of the sender, and of what is asked for."""
_OPTION: Final = 8
_SOLICITED, _OVERRIDE = 1 << 30, 1 << 29


class Neighbour(NamedTuple):
    """A solicitation or an advertisement. option: the hardware address that it names, if any. solicited: it is an
    answer. override: what is known of the address so far shall be forgotten."""

    destination: Mac
    source: Mac
    from_: IPv6Address
    to: IPv6Address
    is_advertisement: bool
    target: IPv6Address
    option: Mac | None = None
    solicited: bool = False
    override: bool = False

    def encode(self) -> bytes:
        flags = _SOLICITED * self.solicited | _OVERRIDE * self.override
        kind = ADVERTISEMENT if self.is_advertisement else SOLICITATION
        option = b""
        if self.option is not None:
            option = bytes((_TARGET if self.is_advertisement else _SOURCE, 1)) + self.option.raw
        body = _BODY.pack(kind, 0, 0, flags, self.target.packed) + option
        checksum = _checksum(self.from_, self.to, body)
        body = body[:2] + checksum.to_bytes(2, "big") + body[4:]
        header = _IP.pack(6 << 28, len(body), _ICMPV6, _HOPS, self.from_.packed, self.to.packed)
        return HEADER.pack(self.destination.raw, self.source.raw, ETHERTYPE) + header + body


def decode_neighbour(frame: bytes) -> Neighbour | None:
    """None for anything else, and for what a host must not heed (RFC 4861 7.1)."""
    start = HEADER.size + _IP.size
    if len(frame) < start + _BODY.size:
        return None
    destination, source, ethertype = HEADER.unpack_from(frame)
    flow, length, protocol, hops, from_, to = _IP.unpack_from(frame, HEADER.size)
    body = frame[start : start + length]
    if (ethertype, flow >> 28, protocol, hops) != (ETHERTYPE, 6, _ICMPV6, _HOPS) or len(body) != length:
        return None
    if length < _BODY.size:
        return None
    kind, code, _, flags, target = _BODY.unpack_from(body)
    if kind not in (SOLICITATION, ADVERTISEMENT) or code != 0 or IPv6Address(target).is_multicast:
        return None
    if _checksum(IPv6Address(from_), IPv6Address(to), body) != 0:
        return None
    is_advertisement = kind == ADVERTISEMENT
    options = _options(body[_BODY.size :])
    if options is None:
        return None
    return Neighbour(
        Mac(destination),
        Mac(source),
        IPv6Address(from_),
        IPv6Address(to),
        is_advertisement,
        IPv6Address(target),
        options.get(_TARGET if is_advertisement else _SOURCE),
        bool(is_advertisement and flags & _SOLICITED),
        bool(is_advertisement and flags & _OVERRIDE),
    )


def answer(question: Neighbour, mac: Mac) -> Neighbour:
    """To who asks for an address of ours. A probe, which comes from no address, is answered to all."""
    if question.from_ == UNSPECIFIED:
        return announcement(question.target, mac)
    return Neighbour(
        question.option or question.source,
        mac,
        question.target,
        question.from_,
        True,
        question.target,
        mac,
        solicited=True,
        override=True,
    )


def announcement(address: IPv6Address, mac: Mac) -> Neighbour:
    """That the address is here now."""
    return Neighbour(multicast_mac(ALL_NODES), mac, address, ALL_NODES, True, address, mac, override=True)


def probe(address: IPv6Address, mac: Mac) -> Neighbour:
    """Asks who has the address, without claiming it (RFC 4862 5.4.2)."""
    group = solicited_node(address)
    return Neighbour(multicast_mac(group), mac, UNSPECIFIED, group, False, address)


def claims(frame: Neighbour, address: IPv6Address, own: frozenset[Mac]) -> bool:
    """Whether somebody else says to have the address, or probes for it to take it."""
    if frame.target != address or frame.source in own:
        return False
    return frame.is_advertisement or frame.from_ == UNSPECIFIED


def solicited_node(address: IPv6Address) -> IPv6Address:
    """The group in which an address is asked for (RFC 4291 2.7.1)."""
    return IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:])


def multicast_mac(group: IPv6Address) -> Mac:
    """RFC 2464 7."""
    return Mac(b"\x33\x33" + group.packed[12:])


def _options(data: bytes) -> dict[int, Mac] | None:
    """Hardware addresses by the kind of their option; None when an option has no length."""
    found = {}
    while data:
        if len(data) < 2 or data[1] == 0:
            return None
        if data[1] == 1 and len(data) >= _OPTION:
            found[data[0]] = Mac(data[2:_OPTION])
        data = data[data[1] * _OPTION :]
    return found


def _checksum(from_: IPv6Address, to: IPv6Address, body: bytes) -> int:
    """RFC 4443 2.3: what belongs in the field while that is 0, and 0 over a packet that holds it."""
    data = from_.packed + to.packed + struct.pack("!II", len(body), _ICMPV6) + body
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
