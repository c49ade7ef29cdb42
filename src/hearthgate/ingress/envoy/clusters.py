"""Load balancers to clusters. A cluster's name is readable and ends in the hash of all that it consists of, so
two load balancers share a cluster exactly when they are alike, and a changed one never changes a cluster in use.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.connections import proper_case
from hearthgate.ingress.envoy.endpoints import assigned
from hearthgate.ingress.envoy.messages import ADS, duration, extension, field, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.retries import retry_policy
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.envoy.tls_context import version_parameters
from hearthgate.ingress.routing.model import (
    Certificate,
    Endpoint,
    EndpointsKey,
    LoadBalancer,
    PassiveHealthCheck,
    Transport,
)
from hearthgate.ingress.xds.resources import Versioned, versioned

AUTH_CLUSTER: Final = "hearthgate-auth"
"""The authentication service, over its unix socket."""
IN_FLIGHT_CLUSTER: Final = "hearthgate-in-flight"
"""The service that counts requests under way, over its unix socket."""
PROOF_CLUSTER: Final = "hearthgate-proofs"
"""The service that takes the handshakes of CAs, over its unix socket."""
UNAVAILABLE_CLUSTER: Final = "hearthgate-unavailable"
"""A cluster without endpoints: members of weighted services that have nothing to choose from."""
_BUFFER: Final = 256 * 1024
_MAX_PROOFS: Final = 100
"""Handshakes of CAs at a time: five vantage points for each of some names. Others who try cost us no more."""
_NO_LIMIT: Final = 1_000_000_000
_LONGEST: Final = 86_400.0
_STREAM_WINDOW: Final = 1 << 20
_CONNECTION_WINDOW: Final = 16 << 20
_MAX_HEADERS: Final = 10_000
_MAX_HEADERS_KB: Final = 8_192
_LONGEST_NAME: Final = 255
_KEEPALIVE: Final = 15
"""Seconds, Go's default of an idle connection's first probe."""
_POLICIES: Final = {"wrr": "ROUND_ROBIN", "p2c": "LEAST_REQUEST", "hrw": "RING_HASH"}
_LEAST_REQUEST: Final = "envoy.load_balancing_policies.least_request"
_FOR_SESSIONS: Final = ("UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING")
"""Servers that a sticky session may stay at."""
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS: Final = "envoy.extensions.transport_sockets.tls.v3."
_NAME_FIELD: Final = 1


class Cluster(NamedTuple):
    """`endpoints`: what Envoy will ask for to fill it; None when it is complete."""

    name: str
    resource: Versioned
    endpoints: EndpointsKey | None


def has_name(addresses: Iterable[Endpoint]) -> bool:
    """Whether some address is a host name, which only the proxy can resolve."""
    return any(not is_ip(endpoint.address) for endpoint in addresses)


def is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def checks_addresses(balancer: LoadBalancer) -> bool:
    """Whether backends must prove to own their very address: https, verified, and no name given for them."""
    transport = balancer.transport
    named = transport.server_name or transport.uris or transport.names
    return balancer.scheme == "https" and not transport.insecure_skip_verify and not named


def states_servers(balancer: LoadBalancer) -> bool:
    """Whether the cluster itself says which of its servers passes a health check: those that no endpoints name."""
    return balancer.check is not None and (balancer.external is not None or bool(balancer.addresses))


def needs_http1_for_upgrades(balancer: LoadBalancer) -> bool:
    """Whether ALPN may choose HTTP/2, over which few backends take upgrades (upstream avoids it for them too)."""
    return balancer.scheme == "https" and balancer.transport.http2


def build_cluster(
    balancer: LoadBalancer,
    addresses: tuple[Endpoint, ...] | None,
    options: ProxyOptions,
    *,
    http1: bool = False,
    retries: bool = True,
    filters: Sequence[dict[str, Any]] = (),
) -> Cluster:
    """The cluster of a load balancer.

    addresses: its endpoints, where the cluster itself depends on them (`has_name`, `checks_addresses`).
    http1: the variant for upgrades. retries: whether it says what is tried again, which routes cannot change.
    filters: HttpFilters on the way to the backend. Raises UnservableError.
    """
    known = servers(balancer, addresses)
    fields: dict[str, Any] = {
        "alt_stat_name": balancer.name,
        "connect_timeout": duration(balancer.transport.dial_timeout or _LONGEST),
        **_strategy(balancer),
        "typed_extension_protocol_options": {
            _OPTIONS: any_of(_protocols(balancer, http1, filters, retries=retries))
        },
        **(_own_socket(balancer, options) if balancer.internal else _discovery(balancer, known)),
        **unlimited(),
    }
    if balancer.passive is not None:
        fields["outlier_detection"] = _passive(balancer.passive)
    if balancer.sticky is not None:
        fields["common_lb_config"]["override_host_status"] = {"statuses": _FOR_SESSIONS}
    if balancer.scheme == "https":
        fields["transport_socket"] = _transport_socket(balancer, known, options, http1)
    body = make("envoy.config.cluster.v3.Cluster", **fields).SerializeToString(deterministic=True)
    eds = balancer.endpoints if "eds_cluster_config" in fields else None
    # Whose endpoints it shows is a part of what the cluster is: two Services are two clusters.
    digest = blake2b("\0".join(eds or ()).encode() + b"\0" + body, digest_size=8)
    name = f"{balancer.name}|{digest.hexdigest()}"
    return Cluster(name, versioned(field(_NAME_FIELD, name.encode()) + body), eds)


def _own_socket(balancer: LoadBalancer, options: ProxyOptions) -> dict[str, Any]:
    """Where a service of this program is reached."""
    socket = options.internal_socket(balancer.name)
    if not socket:
        raise UnservableError(f"{balancer.name} is not served here")
    pipe = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    endpoints = [{"lb_endpoints": [pipe]}]
    return {"type": "STATIC", "load_assignment": {"cluster_name": balancer.name, "endpoints": endpoints}}


def servers(balancer: LoadBalancer, addresses: tuple[Endpoint, ...] | None) -> tuple[Endpoint, ...]:
    """The servers that stand in a cluster itself. A check says which of them can serve."""
    if addresses is None:
        return (balancer.external,) if balancer.external is not None else balancer.addresses
    return addresses


def _discovery(balancer: LoadBalancer, known: tuple[Endpoint, ...]) -> dict[str, Any]:
    fixed = balancer.external is not None or balancer.addresses
    if balancer.endpoints is not None and not fixed and not has_name(known):
        return {
            "type": "EDS",
            "eds_cluster_config": {"eds_config": {**ADS, "initial_fetch_timeout": duration(2)}},
            "ignore_health_on_host_removal": True,
        }
    assignment = {"cluster_name": balancer.name, **assigned(known)}
    if balancer.addresses:
        return {"type": "STATIC", "load_assignment": assignment}
    return {
        # Of an external name, each new connection takes one address of the last answer, as upstream does.
        "type": "LOGICAL_DNS" if balancer.external is not None else "STRICT_DNS",
        "load_assignment": assignment,
        **name_resolution(),
    }


def name_resolution() -> dict[str, Any]:
    """How a cluster asks for the addresses of names."""
    return {
        # Where a name has addresses of both families, `localhost` for one, backends often listen on IPv4 alone.
        "dns_lookup_family": "V4_PREFERRED",
        "respect_dns_ttl": True,
        "typed_dns_resolver_config": extension(
            "envoy.network.dns_resolver.cares",
            "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            query_timeout_seconds=wrapped(2),
            query_tries=wrapped(2),
        ),
    }


def _strategy(balancer: LoadBalancer) -> dict[str, Any]:
    if balancer.strategy != "leasttime":
        return {"lb_policy": _POLICIES[balancer.strategy]}
    # A server that takes twice the time has twice the requests under way, so the fewest of them is the least time.
    policy = extension(
        _LEAST_REQUEST,
        "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        selection_method="FULL_SCAN",
    )
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": policy}]}}


def _passive(check: PassiveHealthCheck) -> dict[str, Any]:
    """An OutlierDetection: every server may rest, even the last one, for the same time whenever."""
    rest = duration(check.window)
    return {
        "consecutive_5xx": wrapped(check.failures),
        "interval": duration(min(1.0, check.window)),
        "base_ejection_time": rest,
        "max_ejection_time": rest,
        "max_ejection_percent": wrapped(100),
        "enforcing_consecutive_5xx": wrapped(100),
        "enforcing_success_rate": wrapped(0),
        "enforcing_consecutive_gateway_failure": wrapped(0),
        "enforcing_failure_percentage": wrapped(0),
        "max_ejection_time_jitter": duration(0),
    }


def unlimited() -> dict[str, Any]:
    limits = dict.fromkeys(
        ("max_connections", "max_pending_requests", "max_requests", "max_retries"), wrapped(_NO_LIMIT)
    )
    return {
        "circuit_breakers": {"thresholds": [limits]},
        "common_lb_config": {"healthy_panic_threshold": wrapped(0), "update_merge_window": duration(0)},
        "per_connection_buffer_limit_bytes": wrapped(_BUFFER),
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": wrapped(_KEEPALIVE)}},
    }


def _protocols(balancer: LoadBalancer, http1: bool, filters: Sequence[dict[str, Any]], *, retries: bool) -> Any:
    one = {"header_key_format": proper_case(), "enable_trailers": True}
    two: dict[str, Any] = {
        "initial_stream_window_size": wrapped(_STREAM_WINDOW),
        "initial_connection_window_size": wrapped(_CONNECTION_WINDOW),
    }
    transport = balancer.transport
    if transport.ping_after:
        two["connection_keepalive"] = {
            "interval": duration(transport.ping_after),
            "timeout": duration(transport.ping_timeout or _LONGEST),
        }
    general = {
        "idle_timeout": duration(transport.idle_timeout),
        "max_headers_count": wrapped(_MAX_HEADERS),
        "max_response_headers_kb": wrapped(_MAX_HEADERS_KB),
    }
    if not transport.reuse:
        general["max_requests_per_connection"] = wrapped(1)
    fields: dict[str, Any] = {
        "common_http_protocol_options": general,
        # The bound on an answer's headers is a route's to set, and what a route says of retries it says whole.
        "retry_policy": retry_policy() if retries and not transport.response_header_timeout else None,
        "http_filters": filters,
    }
    if balancer.scheme == "h2c":
        fields["explicit_http_config"] = {"http2_protocol_options": two}
    elif needs_http1_for_upgrades(balancer) and not http1:
        fields["auto_config"] = {"http_protocol_options": one, "http2_protocol_options": two}
    else:
        fields["explicit_http_config"] = {"http_protocol_options": one}
    if balancer.strategy == "hrw":
        fields["hash_policy"] = [{"connection_properties": {"source_ip": True}}]
    return make(_OPTIONS, **fields)


def _transport_socket(
    balancer: LoadBalancer, known: tuple[Endpoint, ...], options: ProxyOptions, http1: bool
) -> dict[str, Any]:
    transport = balancer.transport
    if len(transport.server_name) > _LONGEST_NAME:
        raise UnservableError(f"transport {transport.name}: a serverName has at most {_LONGEST_NAME} characters")
    name = transport.server_name or (balancer.external.address if balancer.external is not None else "")
    parameters = version_parameters(transport.min_version, transport.max_version, transport.ciphers)
    common: dict[str, Any] = {"tls_params": parameters}
    if transport.certificates:
        common["tls_certificates"] = [_shown(transport.certificates[0])]
    if http1 or not transport.http2:
        common["alpn_protocols"] = ["http/1.1"]
    if not transport.insecure_skip_verify:
        common["validation_context"] = {
            "trusted_ca": _authorities(transport, options),
            "match_typed_subject_alt_names": _alternative_names(transport, name, known),
        }
    return extension(
        "envoy.transport_sockets.tls",
        f"{_TLS}UpstreamTlsContext",
        common_tls_context=common,
        sni="" if is_ip(name) else name,
        # Many a home-made certificate of a backend has a key usage that does not fit; upstream does not look.
        enforce_rsa_key_usage=wrapped(False),
    )


def _shown(certificate: Certificate) -> dict[str, Any]:
    """A TlsCertificate."""
    return {
        "certificate_chain": {"inline_string": certificate.chain},
        "private_key": {"inline_bytes": certificate.key.reveal()},
    }


def _authorities(transport: Transport, options: ProxyOptions) -> dict[str, Any]:
    if transport.root_cas:
        return {"inline_string": "\n".join(transport.root_cas)}
    if not options.system_cas:
        raise UnservableError(
            f"transport {transport.name} names no authorities and this system has none: "
            "set rootCAs, or insecureSkipVerify"
        )
    return {"filename": options.system_cas}


def _alternative_names(transport: Transport, name: str, known: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """What the certificate must hold one of. As upstream, names that the transport lists replace the server's."""
    listed = [("URI", uri) for uri in transport.uris] + [("DNS", each) for each in transport.names]
    if not listed:
        names = [name] if name else sorted({endpoint.address for endpoint in known})
        listed = [("IP_ADDRESS" if is_ip(one) else "DNS", one) for one in names]
    return [{"san_type": kind, "matcher": {"exact": value}} for kind, value in listed]


def internal_clusters(options: ProxyOptions) -> tuple[Cluster, ...]:
    """Clusters that are there whatever the routers are."""
    empty = {"name": UNAVAILABLE_CLUSTER, "type": "STATIC", "connect_timeout": duration(1)}
    found = [empty]
    if options.auth_socket:
        found.append(_own_service(AUTH_CLUSTER, options.auth_socket))
        two = make(_OPTIONS, explicit_http_config={"http2_protocol_options": {}})
        in_flight = _own_service(IN_FLIGHT_CLUSTER, options.in_flight_socket)
        found.append({**in_flight, "typed_extension_protocol_options": {_OPTIONS: any_of(two)}})
        bounded = {"thresholds": [{"max_connections": wrapped(_MAX_PROOFS)}]}
        proofs = _own_service(PROOF_CLUSTER, options.proof_socket)
        found.append({**proofs, "circuit_breakers": bounded})
    clusters = []
    for fields in found:
        body = make("envoy.config.cluster.v3.Cluster", **fields).SerializeToString(deterministic=True)
        clusters.append(Cluster(str(fields["name"]), versioned(body), None))
    return tuple(clusters)


def _own_service(name: str, socket: str) -> dict[str, Any]:
    pipe = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": duration(1),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [pipe]}]},
        **unlimited(),
    }
