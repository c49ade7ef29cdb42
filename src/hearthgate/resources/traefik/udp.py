"""IngressRouteUDP: datagrams, one router per entrypoint."""

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict
from hearthgate.resources.traefik.service import Weight


class ServiceUDP(Strict, frozen=True, kw_only=True):
    """A Service that datagrams go to.

    name: The Service.
    port: Its port, by number or name.
    namespace: Its namespace; that of the route unless set.
    weight: Its share among several services.
    native_lb: Go to the Service's own address in place of its endpoints.
    node_port_lb: Go to the nodes' ports in place of its endpoints.
    """

    name: str
    port: int | str
    namespace: str = ""
    weight: Weight | None = None
    native_lb: bool = msgspec.field(default=False, name="nativeLB")
    node_port_lb: bool = msgspec.field(default=False, name="nodePortLB")


class RouteUDP(Strict, frozen=True, kw_only=True):
    """One router. There are no rules: it takes all datagrams.

    services: Where datagrams go; several services share them by their weights.
    """

    services: tuple[ServiceUDP, ...] = ()


class IngressRouteUDPSpec(Strict, frozen=True, kw_only=True):
    """The routers, and where they are served.

    routes: The routers; one for an entrypoint makes sense.
    entry_points: The entrypoints that serve them.
    ingress_class_name: The class of the routes.
    """

    routes: tuple[RouteUDP, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""


class IngressRouteUDP(Resource, frozen=True, kw_only=True):
    """Routes UDP datagrams to Services."""

    spec: IngressRouteUDPSpec
    status: ConditionsStatus | None = None
