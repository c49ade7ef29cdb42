"""TCPRouters to filter chains: middlewares in their order, then the way to the services."""

from collections.abc import Callable, Sequence
from math import gcd
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.clusters import UNAVAILABLE_CLUSTER, Cluster
from hearthgate.ingress.envoy.messages import cidr, duration, extension, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.envoy.streams.clusters import stream_cluster
from hearthgate.ingress.envoy.tls_context import downstream_context, needs_placeholder
from hearthgate.ingress.middlewares.streams import AllowedAddresses, ConnectionLimit, StreamMiddleware
from hearthgate.ingress.routing.model import Endpoint, StreamBalancer, StreamMember, TCPRouter, TLSOptions
from hearthgate.model.problems import Problem, Reason

Inline = Callable[[StreamBalancer], tuple[Endpoint, ...] | None]
_NETWORK: Final = "envoy.extensions.filters.network."
_HANDSHAKE_TIMEOUT: Final = 15.0
_ATTEMPTS: Final = 3
"""Servers that a connection is tried on, as for requests."""
_MAX_TOTAL: Final = 2**32 - 1


class CompiledStream(NamedTuple):
    """A router as Envoy's FilterChain; None when it cannot be served, and `problems` say why.
    proxies: of its entrypoint, see `predicates.client_is_one_of`."""

    router: TCPRouter
    chain_name: str
    chain: Any | None
    clusters: tuple[Cluster, ...]
    problems: tuple[Problem, ...] = ()
    proxies: tuple[str, ...] = ()


class TLSFrame(NamedTuple):
    """What TLS depends on beside routers: options by name, and any certificate in PEM form."""

    options: dict[str, TLSOptions]
    placeholder_ca: str


def compile_stream(
    router: TCPRouter, frame: TLSFrame, inline: Inline, options: ProxyOptions, proxies: tuple[str, ...] = ()
) -> CompiledStream:
    """Equal input gives an equal chain. A chain depends on nothing but its router and TLS options, so that the
    connections of the others outlive a change of this one."""
    name = f"{router.entrypoint}/tcp/{router.ref.namespace}/{router.ref.name}/{router.name}"
    try:
        shares, clusters = weighed(router.members, inline, options)
        way = tcp_proxy([(weight, cluster.name) for weight, cluster in shares])
        fields: dict[str, Any] = {"name": name, "filters": [*_filters(router, proxies), way]}
        if router.tls and not router.passthrough:
            fields |= _terminated(frame.options[router.tls_options], frame)
    except UnservableError as error:
        field = f"{router.field}.services"
        problem = Problem(ref=router.ref, field=field, reason=Reason.UNSUPPORTED, message=str(error))
        return CompiledStream(router, name, None, (), (problem,))
    chain = make("envoy.config.listener.v3.FilterChain", **fields)
    return CompiledStream(router, name, chain, clusters, proxies=proxies)


def weighed(
    members: Sequence[StreamMember], inline: Inline, options: ProxyOptions
) -> tuple[tuple[tuple[int, Cluster], ...], tuple[Cluster, ...]]:
    """The share of each cluster that has one, and the clusters. Raises UnservableError."""
    found: dict[str, tuple[int, Cluster]] = {}
    for member in members:
        if member.weight > 0:
            cluster = stream_cluster(member.balancer, inline(member.balancer), options)
            weight = member.weight + (found[cluster.name][0] if cluster.name in found else 0)
            found[cluster.name] = (weight, cluster)
    weights = reduced([weight for weight, _ in found.values()])
    clusters = tuple(cluster for _, cluster in found.values())
    return tuple(zip(weights, clusters, strict=True)), clusters


def reduced(weights: Sequence[int]) -> tuple[int, ...]:
    """Weights of the same proportions whose sum Envoy can take: 32 bits."""
    common = gcd(*weights) if weights else 1
    total = sum(weights) // common
    shrink = common * max(1, -(-total // (_MAX_TOTAL - len(weights))))
    return tuple(max(1, weight // shrink) for weight in weights)


def to_chain(name: str) -> dict[str, Any]:
    """What a matcher does that has found the filter chain."""
    value = any_of(make("google.protobuf.StringValue", value=name))
    return {"action": {"name": "filter-chain-name", "typed_config": value}}


def tcp_proxy(shares: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """The filter that carries a connection to one of these clusters, for as long as both sides like."""
    if len(shares) > 1:
        clusters = [{"name": name, "weight": weight} for weight, name in shares]
        target: dict[str, Any] = {"weighted_clusters": {"clusters": clusters}}
    else:
        target = {"cluster": shares[0][1] if shares else UNAVAILABLE_CLUSTER}
    return extension(
        "envoy.filters.network.tcp_proxy",
        f"{_NETWORK}tcp_proxy.v3.TcpProxy",
        stat_prefix="tcp",
        idle_timeout=duration(0),
        max_connect_attempts=wrapped(_ATTEMPTS),
        **target,
    )


def _terminated(tls: TLSOptions, frame: TLSFrame) -> dict[str, Any]:
    if needs_placeholder(tls) and not frame.placeholder_ca:
        raise UnservableError(f"{tls.name}: client certificates without authorities need a default certificate")
    if tls.sni_strict and tls.name != "default":
        raise UnservableError(
            f"{tls.name}: sniStrict is kept for connections only by the options called default: "
            "write HostSNI for the names that have a certificate"
        )
    context = any_of(downstream_context(tls, frame.placeholder_ca))
    return {
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        "transport_socket_connect_timeout": duration(_HANDSHAKE_TIMEOUT),
    }


def _filters(router: TCPRouter, proxies: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_filter(middleware, proxies) for middleware in router.middlewares]


def _filter(middleware: StreamMiddleware, proxies: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(middleware, AllowedAddresses):
        policy = {"permissions": [{"any": True}], "principals": [_principal(middleware.ranges, proxies)]}
        return extension(
            "envoy.filters.network.rbac",
            f"{_NETWORK}rbac.v3.RBAC",
            stat_prefix="tcp",
            rules={"action": "ALLOW", "policies": {middleware.name: policy}},
        )
    if isinstance(middleware, ConnectionLimit):
        return extension(
            "envoy.filters.network.connection_limit",
            f"{_NETWORK}connection_limit.v3.ConnectionLimit",
            stat_prefix="tcp",
            max_connections=wrapped(middleware.amount),
        )
    raise UnservableError(f"{middleware.name}: not a middleware of connections")


def _principal(ranges: tuple[str, ...], proxies: tuple[str, ...]) -> dict[str, Any]:
    """Clients in `ranges`, by what counts as their address."""

    def one_of(kind: str, texts: tuple[str, ...]) -> dict[str, Any]:
        return {"or_ids": {"ids": [{kind: cidr(text)} for text in texts]}}

    told = one_of("remote_ip", ranges)
    if not proxies:
        return told
    believed = one_of("direct_remote_ip", proxies)
    by_socket = {"and_ids": {"ids": [{"not_id": believed}, one_of("direct_remote_ip", ranges)]}}
    return {"or_ids": {"ids": [{"and_ids": {"ids": [believed, told]}}, by_socket]}}
