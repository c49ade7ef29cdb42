"""IngressRoute: HTTP routers."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, unsupported
from hearthgate.resources.traefik.service import ObjectReference, ServiceRef

MAX_PRIORITY = 9223372036854774807
"""MaxInt64 - 1000: above it upstream keeps its internal routers."""


class RouterObservability(Strict, frozen=True, kw_only=True):
    """What is recorded of a router.

    access_logs: Whether requests of this router are in the access log.
    metrics: Whether this router has metrics.
    tracing: Whether requests of this router are traced.
    trace_verbosity: minimal: one span for a request; detailed: one for each middleware too.
    """

    access_logs: bool | None = None
    metrics: bool | None = None
    tracing: Annotated[bool | None, unsupported("entrypoints have the switch")] = None
    trace_verbosity: Annotated[Literal["minimal", "detailed", ""], unsupported("a request is one span")] = (
        "minimal"
    )


class Route(Strict, frozen=True, kw_only=True):
    """One router. `priority` 0 means unset: the length of the rule decides.

    match: The rule that requests must match, such as Host(`a.example.org`) && PathPrefix(`/api`).
    kind: Always Rule.
    priority: Of several rules that match, the highest priority wins; 0 stands for the length of the rule.
    syntax: v3, or v2 for the older rule language of Traefik 2.
    middlewares: What happens to requests on the way, in this order.
    services: Where requests go; several services share them by their weights.
    observability: What is recorded of this router.
    """

    match: str
    kind: Literal["Rule", ""] = "Rule"
    priority: Annotated[int, msgspec.Meta(le=MAX_PRIORITY)] = 0
    syntax: str = ""
    middlewares: tuple[ObjectReference, ...] = ()
    services: tuple[ServiceRef, ...] = ()
    observability: RouterObservability | None = None


class Domain(Strict, frozen=True, kw_only=True):
    """The names of a certificate.

    main: The first name.
    sans: More names.
    """

    main: str = ""
    sans: tuple[str, ...] = ()


class RouteTLS(Strict, frozen=True, kw_only=True):
    """How routes are served over TLS.

    secret_name: A Secret of type kubernetes.io/tls beside the route: the certificate and its key.
    options: The TLSOption that applies to the hosts of the rules; without one, the TLSOption called default.
    store: The TLSStore; only the one called default is read.
    cert_resolver: Who issues a certificate for the hosts of the rules.
    domains: The names that it is issued for, in place of those hosts.
    """

    secret_name: str = ""
    options: ObjectReference | None = None
    store: ObjectReference | None = None
    cert_resolver: Annotated[str, differs("the name of an Issuer of the namespace, else of a ClusterIssuer")] = ""
    domains: tuple[Domain, ...] = ()


class IngressRouteSpec(Strict, frozen=True, kw_only=True):
    """The routers, and where they are served.

    routes: The routers: a rule each, and where its requests go.
    entry_points: The entrypoints that the routes are served on; none stands for the default ones.
    ingress_class_name: The IngressClass; an instance that serves one class leaves the others alone.
    tls: Serve the routes over TLS. An empty mapping takes the certificate whose names fit the host.
    parent_refs: Parent routes, for routers of several layers.
    """

    routes: tuple[Route, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""
    tls: RouteTLS | None = None
    parent_refs: tuple[ObjectReference, ...] = ()


class IngressRoute(Resource, frozen=True, kw_only=True):
    """Routes HTTP requests by rules to services.

    spec: The routers.
    status: Whether the routes are served, and why not.
    """

    spec: IngressRouteSpec
    status: ConditionsStatus | None = None
