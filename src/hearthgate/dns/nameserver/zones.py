"""What the local zones answer: hosts, wildcards, and the names that there are not. Pure.

As RFC 1034 and RFC 4592 have it: below a name that exists a wildcard above it says nothing, a name that exists
without the record that is asked for is an empty answer, and both kinds of no come with the zone's SOA.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.dns.names.model import Address, Name
from hearthgate.dns.nameserver.wire import Answer, Code, Labels, Record, Type, encoded, labels_of

STAR: Final = b"*"
ACME: Final = b"_acme-challenge"
"""Proofs of certificates are looked up outside: whatever is said of them here would be wrong."""
_CHAIN: Final = 8
"""CNAMEs that are followed at most."""


class Host(NamedTuple):
    """addresses, or else the name of another host (alias)."""

    addresses: tuple[Address, ...] = ()
    alias: Labels = ()
    ttl: int = 0


class Zone(NamedTuple):
    """apex: its name. hosts: by name, those of wildcards begin with STAR. empty: names that exist since something
    is below them. ttl: seconds, of records that say none. serial: of its SOA."""

    apex: Labels
    hosts: Mapping[Labels, Host]
    empty: frozenset[Labels]
    ttl: int
    serial: int


class Zones(NamedTuple):
    """zones: by apex. ttl: of pointers. pointers: host names by the name of their address."""

    zones: Mapping[Labels, Zone]
    ttl: int
    pointers: Mapping[Labels, Labels] = {}

    def of(self, labels: Labels) -> Zone | None:
        """The zone that a name is in."""
        for start in range(len(labels) + 1):
            if (zone := self.zones.get(labels[start:])) is not None:
                return zone
        return None


def zones_of(
    names: Iterable[Name],
    *,
    apexes: Iterable[str] = (),
    server: tuple[Address, ...] = (),
    ttl: int = 60,
    serial: int = 1,
) -> Zones:
    """apexes: names of zones; without any, each host's parent is one, unless that is in another. server: addresses
    of the name server."""
    hosts = _hosts(names)
    chosen = tuple(map(labels_of, apexes)) or _parents(hosts)
    made: dict[Labels, Zone] = {}
    for apex in chosen:
        inside = {(b"ns", *apex): Host(server)} if server else {}
        inside |= {labels: host for labels, host in hosts.items() if _zone(labels, chosen) == apex}
        above = {labels[start:] for labels in inside for start in range(1, len(labels) - len(apex) + 1)}
        made[apex] = Zone(apex, inside, frozenset((above | {apex}) - inside.keys()), ttl, serial)
    pointers: dict[Labels, Labels] = {}
    for labels, host in sorted(hosts.items()):
        for address in host.addresses if labels[0] != STAR and _zone(labels, chosen) is not None else ():
            pointers.setdefault(_reverse(address), labels)
    return Zones(made, ttl, pointers)


def lookup(zones: Zones, labels: Labels, type_: int) -> Answer | None:
    """None for what is none of our business."""
    if ACME in labels:
        return None
    if (pointed := zones.pointers.get(labels)) is not None:
        found = type_ in (Type.PTR, Type.ANY)
        return Answer(Code.NOERROR, (Record(None, Type.PTR, zones.ttl, encoded(pointed)),) if found else ())
    zone = zones.of(labels)
    if zone is None:
        return None
    records: list[Record] = []
    owner: Labels | None = None
    for _ in range(_CHAIN):
        host, exists = _find(zone, labels)
        if not exists:
            return Answer(Code.NXDOMAIN if owner is None else Code.NOERROR, tuple(records), _soa(zone))
        records += _records(zone, labels, owner, host, type_)
        if host is None or not host.alias or type_ in (Type.CNAME, Type.ANY):
            break
        owner = labels = host.alias
        inner = zones.of(labels)
        if inner is None or ACME in labels:
            break
        zone = inner
    answered = any(record.type == type_ for record in records) or type_ == Type.ANY
    ends_outside = bool(records) and zones.of(labels) is None
    authority = () if answered or ends_outside else _soa(zone)
    return Answer(Code.NOERROR, tuple(records), authority)


def _find(zone: Zone, labels: Labels) -> tuple[Host | None, bool]:
    """The host of a name, and whether the name exists."""
    if (host := zone.hosts.get(labels)) is not None:
        return host, True
    if labels in zone.empty:
        return None, True
    for start in range(1, len(labels) - len(zone.apex) + 1):
        encloser = labels[start:]
        if (host := zone.hosts.get((STAR, *encloser))) is not None:
            return host, True
        if encloser in zone.hosts or encloser in zone.empty:
            return None, False  # the closest that exists: what is above it says nothing (RFC 4592)
    return None, False


def _records(zone: Zone, labels: Labels, owner: Labels | None, host: Host | None, type_: int) -> Iterator[Record]:
    ttl = (host.ttl if host is not None else 0) or zone.ttl
    if type_ == Type.ANY:
        yield Record(owner, Type.HINFO, ttl, b"\x07RFC8482\x00")
        return
    if host is not None and host.alias:
        yield Record(owner, Type.CNAME, ttl, encoded(host.alias))
        return
    if labels == zone.apex and type_ == Type.SOA:
        yield _soa_record(zone, owner)
    if labels == zone.apex and type_ == Type.NS:
        yield Record(owner, Type.NS, zone.ttl, encoded((b"ns", *zone.apex)))
    version = {Type.A.value: 4, Type.AAAA.value: 6}.get(type_)
    for address in host.addresses if host is not None else ():
        if address.version == version:
            yield Record(owner, type_, ttl, address.packed)


def _soa(zone: Zone) -> tuple[Record, ...]:
    return (_soa_record(zone, zone.apex),)


def _soa_record(zone: Zone, owner: Labels | None) -> Record:
    """The last number is how long a no may be remembered: as long as a yes."""
    numbers = (zone.serial & 0xFFFFFFFF, 3600, 600, 86400, zone.ttl)
    data = encoded((b"ns", *zone.apex)) + encoded((b"hostmaster", *zone.apex))
    return Record(owner, Type.SOA, zone.ttl, data + b"".join(number.to_bytes(4, "big") for number in numbers))


def _hosts(names: Iterable[Name]) -> dict[Labels, Host]:
    """Addresses of several publishers add up; a name to point at counts where nobody says addresses."""
    found: dict[Labels, Host] = {}
    for name in names:
        labels = labels_of(name.host)
        addresses, alias = _targets(name)
        held = found.get(labels, Host())
        every = tuple(sorted({*held.addresses, *addresses}, key=lambda one: (one.version, int(one))))
        ttls = [ttl for ttl in (held.ttl, name.hints.ttl) if ttl]
        if every or alias or held.alias:
            found[labels] = Host(every, () if every else held.alias or alias, min(ttls, default=0))
    return found


def _targets(name: Name) -> tuple[tuple[Address, ...], Labels]:
    """Where it shall lead from inside: to the load balancer, whatever the outside is told, unless nothing else is
    known."""
    if name.addresses:
        return name.addresses, ()
    addresses: list[Address] = []
    for target in name.hints.targets:
        try:
            addresses.append(ipaddress.ip_address(target))
        except ValueError:
            return (), labels_of(target.lower().removesuffix("."))
    return tuple(addresses), ()


def _parents(hosts: Iterable[Labels]) -> tuple[Labels, ...]:
    """Without those below others."""
    found = {labels[1:] if len(labels) > 2 else labels for labels in hosts}
    return tuple(sorted(one for one in found if not any(one != other and _is_in(one, other) for other in found)))


def _zone(labels: Labels, apexes: Iterable[Labels]) -> Labels | None:
    """The deepest one that a name is in."""
    return max((apex for apex in apexes if _is_in(labels, apex)), key=len, default=None)


def _is_in(labels: Labels, apex: Labels) -> bool:
    return labels[len(labels) - len(apex) :] == apex if len(apex) <= len(labels) else False


def _reverse(address: Address) -> Labels:
    return labels_of(address.reverse_pointer)
