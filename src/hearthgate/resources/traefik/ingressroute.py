"""IngressRoute: HTTP routers."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, unsupported
from hearthgate.resources.traefik.service import ObjectReference, ServiceRef

MAX_PRIORITY = 9223372036854774807
"""MaxInt64 - 1000: above it upstream keeps its internal routers."""


class RouterObservability(Strict, frozen=True, kw_only=True):
    access_logs: bool | None = None
    metrics: bool | None = None
    tracing: bool | None = None
    trace_verbosity: Literal["minimal", "detailed", ""] = ""


class Route(Strict, frozen=True, kw_only=True):
    """One router. `priority` 0 means unset: the length of the rule decides."""

    match: str
    kind: Literal["Rule", ""] = "Rule"
    priority: Annotated[int, msgspec.Meta(le=MAX_PRIORITY)] = 0
    syntax: str = ""
    middlewares: tuple[ObjectReference, ...] = ()
    services: tuple[ServiceRef, ...] = ()
    observability: Annotated[RouterObservability | None, unsupported()] = None


class Domain(Strict, frozen=True, kw_only=True):
    main: str = ""
    sans: tuple[str, ...] = ()


class RouteTLS(Strict, frozen=True, kw_only=True):
    secret_name: str = ""
    options: ObjectReference | None = None
    store: ObjectReference | None = None
    cert_resolver: Annotated[str, unsupported("use secretName")] = ""
    domains: Annotated[tuple[Domain, ...], unsupported("certificates are chosen by their own names")] = ()


class IngressRouteSpec(Strict, frozen=True, kw_only=True):
    routes: tuple[Route, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""
    tls: RouteTLS | None = None
    parent_refs: Annotated[tuple[ObjectReference, ...], unsupported()] = ()


class IngressRoute(Resource, frozen=True, kw_only=True):
    spec: IngressRouteSpec
    status: ConditionsStatus | None = None
