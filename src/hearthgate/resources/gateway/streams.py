"""TLSRoute, TCPRoute and UDPRoute: which connections and datagrams of a Gateway go where."""

from typing import Annotated

import msgspec

from hearthgate.resources.gateway.references import BackendRef, Hostname, SectionName
from hearthgate.resources.gateway.routes import ParentRefs, UseDefault
from hearthgate.resources.gateway.status import RouteStatus
from hearthgate.resources.meta import Resource, Strict


class StreamRule(Strict, frozen=True, kw_only=True):
    """Where connections or datagrams go.

    name: The name of the rule.
    backend_refs: Services that share them by their weights.
    """

    name: SectionName | None = None
    backend_refs: Annotated[tuple[BackendRef, ...], msgspec.Meta(max_length=16)] = ()


class TLSRouteSpec(Strict, frozen=True, kw_only=True):
    """Which TLS connections go where.

    parent_refs: The Gateways that it attaches to.
    use_default_gateways: Whether it attaches to default Gateways.
    hostnames: The names that clients ask for (SNI).
    rules: Where they go.
    """

    parent_refs: ParentRefs = ()
    use_default_gateways: UseDefault = ""
    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[StreamRule, ...], msgspec.Meta(min_length=1, max_length=16)]


class TLSRoute(Resource, frozen=True, kw_only=True):
    """Which TLS connections of a Gateway go where.

    spec: Which go where.
    status: What became of it at each of its parents.
    """

    spec: TLSRouteSpec
    status: RouteStatus | None = None


class StreamRouteSpec(Strict, frozen=True, kw_only=True):
    """Where all connections or datagrams of a listener go.

    parent_refs: The Gateways that it attaches to.
    use_default_gateways: Whether it attaches to default Gateways.
    rules: Where they go.
    """

    parent_refs: ParentRefs = ()
    use_default_gateways: UseDefault = ""
    rules: Annotated[tuple[StreamRule, ...], msgspec.Meta(min_length=1, max_length=16)]


class TCPRoute(Resource, frozen=True, kw_only=True):
    """Where the connections of a listener go.

    spec: Where they go.
    status: What became of it at each of its parents.
    """

    spec: StreamRouteSpec
    status: RouteStatus | None = None


class UDPRoute(Resource, frozen=True, kw_only=True):
    """Where the datagrams of a listener go.

    spec: Where they go.
    status: What became of it at each of its parents.
    """

    spec: StreamRouteSpec
    status: RouteStatus | None = None
