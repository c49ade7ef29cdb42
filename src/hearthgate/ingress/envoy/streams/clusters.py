"""StreamBalancers to clusters, named as those of requests are: readable, and by the hash of all their content."""

from hashlib import blake2b
from typing import Any, Final

from hearthgate.ingress.envoy.clusters import Cluster, has_name, is_ip, name_resolution
from hearthgate.ingress.envoy.endpoints import locality
from hearthgate.ingress.envoy.messages import ADS, duration, extension, field, make, wrapped
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.routing.model import BackendTLS, Endpoint, StreamBalancer
from hearthgate.ingress.xds.resources import versioned

_BUFFER: Final = 256 * 1024
_NO_LIMIT: Final = 1_000_000_000
_LONGEST: Final = 86_400.0
_SHORTEST: Final = 0.001
_LONGEST_KEEPALIVE: Final = 32_767
"""Seconds, what Linux takes (tcp(7))."""
_LONGEST_NAME: Final = 255
_NAME_FIELD: Final = 1
_SOCKETS: Final = "envoy.extensions.transport_sockets."
_RAW: Final = "envoy.transport_sockets.raw_buffer"
_RAW_TYPE: Final = f"{_SOCKETS}raw_buffer.v3.RawBuffer"


def checks_stream_addresses(balancer: StreamBalancer) -> bool:
    """Whether backends must prove to own their very address: TLS, verified, and nothing else to verify."""
    tls = balancer.transport.tls
    return tls is not None and not (tls.insecure_skip_verify or tls.server_name or tls.uris or tls.names)


def stream_cluster(
    balancer: StreamBalancer, addresses: tuple[Endpoint, ...] | None, options: ProxyOptions
) -> Cluster:
    """The cluster of a balancer. addresses: its endpoints, where the cluster itself depends on them
    (`has_name`, `checks_stream_addresses`). Raises UnservableError."""
    known = balancer.addresses or addresses or ()
    transport = balancer.transport
    fields: dict[str, Any] = {
        "alt_stat_name": balancer.name,
        "connect_timeout": duration(_dial_timeout(transport.dial_timeout)),
        "lb_policy": "ROUND_ROBIN",
        **_discovery(balancer, known),
        **_unlimited(),
    }
    if transport.keep_alive:
        interval = wrapped(min(max(1, round(transport.keep_alive)), _LONGEST_KEEPALIVE))
        keep_alive = {"keepalive_time": interval, "keepalive_interval": interval}
        fields["upstream_connection_options"] = {"tcp_keepalive": keep_alive}
    socket = _tls_socket(balancer, transport.tls, known, options) if transport.tls is not None else None
    if transport.proxy_protocol:
        fields["transport_socket"] = extension(
            "envoy.transport_sockets.upstream_proxy_protocol",
            f"{_SOCKETS}proxy_protocol.v3.ProxyProtocolUpstreamTransport",
            config={"version": "V1" if transport.proxy_protocol == 1 else "V2"},
            transport_socket=socket or extension(_RAW, _RAW_TYPE),
        )
    elif socket is not None:
        fields["transport_socket"] = socket
    body = make("envoy.config.cluster.v3.Cluster", **fields).SerializeToString(deterministic=True)
    eds = balancer.endpoints if "eds_cluster_config" in fields else None
    digest = blake2b(b"stream\0" + "\0".join(eds or ()).encode() + b"\0" + body, digest_size=8)
    name = f"{balancer.name}|{digest.hexdigest()}"
    return Cluster(name, versioned(field(_NAME_FIELD, name.encode()) + body), eds)


def _dial_timeout(seconds: float) -> float:
    return max(_SHORTEST, min(seconds, _LONGEST)) if seconds > 0 else _LONGEST


def _discovery(balancer: StreamBalancer, known: tuple[Endpoint, ...]) -> dict[str, Any]:
    if balancer.endpoints is not None and not has_name(known):
        return {
            "type": "EDS",
            "eds_cluster_config": {"eds_config": {**ADS, "initial_fetch_timeout": duration(2)}},
            "ignore_health_on_host_removal": True,
        }
    assignment = {"cluster_name": balancer.name, "endpoints": locality(known)}
    if not has_name(known):
        return {"type": "STATIC", "load_assignment": assignment}
    return {
        "type": "STRICT_DNS",
        "load_assignment": assignment,
        **name_resolution(),
    }


def _unlimited() -> dict[str, Any]:
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), wrapped(_NO_LIMIT))
    return {
        "circuit_breakers": {"thresholds": [limits]},
        "common_lb_config": {"healthy_panic_threshold": wrapped(0), "update_merge_window": duration(0)},
        "per_connection_buffer_limit_bytes": wrapped(_BUFFER),
    }


def _tls_socket(
    balancer: StreamBalancer, tls: BackendTLS, known: tuple[Endpoint, ...], options: ProxyOptions
) -> dict[str, Any]:
    where = f"transport {balancer.transport.name}"
    if len(tls.server_name) > _LONGEST_NAME:
        raise UnservableError(f"{where}: a serverName has at most {_LONGEST_NAME} characters")
    host = balancer.addresses[0].address if balancer.endpoints is None and balancer.addresses else ""
    name = tls.server_name or host
    common: dict[str, Any] = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [
            {
                "certificate_chain": {"inline_string": certificate.chain},
                "private_key": {"inline_bytes": certificate.key.reveal()},
            }
            # A client shows one certificate, and Envoy takes one; upstream too uses the first that fits.
            for certificate in tls.certificates[:1]
        ],
    }
    if not tls.insecure_skip_verify:
        authorities = {"inline_string": "\n".join(tls.root_cas)} if tls.root_cas else _system(where, options)
        common["validation_context"] = {
            "trusted_ca": authorities,
            "match_typed_subject_alt_names": _alternative_names(tls, name, known),
        }
    return extension(
        "envoy.transport_sockets.tls",
        f"{_SOCKETS}tls.v3.UpstreamTlsContext",
        common_tls_context=common,
        sni="" if is_ip(name) else name,
        enforce_rsa_key_usage=wrapped(False),
    )


def _system(where: str, options: ProxyOptions) -> dict[str, Any]:
    if not options.system_cas:
        raise UnservableError(
            f"{where} names no authorities and this system has none: set rootCAs, or insecureSkipVerify"
        )
    return {"filename": options.system_cas}


def _alternative_names(tls: BackendTLS, name: str, known: tuple[Endpoint, ...]) -> list[dict[str, Any]]:
    """What the certificate must hold one of. As upstream, names that the transport lists replace the server's."""
    listed = [("URI", uri) for uri in tls.uris] + [("DNS", each) for each in tls.names]
    if not listed:
        names = [name] if name else sorted({endpoint.address for endpoint in known})
        listed = [("IP_ADDRESS" if is_ip(one) else "DNS", one) for one in names]
    return [{"san_type": kind, "matcher": {"exact": value}} for kind, value in listed]
