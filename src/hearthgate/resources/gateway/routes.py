"""HTTPRoute and GRPCRoute: which requests of a Gateway go where."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.gateway.filters import GRPCFilter, HeaderName, HTTPFilter
from hearthgate.resources.gateway.references import (
    BackendRef,
    Hostname,
    ParentReference,
    SectionName,
    ShortDuration,
)
from hearthgate.resources.gateway.status import RouteStatus
from hearthgate.resources.meta import Resource, Strict, unsupported

Matching = Literal["Exact", "RegularExpression"]
ParentRefs = Annotated[tuple[ParentReference, ...], msgspec.Meta(max_length=32)]
UseDefault = Annotated[str, unsupported("name the Gateway in spec.parentRefs")]


class PathMatch(Strict, frozen=True, kw_only=True):
    """What the path must be.

    type: Exact, PathPrefix (whole segments) or RegularExpression.
    value: The path.
    """

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, msgspec.Meta(max_length=1024)] = "/"


class HeaderMatch(Strict, frozen=True, kw_only=True):
    """What a header must be.

    type: Exact or RegularExpression.
    name: The name of the header.
    value: The value.
    """

    type: Matching = "Exact"
    name: HeaderName
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class QueryMatch(Strict, frozen=True, kw_only=True):
    """What a parameter of the query must be.

    type: Exact or RegularExpression.
    name: The name of the parameter.
    value: The value.
    """

    type: Matching = "Exact"
    name: HeaderName
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class HTTPMatch(Strict, frozen=True, kw_only=True):
    """Conditions that must all hold.

    path: On the path.
    headers: On headers.
    query_params: On parameters of the query.
    method: On the method.
    """

    path: PathMatch = PathMatch()
    headers: Annotated[tuple[HeaderMatch, ...], msgspec.Meta(max_length=16)] = ()
    query_params: Annotated[tuple[QueryMatch, ...], msgspec.Meta(max_length=16)] = ()
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None


class HTTPBackendRef(BackendRef, frozen=True, kw_only=True):
    """A Service with its share.

    filters: What happens to requests that it gets.
    """

    filters: Annotated[tuple[HTTPFilter, ...], msgspec.Meta(max_length=16)] = ()


class GRPCBackendRef(BackendRef, frozen=True, kw_only=True):
    """A Service with its share.

    filters: What happens to requests that it gets.
    """

    filters: Annotated[tuple[GRPCFilter, ...], msgspec.Meta(max_length=16)] = ()


class Timeouts(Strict, frozen=True, kw_only=True):
    """How long a request may take; 0s for no limit.

    request: From its first byte to the last one of the answer.
    backend_request: At the backend.
    """

    request: ShortDuration | None = None
    backend_request: ShortDuration | None = None


class RouteRetry(Strict, frozen=True, kw_only=True):
    """What is tried again.

    codes: Statuses that are tried again.
    attempts: How often.
    backoff: The time between two tries.
    """

    codes: tuple[Annotated[int, msgspec.Meta(ge=400, le=599)], ...] = ()
    attempts: int | None = None
    backoff: ShortDuration | None = None


class SessionCookie(Strict, frozen=True, kw_only=True):
    """The cookie of a session.

    lifetime_type: Session or Permanent.
    """

    lifetime_type: Literal["Session", "Permanent"] = "Session"


class SessionPersistence(Strict, frozen=True, kw_only=True):
    """Keeps a client at one backend.

    session_name: The name of the session.
    absolute_timeout: How long a session lasts.
    idle_timeout: How long a session lasts without requests.
    type: Cookie or Header.
    cookie_config: The cookie.
    """

    session_name: str | None = None
    absolute_timeout: ShortDuration | None = None
    idle_timeout: ShortDuration | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: SessionCookie | None = None


Sessions = Annotated[
    SessionPersistence | None, unsupported("use a sticky TraefikService as the backend, or an IngressRoute")
]


class HTTPRule(Strict, frozen=True, kw_only=True):
    """Requests that match, and what happens to them.

    name: The name of the rule.
    matches: One of these must match; without any all requests do.
    filters: What happens to requests and answers.
    backend_refs: Where requests go.
    timeouts: How long requests may take.
    retry: What is tried again.
    session_persistence: Keeps a client at one backend.
    """

    name: SectionName | None = None
    matches: Annotated[tuple[HTTPMatch, ...], msgspec.Meta(max_length=64)] = ()
    filters: Annotated[tuple[HTTPFilter, ...], msgspec.Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HTTPBackendRef, ...], msgspec.Meta(max_length=16)] = ()
    timeouts: Timeouts | None = None
    retry: Annotated[RouteRetry | None, unsupported("use an ExtensionRef to a Middleware with retry")] = None
    session_persistence: Sessions = None


class HTTPRouteSpec(Strict, frozen=True, kw_only=True):
    """Which requests go where.

    parent_refs: The Gateways that it attaches to.
    use_default_gateways: Whether it attaches to default Gateways.
    hostnames: The hosts that it is for; without any those of the listener.
    rules: The most specific rule that matches decides.
    """

    parent_refs: ParentRefs = ()
    use_default_gateways: UseDefault = ""
    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[HTTPRule, ...], msgspec.Meta(max_length=16)] = (HTTPRule(),)


class HTTPRoute(Resource, frozen=True, kw_only=True):
    """Which HTTP requests of a Gateway go where.

    spec: Which go where.
    status: What became of it at each of its parents.
    """

    spec: HTTPRouteSpec = HTTPRouteSpec()
    status: RouteStatus | None = None


class GRPCMethodMatch(Strict, frozen=True, kw_only=True):
    """What the method must be.

    type: Exact or RegularExpression.
    service: The service; without one any.
    method: The method; without one any.
    """

    type: Matching = "Exact"
    service: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    method: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class GRPCMatch(Strict, frozen=True, kw_only=True):
    """Conditions that must all hold.

    method: On service and method.
    headers: On headers.
    """

    method: GRPCMethodMatch | None = None
    headers: Annotated[tuple[HeaderMatch, ...], msgspec.Meta(max_length=16)] = ()


class GRPCRule(Strict, frozen=True, kw_only=True):
    """Requests that match, and what happens to them.

    name: The name of the rule.
    matches: One of these must match; without any all requests do.
    filters: What happens to requests and answers.
    backend_refs: Where requests go.
    session_persistence: Keeps a client at one backend.
    """

    name: SectionName | None = None
    matches: Annotated[tuple[GRPCMatch, ...], msgspec.Meta(max_length=64)] = ()
    filters: Annotated[tuple[GRPCFilter, ...], msgspec.Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[GRPCBackendRef, ...], msgspec.Meta(max_length=16)] = ()
    session_persistence: Sessions = None


class GRPCRouteSpec(Strict, frozen=True, kw_only=True):
    """Which requests go where.

    parent_refs: The Gateways that it attaches to.
    use_default_gateways: Whether it attaches to default Gateways.
    hostnames: The hosts that it is for; without any those of the listener.
    rules: The most specific rule that matches decides.
    """

    parent_refs: ParentRefs = ()
    use_default_gateways: UseDefault = ""
    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[GRPCRule, ...], msgspec.Meta(max_length=16)] = ()


class GRPCRoute(Resource, frozen=True, kw_only=True):
    """Which gRPC requests of a Gateway go where.

    spec: Which go where.
    status: What became of it at each of its parents.
    """

    spec: GRPCRouteSpec = GRPCRouteSpec()
    status: RouteStatus | None = None
