"""What is recorded and shown: `accessLog`, `metrics`, `tracing`, `api`, `ping`, under Traefik's names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.meta import Strict, differs, unsupported

Mode = Literal["keep", "drop", "redact"]
Format = Literal["common", "genericCLF", "json"]
HEADER_LIST = "write the names of the headers that are wanted under names: the proxy logs those that it is told"
"""The way out where a mode for all other headers is asked for."""


class AccessLogFilters(Strict, frozen=True, kw_only=True):
    """A request that passes one of them is logged; without any, every request is.

    `status_codes` are codes and ranges (`200`, `400-499`); `min_duration` is a duration, 0 = no filter.
    """

    status_codes: tuple[str, ...] = ()
    retry_attempts: bool = False
    min_duration: int | str = 0


class HeaderFields(Strict, frozen=True, kw_only=True):
    """`names`: what happens to a header, by its name in any case."""

    default_mode: Annotated[Mode, unsupported(HEADER_LIST)] = "drop"
    names: Mapping[str, Mode] = {}


class QueryFields(Strict, frozen=True, kw_only=True):
    """Of the query in RequestPath and in the common formats."""

    default_mode: Mode = "keep"
    names: Annotated[Mapping[str, Mode], unsupported("defaultMode rules the whole query")] = {}


class AccessLogFields(Strict, frozen=True, kw_only=True):
    """What the JSON format has. `names`: what happens to a field, by its name in any case."""

    default_mode: Mode = "keep"
    names: Mapping[str, Mode] = {}
    headers: HeaderFields = HeaderFields()
    query_parameters: QueryFields = QueryFields()


class AccessLog(Strict, frozen=True, kw_only=True):
    """`file_path` empty: standard output. `buffering_size`: lines are always written in the background, at most a
    second late, so there is nothing to choose. `add_internals`: requests for `...@internal` services too."""

    file_path: str = ""
    format: Format = "common"
    buffering_size: Annotated[int, differs("lines are always written in the background")] = 0
    filters: AccessLogFilters = AccessLogFilters()
    fields: AccessLogFields = AccessLogFields()
    add_internals: bool = False
    dual_output: Annotated[bool, unsupported()] = False
    otlp: Annotated[Any, unsupported("set filePath, and have a collector read the file")] = None


class Prometheus(Strict, frozen=True, kw_only=True):
    """`buckets`: bounds of durations in seconds. `header_labels`: label to request header, of entrypoint metrics'
    requests. `manual_routing`: no router of its own, only the service `prometheus@internal`."""

    entry_point: str = "traefik"
    add_entry_points_labels: bool = True
    add_routers_labels: bool = False
    add_services_labels: bool = True
    buckets: tuple[float, ...] = (0.1, 0.3, 1.2, 5.0)
    header_labels: Mapping[str, str] = {}
    manual_routing: bool = False


class Metrics(Strict, frozen=True, kw_only=True):
    prometheus: Prometheus | None = None
    add_internals: bool = False
    datadog: Annotated[Any, unsupported("use prometheus")] = None
    stats_d: Annotated[Any, unsupported("use prometheus")] = msgspec.field(default=None, name="statsD")
    influx_d_b2: Annotated[Any, unsupported("use prometheus")] = msgspec.field(default=None, name="influxDB2")
    otlp: Annotated[Any, unsupported("use prometheus")] = None


class ClientTLS(Strict, frozen=True, kw_only=True):
    """`ca`, `cert`, `key`: PEM files."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    insecure_skip_verify: bool = False


class OTLPHTTP(Strict, frozen=True, kw_only=True):
    """`endpoint`: a URL; without a path, `/v1/traces`."""

    endpoint: str = "https://localhost:4318"
    headers: Mapping[str, str] = {}
    tls: ClientTLS = ClientTLS()


class OTLPGRPC(Strict, frozen=True, kw_only=True):
    """`endpoint`: host:port. `insecure`: without TLS."""

    endpoint: str = "localhost:4317"
    insecure: bool = False
    headers: Mapping[str, str] = {}
    tls: ClientTLS = ClientTLS()


class OTLP(Strict, frozen=True, kw_only=True):
    """Where spans go; gRPC when it is set, else HTTP."""

    http: OTLPHTTP | None = None
    grpc: OTLPGRPC | None = None


class Tracing(Strict, frozen=True, kw_only=True):
    """`sample_rate`: the share of traces that begin here, from 0 to 1; those that began elsewhere keep what was
    decided there. Queries never go into spans."""

    service_name: str = "traefik"
    sample_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    resource_attributes: Mapping[str, str] = {}
    captured_request_headers: tuple[str, ...] = ()
    captured_response_headers: tuple[str, ...] = ()
    safe_query_params: Annotated[tuple[str, ...], unsupported("queries never go into spans")] = ()
    add_internals: bool = False
    otlp: OTLP = OTLP()


class API(Strict, frozen=True, kw_only=True):
    """`insecure`: on the entrypoint `traefik`, without a router of yours. `dashboard`: its pages too."""

    insecure: bool = False
    dashboard: bool = True
    base_path: str = "/"
    dashboard_name: str = ""
    disable_dashboard_ad: bool = False
    debug: Annotated[bool, unsupported()] = False


class Ping(Strict, frozen=True, kw_only=True):
    """`manual_routing`: no router of its own, only the service `ping@internal`. `terminating_status_code`: the
    answer from the signal to stop until the last connection is gone."""

    entry_point: str = "traefik"
    manual_routing: bool = False
    terminating_status_code: Annotated[int, msgspec.Meta(ge=100, le=599)] = 503


class EntryPointObservability(Strict, frozen=True, kw_only=True):
    """What is recorded of an entrypoint's requests unless a route says otherwise."""

    access_logs: bool = True
    metrics: bool = True
    tracing: bool = True
    trace_verbosity: Annotated[Literal["minimal", "detailed"], unsupported("a request is one span")] = "minimal"
