"""Who announces which address in the local network, and on which interfaces. Pure, the same on every node."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.asked import SHARING, annotation, held_by
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.validation import read_pools
from hearthgate.balancer.bgp.advertisements import covers_any
from hearthgate.balancer.election import Claim, Placement, elect
from hearthgate.balancer.speaker.nodes import ANYWHERE, Nodes, Served, Serving
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.core import Namespace, Service
from hearthgate.resources.metallb import IPAddressPool, L2Advertisement
from hearthgate.resources.metallb.advertisements import L2AdvertisementSpec

NOT_OWNER: Final = "notOwner"
NO_ADVERTISEMENT: Final = "noMatchingAdvertisement"
SHARED_WITH_SELECTOR: Final = "sharedIPWithServiceSelector"
NOT_ALLOWED: Final = "ipNotAllowed"


class Silence(NamedTuple):
    """Why nobody announces an address for a Service. reason: upstream's word. message: for people."""

    address: Address
    service: Key
    reason: str
    message: str


class Placed(NamedTuple):
    """An address and the node that announces it. interfaces: of that node; None for all. services: holders.
    candidates: nodes that could announce it, this one among them."""

    address: Address
    node: str
    interfaces: frozenset[str] | None
    services: tuple[Key, ...]
    candidates: frozenset[str]


class Placements(NamedTuple):
    """placed: by address. silences: the rest, one for each Service and address."""

    placed: Mapping[Address, Placed]
    silences: tuple[Silence, ...]


class _Candidates(NamedTuple):
    """Of one address: by node the weight of preference, and the interfaces there."""

    preferences: Mapping[str, int]
    interfaces: Mapping[str, frozenset[str] | None]


def place(
    snapshot: Snapshot, nodes: Nodes, *, lb_class: str = "", placement: Placement = Placement.BALANCED
) -> Placements:
    """From the addresses that Services hold."""
    pools = read_pools(snapshot.all(IPAddressPool), snapshot.all(Namespace)).usable
    ads = _Ads(snapshot, pools)
    serving = Serving(snapshot, frozenset(nodes.able))
    found: dict[Address, _Candidates] = {}
    services: dict[Address, list[Key]] = {}
    silences: list[Silence] = []
    for service in snapshot.all(Service):
        if service.spec.type != "LoadBalancer" or (service.spec.load_balancer_class or "") != lb_class:
            continue
        for address in held_by(service):
            answer = _candidates(service, address, ads, serving, nodes)
            if isinstance(answer, Silence):
                if answer.reason == NO_ADVERTISEMENT and ads.has_routers(address, snapshot):
                    continue
                silences.append(answer)
                continue
            found[address] = _common(found.get(address), answer)
            services.setdefault(address, []).append(service.key)
    chosen = elect((Claim(str(address), one.preferences) for address, one in found.items()), placement)
    placed = {
        address: Placed(
            address,
            node,
            found[address].interfaces[node],
            tuple(services[address]),
            frozenset(found[address].preferences),
        )
        for address in found
        if (node := chosen.get(str(address))) is not None
    }
    return Placements(placed, tuple(silences))


class _Ads:
    """Advertisements by pool."""

    def __init__(self, snapshot: Snapshot, pools: Iterable[Pool]) -> None:
        labels = self._labels = {pool.metadata.name: pool.metadata.labels for pool in snapshot.all(IPAddressPool)}
        self._pools = tuple(pools)
        self._ads = {
            pool.name: tuple(
                ad.spec for ad in snapshot.all(L2Advertisement) if _covers(ad.spec, pool.name, labels[pool.name])
            )
            for pool in self._pools
        }

    def of(self, address: Address) -> tuple[Pool, tuple[L2AdvertisementSpec, ...]] | None:
        for pool in self._pools:
            if pool.hands_out(address):
                return pool, self._ads[pool.name]
        return None

    def has_routers(self, address: Address, snapshot: Snapshot) -> bool:
        """Whether the address is for routers, by BGP: then nobody misses it in the local network."""
        return any(
            address in pool and covers_any(snapshot, pool.name, self._labels[pool.name]) for pool in self._pools
        )


def _covers(ad: L2AdvertisementSpec, pool: str, labels: Mapping[str, str]) -> bool:
    if not ad.ip_address_pools and not ad.ip_address_pool_selectors:
        return True
    return pool in ad.ip_address_pools or any(one.matches(labels) for one in ad.ip_address_pool_selectors)


def _candidates(
    service: Service, address: Address, ads: _Ads, serving: Serving, nodes: Nodes
) -> _Candidates | Silence:
    def silent(reason: str, message: str) -> Silence:
        return Silence(address, service.key, reason, message)

    known = ads.of(address)
    if known is None:
        return silent(NOT_ALLOWED, f"{address} is in no usable IPAddressPool")
    pool, all_of_pool = known
    matching = [ad for ad in all_of_pool if _is_for(ad, service)]
    if annotation(service, SHARING) and any(ad.service_selectors for ad in matching):
        message = (
            "it shares its address, and an L2Advertisement for it has serviceSelectors: take one of them away"
        )
        return silent(SHARED_WITH_SELECTOR, message)
    if not matching:
        message = f"no L2Advertisement covers pool {pool.name}"
        return silent(NO_ADVERTISEMENT, f"{message} for it: make one (an empty spec announces all pools)")
    on = serving.nodes(service)
    if not on.nodes:
        return silent(NOT_OWNER, "none of its endpoints is ready")
    local = on.only_there or (service.spec.external_traffic_policy == "Local" and ANYWHERE not in on.nodes)
    able = {name: labels for name, labels in nodes.able.items() if not local or name in on.nodes}
    preferences, interfaces = {}, {}
    for name, labels in able.items():
        eligible = [ad for ad in matching if _selects(ad, labels)]
        if eligible:
            preferences[name] = sum(_preference(ad, labels) for ad in eligible)
            interfaces[name] = _interfaces(eligible)
    if not preferences:
        return silent(NOT_OWNER, _why_nobody(nodes, on, local=local, able=bool(able)))
    return _Candidates(preferences, interfaces)


def _why_nobody(nodes: Nodes, on: Served, *, local: bool, able: bool) -> str:
    if able:
        return "no living node is selected by the nodeSelectors of its L2Advertisements"
    if on.only_there and nodes.able:
        return (
            f"the part of Hearthgate that serves it runs on {', '.join(sorted(on.nodes))}, which cannot announce"
        )
    if local and nodes.able:
        return "externalTrafficPolicy is Local, and no living node has an endpoint of it that is ready"
    barred = "; ".join(f"{name}: {why}" for name, why in nodes.barred.items())
    return f"no node can announce ({barred or 'none is alive'})"


def _common(known: _Candidates | None, new: _Candidates) -> _Candidates:
    """Services that share an address are announced together: by a node that may do so for all, if there is one."""
    if known is None:
        return new
    both = known.preferences.keys() & new.preferences.keys()
    if not both:
        return known
    return _Candidates(
        {node: known.preferences[node] + new.preferences[node] for node in sorted(both)},
        {node: _union(known.interfaces[node], new.interfaces[node]) for node in sorted(both)},
    )


def _union(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


def _is_for(ad: L2AdvertisementSpec, service: Service) -> bool:
    selectors = ad.service_selectors
    return not selectors or any(selector.matches(service.metadata.labels) for selector in selectors)


def _selects(ad: L2AdvertisementSpec, labels: Mapping[str, str]) -> bool:
    return not ad.node_selectors or any(selector.matches(labels) for selector in ad.node_selectors)


def _preference(ad: L2AdvertisementSpec, labels: Mapping[str, str]) -> int:
    return sum(one.weight for one in ad.preferred_node_selectors if one.preference.matches(labels))


def _interfaces(ads: Iterable[L2AdvertisementSpec]) -> frozenset[str] | None:
    """One that names no interface means all of them."""
    named = [ad.interfaces for ad in ads]
    return frozenset(name for names in named for name in names) if all(named) else None
