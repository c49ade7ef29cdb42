"""rateLimit and inFlightReq: questions to our service, which knows every source; and Envoy's own limit before it.

The service's buckets survive every change of routes; those of Envoy's filter, which begin anew with each, are a
little larger. They keep a flood away from the service, and they hold alone while it is away.
"""

from dataclasses import replace
from functools import lru_cache
from math import ceil
from typing import Any, Final

from hearthgate.ingress.envoy.clusters import IN_FLIGHT_CLUSTER
from hearthgate.ingress.envoy.messages import APPEND, duration, header, literal, wrapped
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config, mutation, remove, set_format, set_text
from hearthgate.ingress.envoy.middlewares.service import AUTH_CLUSTER
from hearthgate.ingress.envoy.peers import KEPT
from hearthgate.ingress.middlewares.counting import COUNTER_METADATA, SOURCE_ABSENT, SOURCE_HEADER, counter
from hearthgate.ingress.middlewares.durations import go_duration
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit
from hearthgate.ingress.middlewares.sources import Source, SourceKind

_TIMEOUT: Final = 2.0
"""Seconds. A request waits up to half a second for its turn."""
_MAX_SOURCES: Final = 65_536
_MAX_TOKENS: Final = 2**31
_FILTERS: Final = "envoy.extensions.filters.http."
_ALWAYS: Final = {"default_value": {"numerator": 100}}


def rate_limit(middleware: RateLimit, lane: Lane) -> Steps | Refusal:
    if not middleware.rate:
        return (lane,)
    return (replace(lane.through(*_rate_filters(middleware)), replies=True),)


def in_flight_req(middleware: InFlightReq, lane: Lane) -> Steps | Refusal:
    return (replace(lane.through(*_in_flight_filters(middleware)), replies=True),)


@lru_cache(maxsize=4096)
def _rate_filters(middleware: RateLimit) -> tuple[Any, ...]:
    filters = [_note(middleware.source)]
    if _is_known_to_proxy(middleware.source) and middleware.burst < _MAX_TOKENS:
        filters.append(_own_limit(middleware))
    return (*filters, _ask(counter(middleware), middleware.source), _forget())


@lru_cache(maxsize=4096)
def _in_flight_filters(middleware: InFlightReq) -> tuple[Any, ...]:
    stream = filter_config(
        "hearthgate.in_flight",
        f"{_FILTERS}ext_proc.v3.ExternalProcessor",
        grpc_service={
            "envoy_grpc": {"cluster_name": IN_FLIGHT_CLUSTER},
            "initial_metadata": [{"key": COUNTER_METADATA, "value": counter(middleware)}],
        },
        failure_mode_allow=True,
        message_timeout=duration(_TIMEOUT),
        # Asking for the trailers of answers keeps the stream open to their end.
        processing_mode={
            "request_header_mode": "SEND",
            "response_header_mode": "SKIP",
            "request_trailer_mode": "SKIP",
            "response_trailer_mode": "SEND",
        },
        forward_rules={"allowed_headers": _exactly(*_shown(middleware.source))},
    )
    return (_note(middleware.source), stream, _forget())


def _is_known_to_proxy(source: Source) -> bool:
    """Whether the text that Envoy counts under tells sources apart as the service does."""
    return source.kind in (SourceKind.HEADER, SourceKind.HOST) or (
        source.kind is SourceKind.PEER and source.ipv6_subnet == 128
    )


def _note(source: Source) -> Any:
    formats = {
        SourceKind.PEER: KEPT,
        SourceKind.HEADER: f"%REQ({source.header})%",
        SourceKind.HOST: "%REQ(:AUTHORITY)%",
        SourceKind.FORWARDED: KEPT,
    }
    return mutation(
        request=[set_text(SOURCE_HEADER, SOURCE_ABSENT), set_format(SOURCE_HEADER, formats[source.kind])]
    )


def _forget() -> Any:
    return mutation(request=[remove(SOURCE_HEADER)])


def _shown(source: Source) -> tuple[str, ...]:
    return ("x-forwarded-for",) if source.kind is SourceKind.FORWARDED else (SOURCE_HEADER,)


def _own_limit(middleware: RateLimit) -> Any:
    fill = max(1, ceil(middleware.rate))
    bucket = {
        # What the service takes a little early, and what is counted only when a whole interval is over.
        "max_tokens": middleware.burst + fill + 1,
        "tokens_per_fill": wrapped(fill),
        "fill_interval": duration(fill / middleware.rate),
    }
    unlimited = {"max_tokens": _MAX_TOKENS, "tokens_per_fill": wrapped(_MAX_TOKENS), "fill_interval": duration(1)}
    return filter_config(
        "hearthgate.rate",
        f"{_FILTERS}local_ratelimit.v3.LocalRateLimit",
        stat_prefix="hearthgate",
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        token_bucket=unlimited,
        always_consume_default_token_bucket=wrapped(False),
        descriptors=[{"entries": [{"key": "source"}], "token_bucket": bucket}],
        rate_limits=[
            {"actions": [{"request_headers": {"header_name": SOURCE_HEADER, "descriptor_key": "source"}}]}
        ],
        max_dynamic_descriptors=wrapped(_MAX_SOURCES),
        enable_retry_after_header=True,
        response_headers_to_add=[header("x-retry-in", literal(go_duration(1 / middleware.rate)), APPEND)],
    )


def _ask(path: str, source: Source) -> Any:
    return filter_config(
        "hearthgate.rate.asked",
        f"{_FILTERS}ext_authz.v3.ExtAuthz",
        http_service={
            "server_uri": {
                "uri": f"http://{AUTH_CLUSTER}",
                "cluster": AUTH_CLUSTER,
                "timeout": duration(_TIMEOUT),
            },
            "path_override": path,
            "authorization_response": {
                "allowed_client_headers": _exactly("content-type", "retry-after", "x-retry-in")
            },
        },
        allowed_headers=_exactly(*_shown(source)),
        failure_mode_allow=True,
    )


def _exactly(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name, "ignore_case": True} for name in names]}
