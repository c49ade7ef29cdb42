"""References to services with their load-balancer options, and the TraefikService kind."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, ignored, unsupported

Weight = Annotated[int, msgspec.Meta(ge=0)]


class ObjectReference(Strict, frozen=True, kw_only=True):
    """`{name, namespace}`: a reference to a Middleware, TLSOption or TLSStore."""

    name: str
    namespace: str = ""


class Cookie(Strict, frozen=True, kw_only=True):
    name: str = ""
    secure: bool = False
    http_only: bool = False
    same_site: Literal["none", "lax", "strict", "None", "Lax", "Strict", ""] = ""
    max_age: int = 0
    path: str = "/"
    domain: str = ""


class Sticky(Strict, frozen=True, kw_only=True):
    cookie: Cookie | None = None


class HealthCheck(Strict, frozen=True, kw_only=True):
    scheme: str = ""
    mode: str = ""
    path: str = ""
    method: str = ""
    status: int = 0
    port: int = 0
    interval: int | str = "30s"
    unhealthy_interval: int | str | None = None
    timeout: int | str = "5s"
    hostname: str = ""
    follow_redirects: bool = True
    headers: Mapping[str, str] = {}


class PassiveHealthCheck(Strict, frozen=True, kw_only=True):
    failure_window: int | str = "10s"
    max_failed_attempts: int = 1


class ResponseForwarding(Strict, frozen=True, kw_only=True):
    flush_interval: Annotated[str, ignored("Hearthgate forwards every chunk at once")] = ""


class ServiceRef(Strict, frozen=True, kw_only=True):
    """A Service (or TraefikService) and how to balance over it. `port` is a number or a name."""

    name: str
    kind: Literal["Service", "TraefikService", ""] = "Service"
    namespace: str = ""
    port: int | str = ""
    scheme: str = ""
    strategy: Literal["wrr", "p2c", "hrw", "leasttime", "RoundRobin", ""] = ""
    weight: Weight | None = None
    pass_host_header: bool = True
    response_forwarding: ResponseForwarding | None = None
    servers_transport: str = ""
    sticky: Sticky | None = None
    health_check: Annotated[HealthCheck | None, unsupported()] = None
    passive_health_check: Annotated[PassiveHealthCheck | None, unsupported()] = None
    native_lb: Annotated[bool, unsupported()] = msgspec.field(default=False, name="nativeLB")
    node_port_lb: Annotated[bool, unsupported()] = msgspec.field(default=False, name="nodePortLB")
    middlewares: Annotated[
        tuple[ObjectReference, ...], unsupported("list them under spec.routes[].middlewares")
    ] = ()


class WeightedRoundRobin(Strict, frozen=True, kw_only=True):
    services: tuple[ServiceRef, ...] = ()
    sticky: Sticky | None = None


class HighestRandomWeight(Strict, frozen=True, kw_only=True):
    services: tuple[ServiceRef, ...] = ()


class MirrorService(ServiceRef, frozen=True, kw_only=True):
    percent: int = 0


class Mirroring(ServiceRef, frozen=True, kw_only=True):
    mirror_body: bool = True
    max_body_size: int = -1
    mirrors: tuple[MirrorService, ...] = ()


class FailoverErrors(Strict, frozen=True, kw_only=True):
    status: tuple[str, ...] = ()
    max_request_body_bytes: int = -1


class Failover(Strict, frozen=True, kw_only=True):
    service: ServiceRef
    fallback: ServiceRef
    errors: FailoverErrors | None = None


class TraefikServiceSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of the four."""

    weighted: WeightedRoundRobin | None = None
    mirroring: Annotated[Mirroring | None, unsupported()] = None
    highest_random_weight: Annotated[HighestRandomWeight | None, unsupported()] = None
    failover: Annotated[Failover | None, unsupported()] = None


class TraefikService(Resource, frozen=True, kw_only=True):
    spec: TraefikServiceSpec
    status: ConditionsStatus | None = None
