"""contentType: a script that looks at the first bytes of an answer. grpcWeb: Envoy's grpc_web, and CORS for it."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.conditions import is_value, matches
from hearthgate.ingress.envoy.middlewares.lane import Branch, Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import (
    Change,
    filter_config,
    mutation,
    on_inner_response,
    on_response,
)
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.middlewares.content import ContentType, GrpcWeb

LARGEST: Final = 256 * 1024
"""Bytes of an answer whose type is guessed. It is held whole meanwhile; what is longer goes on as it is."""

_ORIGIN: Final = cel.header("origin")
_METHOD: Final = "access-control-request-method"
_HEADERS: Final = "access-control-request-headers"
_SECONDS: Final = "600"


def content_type(_: ContentType, lane: Lane) -> Steps | Refusal:
    return (lane.through(script_filter("content_type", {"largest": LARGEST})),)


def grpc_web(middleware: GrpcWeb, lane: Lane) -> Steps | Refusal:
    if lane.is_touched("origin", _METHOD, _HEADERS):
        return Refusal("grpcWeb must see Origin before another middleware changes it: list this one first")
    place = len(lane.filters) if lane.replies else 0
    return (_preflight(middleware, lane), replace(lane.through(*_filters(middleware, place)), replies=True))


def _preflight(middleware: GrpcWeb, lane: Lane) -> Branch:
    """Only of a page that asks for gRPC-Web; others are the backend's business."""
    part = lane.when(
        is_value(":method", "OPTIONS"),
        matches("origin", ".+"),
        matches(_METHOD, ".+"),
        matches(_HEADERS, r"(?i)(?:.*[,\s])?x-grpc-web(?:[,\s].*)?"),
    )
    changes = (
        _when_allowed(middleware, "access-control-allow-origin", _ORIGIN),
        _when_allowed(middleware, "access-control-allow-credentials", "'true'"),
        _when_allowed(middleware, "access-control-allow-methods", "'POST'"),
        _when_allowed(middleware, "access-control-allow-headers", cel.header(_HEADERS)),
        _when_allowed(middleware, "access-control-max-age", cel.quote(_SECONDS)),
        Change("vary", f"Origin, {_METHOD.title()}, {_HEADERS.title()}"),
    )
    return part.answer(200, "", mutation(response=on_response(changes)))


@lru_cache(maxsize=1024)
def _filters(middleware: GrpcWeb, place: int) -> tuple[Any, ...]:
    """place: see `on_inner_response`; 0 where no filter before may reply."""
    changes = (
        _when_allowed(middleware, "access-control-allow-origin", _ORIGIN),
        _when_allowed(middleware, "access-control-allow-credentials", "'true'"),
        _when_allowed(middleware, "access-control-expose-headers", "'grpc-status, grpc-message'"),
    )
    bridge = filter_config("hearthgate.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb")
    if not place:
        return (mutation(response=on_response(changes)), bridge)
    mark, response = on_inner_response(changes, place)
    return (mark, mutation(response=response), bridge)


def _when_allowed(middleware: GrpcWeb, name: str, value: str) -> Change:
    if "*" in middleware.origins:
        return Change(name, expression=cel.either(cel.has_header("origin"), value, "''"))
    listed = ", ".join(cel.quote(origin) for origin in middleware.origins)
    known = f"{cel.has_header('origin')} && {_ORIGIN} in [{listed}]"
    return Change(name, expression=cel.either(known, value, "''"))
