"""L2Advertisement and BGPAdvertisement: how, from where and to whom the addresses of pools are announced."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import Resource, Strict
from hearthgate.resources.scalars import Selector


class NodePreference(Strict, frozen=True, kw_only=True):
    """Weights of all preferences that match a node add up; the node with the highest sum announces."""

    weight: Annotated[int, msgspec.Meta(ge=1, le=100)]
    preference: Selector


class L2AdvertisementSpec(Strict, frozen=True, kw_only=True):
    """No pools and no pool selectors: all pools. Other empty lists: no restriction."""

    ip_address_pools: tuple[str, ...] = ()
    ip_address_pool_selectors: tuple[Selector, ...] = ()
    node_selectors: tuple[Selector, ...] = ()
    interfaces: tuple[str, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    preferred_node_selectors: tuple[NodePreference, ...] = ()


class L2Advertisement(Resource, frozen=True, kw_only=True):
    spec: L2AdvertisementSpec = L2AdvertisementSpec()


class BGPAdvertisementSpec(Strict, frozen=True, kw_only=True):
    """Addresses are announced as prefixes of the aggregation lengths. localPref 0: unset. No peers: to all."""

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
    spec: BGPAdvertisementSpec = BGPAdvertisementSpec()
