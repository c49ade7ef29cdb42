"""IngressRouteUDP: datagrams, one router per entrypoint."""

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict
from hearthgate.resources.traefik.service import Weight


class ServiceUDP(Strict, frozen=True, kw_only=True):
    """A Service. `port` is a number or a name."""

    name: str
    port: int | str
    namespace: str = ""
    weight: Weight | None = None
    native_lb: bool = msgspec.field(default=False, name="nativeLB")
    node_port_lb: bool = msgspec.field(default=False, name="nodePortLB")


class RouteUDP(Strict, frozen=True, kw_only=True):
    services: tuple[ServiceUDP, ...] = ()


class IngressRouteUDPSpec(Strict, frozen=True, kw_only=True):
    routes: tuple[RouteUDP, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""


class IngressRouteUDP(Resource, frozen=True, kw_only=True):
    spec: IngressRouteUDPSpec
    status: ConditionsStatus | None = None
