"""From what a router has from us to what it shall have: UPDATE messages (RFC 4271, 4760, 1997, 8092). Pure."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from hearthgate.balancer.bgp.messages import AS_TRANS, HEADER, LARGEST, UNICAST, Family, Kind, message
from hearthgate.balancer.bgp.model import Path, Prefix

_OPTIONAL, _TRANSITIVE, _EXTENDED = 0x80, 0x40, 0x10
_ORIGIN, _AS_PATH, _NEXT_HOP, _LOCAL_PREF, _COMMUNITIES = 1, 2, 3, 5, 8
_REACH, _UNREACH, _AS4_PATH, _LARGE = 14, 15, 17, 32
_IGP: Final = b"\x00"
_SEQUENCE: Final = 2
DEFAULT_PREFERENCE: Final = 100
"""LOCAL_PREF within an AS, where an advertisement has none: every implementation's default."""


class Terms(NamedTuple):
    """What a session has agreed on. next_hops: by family those of ours that lead here."""

    asn: int
    is_internal: bool
    has_long_asn: bool
    next_hops: Mapping[Family, IPv4Address | IPv6Address]


def updates(before: Mapping[Prefix, Path], after: Mapping[Prefix, Path], terms: Terms) -> Iterator[bytes]:
    """Messages for the difference; none for equals. Withdrawals first; routes of families without a next hop are
    left out."""
    gone = [prefix for prefix in before if prefix not in after]
    for family in Family:
        yield from _withdraw(family, _sorted(gone, family))
    changed: dict[Path, list[Prefix]] = {}
    for prefix, path in after.items():
        if before.get(prefix) != path:
            changed.setdefault(path, []).append(prefix)
    for path in sorted(changed):
        for family in Family:
            if family in terms.next_hops:
                yield from _announce(family, _sorted(changed[path], family), path, terms)


def end_of_rib(family: Family) -> bytes:
    """Says that everything has been told (RFC 4724, section 2)."""
    if family is Family.IPV4:
        return message(Kind.UPDATE, bytes(4))
    return _update(b"", _attribute(_OPTIONAL, _UNREACH, struct.pack("!HB", family, UNICAST)))


def _announce(family: Family, prefixes: list[Prefix], path: Path, terms: Terms) -> Iterator[bytes]:
    before, after = _attributes(path, terms)
    hop = terms.next_hops[family].packed
    if family is Family.IPV4 and len(hop) == 4:
        attributes = before + _attribute(_TRANSITIVE, _NEXT_HOP, hop) + after
        for chunk in _chunks(prefixes, LARGEST - HEADER - 4 - len(attributes)):
            yield _update(b"", attributes, chunk)
        return
    head = struct.pack("!HBB", family, UNICAST, len(hop)) + hop + b"\x00"
    for chunk in _chunks(prefixes, LARGEST - HEADER - 8 - len(before) - len(head) - len(after)):
        yield _update(b"", before + after + _attribute(_OPTIONAL, _REACH, head + chunk))


def _withdraw(family: Family, prefixes: list[Prefix]) -> Iterator[bytes]:
    for chunk in _chunks(prefixes, LARGEST - HEADER - 16):
        if family is Family.IPV4:
            yield _update(chunk, b"")
        else:
            yield _update(b"", _attribute(_OPTIONAL, _UNREACH, struct.pack("!HB", family, UNICAST) + chunk))


def _attributes(path: Path, terms: Terms) -> tuple[bytes, bytes]:
    """(those before NEXT_HOP, those after it): in the order of their numbers, as RFC 4271 recommends."""
    asns = () if terms.is_internal else (terms.asn,)
    width = "I" if terms.has_long_asn else "H"
    shown = asns if terms.has_long_asn else tuple(asn if asn <= 0xFFFF else AS_TRANS for asn in asns)
    before = _attribute(_TRANSITIVE, _ORIGIN, _IGP) + _attribute(_TRANSITIVE, _AS_PATH, _segment(shown, width))
    after = b""
    if terms.is_internal:
        after += _attribute(_TRANSITIVE, _LOCAL_PREF, struct.pack("!I", path.local_pref or DEFAULT_PREFERENCE))
    if plain := path.communities.plain:
        after += _attribute(_OPTIONAL | _TRANSITIVE, _COMMUNITIES, struct.pack(f"!{len(plain)}I", *plain))
    if shown != asns:
        after += _attribute(_OPTIONAL | _TRANSITIVE, _AS4_PATH, _segment(asns, "I"))
    if large := path.communities.large:
        after += _attribute(_OPTIONAL | _TRANSITIVE, _LARGE, b"".join(struct.pack("!III", *one) for one in large))
    return before, after


def _segment(asns: tuple[int, ...], width: str) -> bytes:
    return bytes((_SEQUENCE, len(asns))) + struct.pack(f"!{len(asns)}{width}", *asns) if asns else b""


def _attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", flags | _EXTENDED, code, len(value)) + value
    return bytes((flags, code, len(value))) + value


def _update(withdrawn: bytes, attributes: bytes, announced: bytes = b"") -> bytes:
    body = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes
    return message(Kind.UPDATE, body + announced)


def _chunks(prefixes: Iterable[Prefix], most: int) -> Iterator[bytes]:
    """The prefixes encoded, as many at a time as have room."""
    chunk = b""
    for prefix in prefixes:
        length = prefix.prefixlen
        encoded = bytes((length,)) + prefix.network_address.packed[: (length + 7) // 8]
        if len(chunk) + len(encoded) > most:
            yield chunk
            chunk = b""
        chunk += encoded
    if chunk:
        yield chunk


def _sorted(prefixes: Iterable[Prefix], family: Family) -> list[Prefix]:
    found = [prefix for prefix in prefixes if Family.of(prefix.version) is family]
    return sorted(found, key=lambda prefix: (int(prefix.network_address), prefix.prefixlen))
