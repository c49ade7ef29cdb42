"""EntryPoints to listeners: TCP for each, UDP beside it for HTTP/3.

A connection finds its filter chain by protocol (plain or TLS), by the TLS options that rule the name it asks
for, and by whether its peer's X-Forwarded-* are believed. Nothing in a listener depends on routers other than
the hosts that TLS options of their own rule, so changes of routes leave connections alone.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.certificates import QuicCertificates
from hearthgate.ingress.envoy.connections import HEADERS_TIMEOUT, Kind, network_filters
from hearthgate.ingress.envoy.messages import cidr, duration, extension, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.peers import Peers, peers_of
from hearthgate.ingress.envoy.proofs import proof_chains
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.tls_context import downstream_context, quic_context, serves_quic
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, EntryPoint, TLSOptions
from hearthgate.model.hostnames import host_matches

_BUFFER: Final = 256 * 1024
_HANDSHAKE_TIMEOUT: Final = 15.0
_KEEPALIVE: Final = 180
"""Seconds, upstream's `keepAlive` of connections."""


class Served(NamedTuple):
    """TLS options on one entrypoint. `hosts`: what they rule there; empty for `default`, which rules the rest.
    `exceptions`: hosts of `default` that a wildcard of other options would draw away."""

    options: TLSOptions
    hosts: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()


def plain_routes(entrypoint: str) -> str:
    """Name of the RouteConfiguration for plain connections."""
    return f"{entrypoint}/plain"


def tls_routes(entrypoint: str, options: str) -> str:
    """Name of the RouteConfiguration for TLS connections under these options."""
    return f"{entrypoint}/tls/{options}"


def tcp_listener(
    entrypoint: EntryPoint, served: tuple[Served, ...], options: ProxyOptions, placeholder_ca: str
) -> Any:
    """The Listener for HTTP/1 and HTTP/2, plain and over TLS."""
    chains = [_plain_chain(entrypoint, peers, options) for peers in peers_of(entrypoint)]
    for one in served:
        context = any_of(downstream_context(one.options, placeholder_ca))
        socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
        chains += _tls_chains(entrypoint, one, Kind.TLS, socket, options)
    if options.proof_socket:
        named = {host for one in served for host in (*one.hosts, *one.exceptions)}
        chains += proof_chains(entrypoint.name, tuple(sorted(named)))
    return make(
        "envoy.config.listener.v3.Listener",
        name=entrypoint.name,
        address=listening_address(entrypoint.host, entrypoint.port, options, "TCP"),
        listener_filters=[*_proxy_protocol(entrypoint), _listener_filter("tls_inspector", "TlsInspector")],
        # Browsers open connections in advance and say nothing on them for a while.
        listener_filters_timeout=duration(HEADERS_TIMEOUT),
        filter_chains=chains,
        per_connection_buffer_limit_bytes=wrapped(_BUFFER),
        tcp_keepalive={"keepalive_time": wrapped(_KEEPALIVE)},
        traffic_direction="INBOUND",
    )


def _proxy_protocol(entrypoint: EntryPoint) -> list[dict[str, Any]]:
    """Who sends no header is served all the same, as upstream does it."""
    if not entrypoint.proxy_protocol:
        return []
    return [_listener_filter("proxy_protocol", "ProxyProtocol", allow_requests_without_proxy_protocol=True)]


def _listener_filter(name: str, message: str, **fields: Any) -> dict[str, Any]:
    prefix = "envoy.extensions.filters.listener"
    return extension(f"envoy.filters.listener.{name}", f"{prefix}.{name}.v3.{message}", **fields)


def udp_listener(
    entrypoint: EntryPoint, served: tuple[Served, ...], options: ProxyOptions, certificates: QuicCertificates
) -> Any | None:
    """The Listener for HTTP/3; None when there is none."""
    if not entrypoint.http3:
        return None
    chains: list[dict[str, Any]] = []
    for one in served:
        narrowed, secrets = _quic_secrets(one, certificates)
        if secrets and serves_quic(one.options):
            socket = extension(
                "envoy.transport_sockets.quic",
                "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
                downstream_tls_context=quic_context(one.options, secrets),
                enable_early_data=wrapped(False),
            )
            chains += _tls_chains(entrypoint, narrowed, Kind.QUIC, socket, options)
    if not chains:
        return None
    streams = {"max_concurrent_streams": wrapped(entrypoint.max_concurrent_streams)}
    return make(
        "envoy.config.listener.v3.Listener",
        name=f"{entrypoint.name}/udp",
        address=listening_address(entrypoint.host, entrypoint.port, options, "UDP"),
        udp_listener_config={
            "quic_options": {
                "quic_protocol_options": streams,
                "idle_timeout": duration(entrypoint.idle_timeout or 300.0),
            },
            "downstream_socket_config": {"prefer_gro": wrapped(True)},
        },
        filter_chains=chains,
        traffic_direction="INBOUND",
    )


def _quic_secrets(served: Served, certificates: QuicCertificates) -> tuple[Served, tuple[str, ...]]:
    """The secrets to choose from. With sniStrict there is no default one, and only names with a certificate."""
    if not served.options.sni_strict:
        return served, tuple(filter(None, (certificates.default, *certificates.others)))
    if served.options.name == DEFAULT_TLS_OPTIONS:
        return served._replace(hosts=certificates.hosts, exceptions=()), certificates.others
    covered = tuple(h for h in served.hosts if any(host_matches(name, h) for name in certificates.hosts))
    return served._replace(hosts=covered), certificates.others if covered else ()


def listening_address(host: str, port: int, options: ProxyOptions, protocol: str) -> dict[str, Any]:
    """The Address of an entrypoint; `::` stands for every address of both families."""
    every = host == "::"
    return {
        "socket_address": {
            "protocol": protocol,
            "address": "0.0.0.0" if every and not options.use_ipv6 else host,  # noqa: S104 - as asked
            "port_value": port,
            "ipv4_compat": every and options.use_ipv6,
        }
    }


def _filters(
    entrypoint: EntryPoint, kind: Kind, peers: Peers, routes: str, options: ProxyOptions
) -> list[dict[str, Any]]:
    return network_filters(entrypoint, kind, peers, routes, hostname=options.hostname, recording=options.recording)


def _plain_chain(entrypoint: EntryPoint, peers: Peers, options: ProxyOptions) -> dict[str, Any]:
    routes = plain_routes(entrypoint.name)
    return {
        "name": _chain_name(routes, peers),
        "filter_chain_match": {"transport_protocol": "raw_buffer", **_sources(peers)},
        "filters": _filters(entrypoint, Kind.PLAIN, peers, routes, options),
    }


def _tls_chains(
    entrypoint: EntryPoint, served: Served, kind: Kind, socket: dict[str, Any], options: ProxyOptions
) -> Iterator[dict[str, Any]]:
    routes = tls_routes(entrypoint.name, served.options.name)
    names = [("", served.hosts)]
    if served.exceptions:
        names.append(("/exceptions", served.exceptions))
    for peers in peers_of(entrypoint, datagrams=kind is Kind.QUIC):
        for suffix, hosts in names:
            yield {
                "name": _chain_name(routes, peers) + suffix,
                "filter_chain_match": {
                    "transport_protocol": "quic" if kind is Kind.QUIC else "tls",
                    "server_names": hosts,
                    **_sources(peers),
                },
                "filters": _filters(entrypoint, kind, peers, routes, options),
                "transport_socket": socket,
                "transport_socket_connect_timeout": duration(_HANDSHAKE_TIMEOUT),
            }


def _chain_name(routes: str, peers: Peers) -> str:
    return f"{routes}{peers.suffix}"


def _sources(peers: Peers) -> dict[str, Any]:
    found = {"source_prefix_ranges": peers.ranges, "direct_source_prefix_ranges": peers.sockets}
    return {name: [cidr(text) for text in ranges] for name, ranges in found.items() if ranges}
