"""BGPAdvertisements, checked alone and together, and what they make of an address. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network, summarize_address_range
from typing import NamedTuple

from hearthgate.balancer.allocation.blocks import Address, Block
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.bgp.communities import resolve
from hearthgate.balancer.bgp.model import Communities, Path, Prefix
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.resources.core import Node
from hearthgate.resources.metallb import BGPAdvertisement, BGPPeer, IPAddressPool
from hearthgate.resources.metallb.advertisements import BGPAdvertisementSpec

_LISTS = (
    ("ipAddressPools", "ip_address_pools"),
    ("ipAddressPoolSelectors", "ip_address_pool_selectors"),
    ("nodeSelectors", "node_selectors"),
    ("serviceSelectors", "service_selectors"),
    ("communities", "communities"),
    ("peers", "peers"),
)


class Advertisement(NamedTuple):
    """Usable. pools: names of those that it covers."""

    resource: BGPAdvertisement
    pools: frozenset[str]
    communities: Communities

    @property
    def spec(self) -> BGPAdvertisementSpec:
        return self.resource.spec

    @property
    def path(self) -> Path:
        return Path(self.spec.local_pref, self.communities)

    def prefix(self, address: Address) -> Prefix:
        length = self.spec.aggregation_length if address.version == 4 else self.spec.aggregation_length_v6
        return ip_network(f"{address}/{length}", strict=False)

    def selects_node(self, labels: Mapping[str, str]) -> bool:
        selectors = self.spec.node_selectors
        return not selectors or any(selector.matches(labels) for selector in selectors)

    def selects_service(self, labels: Mapping[str, str]) -> bool:
        selectors = self.spec.service_selectors
        return not selectors or any(selector.matches(labels) for selector in selectors)


class Advertisements(NamedTuple):
    usable: tuple[Advertisement, ...]
    problems: tuple[Problem, ...]


def read_advertisements(
    snapshot: Snapshot, pools: Iterable[Pool], aliases: Mapping[str, Communities]
) -> Advertisements:
    """Of two in conflict the younger is out of service, else the later by name."""
    by_name = {pool.name: pool for pool in pools}
    labels = {one.metadata.name: one.metadata.labels for one in snapshot.all(IPAddressPool)}
    peers = sorted(peer.metadata.name for peer in snapshot.all(BGPPeer))
    nodes = [node.metadata.labels for node in snapshot.all(Node)]
    usable: list[Advertisement] = []
    problems: list[Problem] = []
    for resource in sorted(snapshot.all(BGPAdvertisement), key=_age):
        spec = resource.spec
        covered = frozenset(name for name in by_name if _covers(spec, name, labels[name]))
        found = list(_mistakes(resource, [by_name[name] for name in sorted(covered)]))
        communities = Communities()
        try:
            communities = resolve(spec.communities, aliases)
        except ValueError as error:
            found.append(_problem(resource, "spec.communities", str(error)))
        made = Advertisement(resource, covered, communities)
        found.extend(_conflicts(made, usable, by_name, nodes))
        if not found:
            usable.append(made)
        problems.extend(found)
        problems.extend(_unknown(resource, "spec.peers", spec.peers, peers))
        problems.extend(_unknown(resource, "spec.ipAddressPools", spec.ip_address_pools, sorted(labels)))
    return Advertisements(tuple(usable), tuple(sorted(problems)))


def covers_any(snapshot: Snapshot, pool: str, labels: Mapping[str, str]) -> bool:
    """Whether any advertisement asks for the addresses of a pool."""
    return any(_covers(ad.spec, pool, labels) for ad in snapshot.all(BGPAdvertisement))


def _covers(spec: BGPAdvertisementSpec, pool: str, labels: Mapping[str, str]) -> bool:
    if not spec.ip_address_pools and not spec.ip_address_pool_selectors:
        return True
    return pool in spec.ip_address_pools or any(one.matches(labels) for one in spec.ip_address_pool_selectors)


def _mistakes(resource: BGPAdvertisement, pools: Iterable[Pool]) -> Iterator[Problem]:
    spec = resource.spec
    for name, attribute in _LISTS:
        items: Sequence[object] = getattr(spec, attribute)
        for index, item in enumerate(items):
            if item in items[:index]:
                said = f"{shorten(item)} stands" if isinstance(item, str) else "the same stands"
                yield _problem(resource, f"spec.{name}[{index}]", f"{said} in the list already: remove it")
    lengths = (spec.aggregation_length, spec.aggregation_length_v6)
    if spec.service_selectors and lengths != (32, 128):
        message = "cannot go with aggregation, which would take other Services along: remove one of them"
        yield _problem(resource, "spec.serviceSelectors", message)
    fields = {4: "spec.aggregationLength", 6: "spec.aggregationLengthV6"}
    for pool in pools:
        for block in pool.blocks:
            length = lengths[block.version == 6]
            shortest = _shortest(block)
            if length < shortest:
                message = f"/{length} is larger than a part of pool {pool.name} ({block}): take {shortest} or more"
                yield _problem(resource, fields[block.version], message)


def _shortest(block: Block) -> int:
    """Of the prefixes that the range is made of."""
    first, last = block.address(block.first), block.address(block.last)
    return min(network.prefixlen for network in summarize_address_range(first, last))


def _conflicts(
    made: Advertisement, others: Iterable[Advertisement], pools: Mapping[str, Pool], nodes: list[Mapping[str, str]]
) -> Iterator[Problem]:
    for other in others:
        if other.spec == made.spec:
            yield _problem(
                made.resource, "spec", f"is the same as that of {other.resource.ref}: remove one of them"
            )
        elif _differ_in_preference(made, other, pools, nodes):
            message = f"{made.spec.local_pref}, but {other.resource.ref} says {other.spec.local_pref} for the same"
            yield _problem(made.resource, "spec.localPref", f"{message} pool, prefix length, peer and node")


def _differ_in_preference(
    one: Advertisement, other: Advertisement, pools: Mapping[str, Pool], nodes: list[Mapping[str, str]]
) -> bool:
    """Advertisements for chosen Services are compared when a Service has several (`conflictingAdvertisements`)."""
    a, b = one.spec, other.spec
    if a.local_pref == b.local_pref or a.service_selectors or b.service_selectors:
        return False
    shared = [pools[name] for name in one.pools & other.pools]
    same_length = any(
        (pool.has(4) and a.aggregation_length == b.aggregation_length)
        or (pool.has(6) and a.aggregation_length_v6 == b.aggregation_length_v6)
        for pool in shared
    )
    same_peer = not a.peers or not b.peers or bool(set(a.peers) & set(b.peers))
    if not a.node_selectors or not b.node_selectors:
        return same_length and same_peer
    return same_length and same_peer and any(one.selects_node(node) and other.selects_node(node) for node in nodes)


def _unknown(resource: BGPAdvertisement, field: str, names: Iterable[str], known: list[str]) -> Iterator[Problem]:
    """Upstream says nothing of names that lead nowhere."""
    for name in names:
        if name not in known:
            message = f"{shorten(name)} does not exist{did_you_mean(name, known)}: nothing is announced for it"
            yield Problem(
                ref=resource.ref,
                field=field,
                reason=Reason.INVALID_VALUE,
                message=message,
                severity=Severity.WARNING,
            )


def _problem(resource: BGPAdvertisement, field: str, message: str) -> Problem:
    return Problem(ref=resource.ref, field=field, reason=Reason.INVALID_VALUE, message=message)


def _age(resource: BGPAdvertisement) -> tuple[str, str, str]:
    return (resource.metadata.creation_timestamp or "", *resource.key)
