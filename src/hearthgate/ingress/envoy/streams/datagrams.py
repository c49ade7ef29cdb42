"""UDP entrypoints to listeners: a session for each client, which stays with its server until it falls silent."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

from hearthgate.ingress.envoy.clusters import UNAVAILABLE_CLUSTER, Cluster, has_name
from hearthgate.ingress.envoy.endpoints import locality
from hearthgate.ingress.envoy.listeners import listening_address
from hearthgate.ingress.envoy.messages import duration, extension, field, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.routing.model import Endpoint, UDPEntryPoint
from hearthgate.ingress.xds.resources import Versioned, versioned

_PROXY: Final = "envoy.extensions.filters.udp.udp_proxy.v3."
_NAME_FIELD: Final = 1


def udp_listener(entrypoint: UDPEntryPoint, cluster: Cluster | None, options: ProxyOptions) -> Versioned:
    route = make(f"{_PROXY}Route", cluster=cluster.name if cluster is not None else UNAVAILABLE_CLUSTER)
    proxy = extension(
        "envoy.filters.udp_listener.udp_proxy",
        f"{_PROXY}UdpProxyConfig",
        stat_prefix="udp",
        idle_timeout=duration(entrypoint.timeout),
        matcher={"on_no_match": {"action": {"name": "route", "typed_config": any_of(route)}}},
    )
    listener = make(
        "envoy.config.listener.v3.Listener",
        name=entrypoint.name,
        address=listening_address(entrypoint.host, entrypoint.port, options, "UDP"),
        udp_listener_config={"downstream_socket_config": {"prefer_gro": wrapped(True)}},
        listener_filters=[proxy],
        traffic_direction="INBOUND",
    )
    return versioned(listener.SerializeToString(deterministic=True))


def shared_cluster(name: str, shares: Iterable[tuple[int, tuple[Endpoint, ...]]]) -> Cluster:
    """One cluster of several services: Envoy's UDP proxy knows no weights, but localities have them.

    Its servers stand in it, so it is another cluster when they change.
    """
    localities: list[dict[str, Any]] = []
    named = False
    for index, (weight, addresses) in enumerate(shares):
        named = named or has_name(addresses)
        share = {"locality": {"zone": str(index)}, "load_balancing_weight": wrapped(weight)}
        localities += ({**one, **share} for one in locality(addresses))
    fields: dict[str, Any] = {
        "alt_stat_name": name,
        "type": "STRICT_DNS" if named else "STATIC",
        "dns_lookup_family": "V4_PREFERRED",
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {"cluster_name": name, "endpoints": localities},
        "common_lb_config": {
            "locality_weighted_lb_config": {},
            "healthy_panic_threshold": wrapped(0),
            "update_merge_window": duration(0),
        },
    }
    body = make("envoy.config.cluster.v3.Cluster", **fields).SerializeToString(deterministic=True)
    full = f"{name}|{blake2b(body, digest_size=8).hexdigest()}"
    return Cluster(full, versioned(field(_NAME_FIELD, full.encode()) + body), None)
