"""STARTTLS of PostgreSQL in words of Envoy: connections that are not TLS go to the service beside it, and come
back at a listener of their own with a header that says who the client is and, as target, whose they are."""

from collections.abc import Sequence
from typing import Any, Final

from hearthgate.ingress.envoy.clusters import Cluster
from hearthgate.ingress.envoy.messages import duration, extension, make
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.streams import predicates
from hearthgate.ingress.envoy.streams.chains import CompiledStream, tcp_proxy, to_chain
from hearthgate.ingress.postgres.tables import ENTRYPOINT_TLV, STARTTLS_SOCKET, back_socket, targets_of
from hearthgate.ingress.xds.resources import Versioned, versioned

_SOCKETS: Final = "envoy.extensions.transport_sockets."


def beside(options: ProxyOptions, name: str) -> str:
    """The path of a socket in the folder of the authentication service's."""
    folder, slash, _ = options.auth_socket.rpartition("/")
    return f"{folder}{slash}{name}"


def chain_name(entrypoint: str) -> str:
    """Of the filter chain for connections that are not TLS, and of the listener where they come back."""
    return f"{entrypoint}/starttls"


def starttls_chain(entrypoint: str) -> Any:
    """The FilterChain that brings connections to the service."""
    return make(
        "envoy.config.listener.v3.FilterChain",
        name=chain_name(entrypoint),
        filters=[tcp_proxy([(1, _cluster_name(entrypoint))])],
    )


def back_listener(
    entrypoint: str, streams: Sequence[CompiledStream], requests: Sequence[Any], options: ProxyOptions
) -> Versioned:
    """The Listener where connections come back. requests: the filter chains of plain requests, which answer who
    speaks HTTP where there is none."""
    rows = [
        {
            "predicate": predicates.goes_to_one_of(targets_of(stream.router)),
            "on_match": to_chain(stream.chain_name),
        }
        for stream in streams
    ]
    listener = make(
        "envoy.config.listener.v3.Listener",
        name=chain_name(entrypoint),
        address={"pipe": {"path": beside(options, back_socket(entrypoint)), "mode": 0o600}},
        listener_filters=[
            extension(
                "envoy.filters.listener.proxy_protocol",
                "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
            )
        ],
        filter_chains=[*(stream.chain for stream in streams), *requests],
        filter_chain_matcher={
            "matcher_list": {"matchers": rows},
            "on_no_match": to_chain(requests[0].name),
        },
        traffic_direction="INBOUND",
    )
    return versioned(listener.SerializeToString(deterministic=True))


def _cluster_name(entrypoint: str) -> str:
    return f"hearthgate-starttls|{entrypoint}"


def starttls_cluster(entrypoint: str, options: ProxyOptions) -> Cluster:
    """The service, over its unix socket, told the name of the entrypoint."""
    name = _cluster_name(entrypoint)
    raw = extension("envoy.transport_sockets.raw_buffer", f"{_SOCKETS}raw_buffer.v3.RawBuffer")
    endpoint = {"endpoint": {"address": {"pipe": {"path": beside(options, STARTTLS_SOCKET)}}}}
    cluster = make(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        type="STATIC",
        connect_timeout=duration(1),
        load_assignment={"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        transport_socket=extension(
            "envoy.transport_sockets.upstream_proxy_protocol",
            f"{_SOCKETS}proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            config={"version": "V2", "added_tlvs": [{"type": ENTRYPOINT_TLV, "value": entrypoint.encode()}]},
            transport_socket=raw,
        ),
    )
    return Cluster(name, versioned(cluster.SerializeToString(deterministic=True)), None)
