"""The records that a zone shall have: its root, the wildcard to it, and hosts. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hearthgate.dns.names.model import Address, Name
from hearthgate.dns.records.model import AUTOMATIC, Wanted
from hearthgate.dns.records.settings import PublicZone
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef

_ELSEWHERE: Final = 300
"""Seconds, where no provider chooses a TTL."""
SETTINGS: Final = ObjectRef("Settings", "", "dns.zones")


class External(NamedTuple):
    """Where this house is reached from outside; None where that is not known, or refused."""

    v4: Address | None = None
    v6: Address | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(one for one in (self.v4, self.v6) if one is not None)


class Asked(NamedTuple):
    """unknown: names and types of which it is not known now what they shall be."""

    wanted: tuple[Wanted, ...]
    unknown: frozenset[tuple[str, str]]
    problems: tuple[Problem, ...] = ()


def wanted_records(zone: PublicZone, names: Iterable[Name], external: External) -> Asked:
    unknown: set[tuple[str, str]] = set()
    into = _Into(zone, [])
    wanted = [*_root(into, external, unknown)]
    has_root = bool(zone.root_addresses) or zone.root == "auto"
    if zone.wildcard and has_root:
        wanted.append(_record(zone, f"*.{zone.name}", "CNAME", {zone.name}, source="dns.zones: wildcard"))
    for name in names if zone.hosts != "none" else ():
        if name.host == zone.name or not name.host.endswith(f".{zone.name}"):
            continue
        wanted += _of_host(into, name, has_root=has_root)
    return Asked(tuple(wanted), frozenset(unknown), tuple(sorted(into.problems)))


class _Into(NamedTuple):
    """problems: of what cannot be asked for."""

    zone: PublicZone
    problems: list[Problem]


def _root(into: _Into, external: External, unknown: set[tuple[str, str]]) -> Iterator[Wanted]:
    zone = into.zone
    fixed = zone.root_addresses
    if fixed:
        yield from _addresses(into, zone.name, fixed, "dns.zones: root")
    elif zone.root == "auto":
        for type_, address in (("A", external.v4), ("AAAA", external.v6)):
            if address is None:
                unknown.add((zone.name, type_))
            else:
                yield from _addresses(into, zone.name, (address,), "the external address")


def _of_host(into: _Into, name: Name, *, has_root: bool) -> Iterator[Wanted]:
    """`public`: not those that are for the inside only; `annotated`: only those that have a target or say so."""
    zone = into.zone
    hints = name.hints
    is_said = bool(hints.targets) or hints.access == "public" or name.ref.kind == "Service"
    if hints.access == "private" or (zone.hosts == "annotated" and not is_said):
        return
    if zone.hosts == "public" and name.is_internal:
        return
    source = f"{name.ref.kind.lower()}/{name.ref.namespace}/{name.ref.name}"
    addresses, target = _targets(hints.targets)
    if addresses:
        yield from _addresses(into, name.host, addresses, source, name)
    elif target:
        yield _record(zone, name.host, "CNAME", {target}, source=source, name=name)
    elif name.ref.kind == "Service" and any(not one.is_private for one in name.addresses):
        public = tuple(one for one in name.addresses if not one.is_private)
        yield from _addresses(into, name.host, public, source, name)
    elif has_root:
        yield _record(zone, name.host, "CNAME", {zone.name}, source=source, name=name)


def _addresses(
    into: _Into, host: str, addresses: Iterable[Address], source: str, name: Name | None = None
) -> Iterator[Wanted]:
    """Proxied ones must be reached from outside: Cloudflare answers with error 1000 else."""
    by_type: dict[str, set[str]] = {}
    for address in addresses:
        if _is_proxied(into.zone, name) and not address.is_global:
            message = f"{address} is not reached from the internet, so {host} cannot be proxied to it"
            ref = name.ref if name is not None else SETTINGS
            into.problems.append(
                Problem(ref=ref, reason=Reason.INVALID_VALUE, message=message, severity=Severity.WARNING)
            )
            continue
        by_type.setdefault("A" if address.version == 4 else "AAAA", set()).add(str(address))
    for type_, contents in sorted(by_type.items()):
        yield _record(into.zone, host, type_, contents, source=source, name=name)


def _record(
    zone: PublicZone, host: str, type_: str, contents: set[str], *, source: str, name: Name | None = None
) -> Wanted:
    proxied = _is_proxied(zone, name)
    own = _ELSEWHERE if zone.rfc2136 is not None and zone.ttl == AUTOMATIC else zone.ttl
    ttl = (name.hints.ttl if name is not None else 0) or own
    return Wanted(host, type_, frozenset(contents), AUTOMATIC if proxied else ttl, proxied, source)


def _is_proxied(zone: PublicZone, name: Name | None) -> bool:
    if zone.rfc2136 is not None:
        return False
    said = name.hints.proxied if name is not None else None
    return zone.proxied if said is None else said


def _targets(targets: Iterable[str]) -> tuple[tuple[Address, ...], str]:
    addresses: list[Address] = []
    for target in targets:
        try:
            addresses.append(ipaddress.ip_address(target))
        except ValueError:
            return (), target.lower().removesuffix(".")
    return tuple(addresses), ""
