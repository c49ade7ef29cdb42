"""L2Advertisement and BGPAdvertisement: how, from where and to whom the addresses of pools are announced."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import Resource, Strict
from hearthgate.resources.scalars import Selector


class NodePreference(Strict, frozen=True, kw_only=True):
    """Prefers nodes for announcing. Weights of all preferences that match a node add up; the highest sum wins.

    weight: How much it counts.
    preference: Which nodes, by their labels.
    """

    weight: Annotated[int, msgspec.Meta(ge=1, le=100)]
    preference: Selector


class L2AdvertisementSpec(Strict, frozen=True, kw_only=True):
    """Which addresses are announced by ARP and NDP, and from where. Without pools and pool selectors: all of them;
    other empty lists restrict nothing.

    ip_address_pools: Pools by name.
    ip_address_pool_selectors: Pools by their labels.
    node_selectors: Nodes that may announce, by their labels.
    interfaces: Network interfaces that announce.
    service_selectors: Services whose addresses are announced, by their labels.
    preferred_node_selectors: Nodes that announce rather than others.
    """

    ip_address_pools: tuple[str, ...] = ()
    ip_address_pool_selectors: tuple[Selector, ...] = ()
    node_selectors: tuple[Selector, ...] = ()
    interfaces: tuple[str, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    preferred_node_selectors: tuple[NodePreference, ...] = ()


class L2Advertisement(Resource, frozen=True, kw_only=True):
    """Announces addresses of pools in the local network (ARP, NDP)."""

    spec: L2AdvertisementSpec = L2AdvertisementSpec()


class BGPAdvertisementSpec(Strict, frozen=True, kw_only=True):
    """Which addresses are announced by BGP, how, and to whom. Without pools and pool selectors: all of them; other
    empty lists restrict nothing.

    ip_address_pools: Pools by name.
    ip_address_pool_selectors: Pools by their labels.
    node_selectors: Nodes that are next hops, by their labels.
    service_selectors: Services whose addresses are announced, by their labels.
    aggregation_length: The prefix length that IPv4 addresses are announced with.
    aggregation_length_v6: The prefix length that IPv6 addresses are announced with.
    local_pref: LOCAL_PREF on sessions inside the AS; 0: not set.
    communities: Communities to attach: a:b, large:a:b:c, or aliases that a Community defines.
    peers: BGPPeers to announce to, by name.
    """

    ip_address_pools: tuple[str, ...] = ()
    ip_address_pool_selectors: tuple[Selector, ...] = ()
    node_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    aggregation_length: Annotated[int, msgspec.Meta(ge=1, le=32)] = 32
    aggregation_length_v6: Annotated[int, msgspec.Meta(ge=1, le=128)] = msgspec.field(
        default=128, name="aggregationLengthV6"
    )
    local_pref: Annotated[int, msgspec.Meta(ge=0, le=4294967295)] = 0
    communities: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


class BGPAdvertisement(Resource, frozen=True, kw_only=True):
    """Announces addresses of pools to routers by BGP."""

    spec: BGPAdvertisementSpec = BGPAdvertisementSpec()
