"""Spans by Envoy, sent by OTLP (`tracing`): one for a request, one for the way to its service."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from hearthgate.ingress.envoy.messages import duration, extension, header, literal, make
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.observability.settings import ClientTLS, Tracing
from hearthgate.ingress.xds.resources import Versioned, versioned

CLUSTER: Final = "hearthgate-otlp"
_TIMEOUT: Final = 5.0
_OTEL: Final = "envoy.extensions.tracers.opentelemetry."
_TLS: Final = "envoy.extensions.transport_sockets.tls.v3."
_REQUEST_ID: Final = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
_NO_PART: Final = {
    "pack_trace_reason": {"value": False},
    "use_request_id_for_trace_sampling": {"value": False},
}
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class TracingError(ValueError):
    """A setting that cannot be kept. `field`: its path below `tracing`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Collector(NamedTuple):
    """Where spans go."""

    host: str
    port: int
    path: str
    secure: bool
    grpc: bool
    headers: Mapping[str, str]
    tls: ClientTLS


def collector(settings: Tracing) -> Collector:
    """The collector that the settings name, with upstream's defaults. Raises TracingError."""
    grpc = settings.otlp.grpc
    if grpc is not None:
        host, colon, port = grpc.endpoint.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise TracingError("otlp.grpc.endpoint", f"{grpc.endpoint[:80]!r} is not host:port (localhost:4317)")
        for name, value in grpc.headers.items():
            if "%" in value:  # Envoy takes it for a format, and says `%%` as it stands
                message = "a value with % cannot be sent over gRPC: use otlp.http"
                raise TracingError(f"otlp.grpc.headers.{name}", message)
        return Collector(host.strip("[]"), int(port), "", not grpc.insecure, True, grpc.headers, grpc.tls)
    http = settings.otlp.http
    if http is None:
        raise TracingError("otlp", "say where spans go: otlp.http.endpoint or otlp.grpc.endpoint")
    try:
        url = urlsplit(http.endpoint)
        secure, port_number = url.scheme == "https", url.port
    except ValueError:
        url, secure, port_number = urlsplit(""), False, None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise TracingError("otlp.http.endpoint", "not a URL (https://collector.example.org:4318/v1/traces)")
    port_number = port_number or (443 if secure else 80)
    path = url.path if url.path not in ("", "/") else "/v1/traces"
    return Collector(url.hostname, port_number, path, secure, False, http.headers, http.tls)


def fields(settings: Tracing, entrypoint: str) -> dict[str, Any]:
    """The fields of an HttpConnectionManager. Raises TracingError."""
    target = collector(settings)
    return {
        "tracing": {
            "provider": extension(
                "envoy.tracers.opentelemetry",
                "envoy.config.trace.v3.OpenTelemetryConfig",
                service_name=settings.service_name,
                sampler=_sampler(settings.sample_rate),
                resource_detectors=[_attributes(settings.resource_attributes)],
                **_exporter(target),
            ),
            "spawn_upstream_span": {"value": True},
            "operation": "%REQ(:METHOD)%",
            "upstream_operation": "ReverseProxy",
            "custom_tags": [*_tags(entrypoint), *_headers(settings)],
        },
        # Requests have no id here unless the client gives one: it shall not decide what is traced. The price:
        # Envoy asks the sampler about each request, and a route cannot say a share of its own.
        "request_id_extension": {"typed_config": any_of(make(_REQUEST_ID, **_NO_PART))},
    }


def cluster(settings: Tracing, system_cas: str) -> Versioned:
    """The cluster of the collector. system_cas: PEM file of authorities, may be empty. Raises TracingError."""
    target = collector(settings)
    address = {"socket_address": {"address": target.host, "port_value": target.port}}
    protocol: dict[str, Any] = {"http2_protocol_options": {}} if target.grpc else {"http_protocol_options": {}}
    body: dict[str, Any] = {
        "name": CLUSTER,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": duration(_TIMEOUT),
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {_OPTIONS: any_of(make(_OPTIONS, explicit_http_config=protocol))},
    }
    if target.secure:
        body["transport_socket"] = _socket(target, system_cas)
    return versioned(make("envoy.config.cluster.v3.Cluster", **body).SerializeToString(deterministic=True))


def _socket(target: Collector, system_cas: str) -> dict[str, Any]:
    common: dict[str, Any] = {"alpn_protocols": ["h2" if target.grpc else "http/1.1"]}
    if not target.tls.insecure_skip_verify:
        authorities = target.tls.ca or system_cas
        if not authorities:
            raise TracingError("otlp", "no authorities to verify the collector with: set tls.ca")
        names = [{"san_type": kind, "matcher": {"exact": target.host}} for kind in ("DNS", "IP_ADDRESS")]
        common["validation_context"] = {
            "trusted_ca": {"filename": authorities},
            "match_typed_subject_alt_names": names,
        }
    if target.tls.cert:
        certificate = {"filename": target.tls.cert}
        common["tls_certificates"] = [
            {"certificate_chain": certificate, "private_key": {"filename": target.tls.key}}
        ]
    return extension(
        "envoy.transport_sockets.tls", f"{_TLS}UpstreamTlsContext", common_tls_context=common, sni=target.host
    )


def _exporter(target: Collector) -> dict[str, Any]:
    if target.grpc:
        metadata = [{"key": name.lower(), "value": value} for name, value in sorted(target.headers.items())]
        authority = f"{target.host}:{target.port}"
        service = {"envoy_grpc": {"cluster_name": CLUSTER, "authority": authority}, "initial_metadata": metadata}
        return {"grpc_service": {**service, "timeout": duration(_TIMEOUT)}}
    scheme = "https" if target.secure else "http"
    host = f"[{target.host}]" if ":" in target.host else target.host
    uri = {
        "uri": f"{scheme}://{host}:{target.port}{target.path}",
        "cluster": CLUSTER,
        "timeout": duration(_TIMEOUT),
    }
    added = [header(name, literal(value), "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in _sorted(target.headers)]
    return {"http_service": {"http_uri": uri, "request_headers_to_add": added}}


def _sorted(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(headers.items())


def _sampler(rate: float) -> dict[str, Any]:
    share = {"numerator": round(rate * 1_000_000), "denominator": "MILLION"}
    ratio = extension(
        "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        f"{_OTEL}samplers.v3.TraceIdRatioBasedSamplerConfig",
        sampling_percentage=share,
    )
    return extension(
        "envoy.tracers.opentelemetry.samplers.parent_based",
        f"{_OTEL}samplers.v3.ParentBasedSamplerConfig",
        wrapped_sampler=ratio,
    )


def _attributes(values: Mapping[str, str]) -> dict[str, Any]:
    return extension(
        "envoy.tracers.opentelemetry.resource_detectors.static_config",
        f"{_OTEL}resource_detectors.v3.StaticConfigResourceDetectorConfig",
        attributes=dict(values),
    )


def _tags(entrypoint: str) -> list[dict[str, Any]]:
    """Upstream's attributes, by OpenTelemetry's names. `http.url` is Envoy's own, made again without the query."""
    values = {
        "entry_point": literal(entrypoint),
        "http.request.method": "%REQ(:METHOD)%",
        "http.response.status_code": "%RESPONSE_CODE%",
        "http.url": "%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ)%",
        "network.peer.address": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        "network.peer.port": "%DOWNSTREAM_DIRECT_REMOTE_PORT%",
        "network.protocol.version": "%PROTOCOL%",
        "server.address": "%REQ(:AUTHORITY)%",
        "traefik.router.name": "%ROUTE_NAME%",
        "traefik.service.name": "%UPSTREAM_CLUSTER%",
        "url.path": "%PATH(NQ)%",
        "url.scheme": "%REQ(:SCHEME)%",
        "user_agent.original": "%REQ(USER-AGENT)%",
    }
    return [{"tag": name, "value": value} for name, value in values.items()]


def _headers(settings: Tracing) -> list[dict[str, Any]]:
    found = []
    for kind, operator, names in (
        ("request", "REQ", settings.captured_request_headers),
        ("response", "RESP", settings.captured_response_headers),
    ):
        found += [
            {"tag": f"http.{kind}.header.{name.lower()}", "value": f"%{operator}({name})%"} for name in names
        ]
    return found
