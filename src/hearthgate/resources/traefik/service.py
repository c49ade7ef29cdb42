"""References to services with their load-balancer options, and the TraefikService kind."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, ignored

Weight = Annotated[int, msgspec.Meta(ge=0)]


class ObjectReference(Strict, frozen=True, kw_only=True):
    """`{name, namespace}`: a reference to a Middleware, TLSOption or TLSStore.

    name: The name of the object.
    namespace: Its namespace; without one that of the object that refers to it.
    """

    name: str
    namespace: str = ""


class Cookie(Strict, frozen=True, kw_only=True):
    """The cookie that keeps a client at its backend.

    name: The name of the cookie; without one it is made from the service.
    secure: Only over HTTPS.
    http_only: Hidden from scripts.
    same_site: What the browser does across sites: none, lax or strict.
    max_age: Its life in seconds; 0: until the browser ends; below 0: at once.
    path: The path that the browser sends it for.
    domain: The domain that the browser sends it for.
    """

    name: str = ""
    secure: bool = False
    http_only: Annotated[bool, differs("always on, unless the cookie is of a weighted service")] = False
    same_site: Literal["none", "lax", "strict", "None", "Lax", "Strict", ""] = ""
    max_age: int = 0
    path: Annotated[str, differs("requests outside of it get no cookie")] = "/"
    domain: str = ""


class Sticky(Strict, frozen=True, kw_only=True):
    """Keeps a client at one backend.

    cookie: By a cookie.
    """

    cookie: Cookie | None = None


class HealthCheck(Strict, frozen=True, kw_only=True):
    """Asks each backend at intervals whether it can serve.

    scheme: http or https; without one that of the service.
    mode: http or grpc.
    path: The path to ask for.
    method: The HTTP method; without one GET.
    status: The status that is expected; 0: any from 200 to 399.
    port: Another port than that of the service.
    interval: The time between two checks of a healthy backend.
    unhealthy_interval: The time between two checks of an unhealthy backend; without one that of a healthy one.
    timeout: How long to wait for the answer.
    hostname: The Host header of the check.
    follow_redirects: Whether to follow redirects.
    headers: More headers of the check.
    """

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
    """Takes a backend out after failed requests.

    failure_window: The time in which failures are counted.
    max_failed_attempts: How many failures in it are too many.
    """

    failure_window: int | str = "10s"
    max_failed_attempts: int = 1


class ResponseForwarding(Strict, frozen=True, kw_only=True):
    """How responses are handed on.

    flush_interval: How long to gather before sending on.
    """

    flush_interval: Annotated[str, ignored("Hearthgate forwards every chunk at once")] = ""


class ServiceRef(Strict, frozen=True, kw_only=True):
    """A Service (or TraefikService) and how to balance over it. `port` is a number or a name.

    name: The name of the Service or TraefikService.
    kind: Service or TraefikService.
    namespace: Its namespace; without one that of the route. Another one must be allowed in the settings.
    port: The port of the Service, by number or name.
    scheme: http, https or h2c; without one https for port 443 and ports called https, else http.
    strategy: How a backend is picked: wrr (in turns), p2c (the less busy of two), hrw (by client) or leasttime.
    weight: The share among the services of a route or of a weighted service.
    pass_host_header: Whether the backend sees the Host header of the request.
    response_forwarding: How responses are handed on.
    servers_transport: The ServersTransport that says how to speak to the backends.
    sticky: Keeps a client at one backend.
    health_check: Asks each backend at intervals whether it can serve.
    passive_health_check: Takes a backend out after failed requests.
    native_lb: Send to the cluster address of the Service rather than to its pods.
    node_port_lb: Send to the node port of the Service.
    middlewares: What happens to requests to this service only.
    """

    name: str
    kind: Literal["Service", "TraefikService", ""] = "Service"
    namespace: str = ""
    port: int | str = ""
    scheme: str = ""
    strategy: Annotated[
        Literal["wrr", "p2c", "hrw", "leasttime", "RoundRobin", ""],
        differs("hrw is a hash ring; leasttime takes the fewest requests under way; p2c may draw a server twice"),
    ] = ""
    weight: Weight | None = None
    pass_host_header: Annotated[bool, differs("of highestRandomWeight the same for all its services")] = True
    response_forwarding: ResponseForwarding | None = None
    servers_transport: str = ""
    sticky: Sticky | None = None
    health_check: Annotated[HealthCheck | None, differs("of any Service; upstream: of type ExternalName only")] = (
        None
    )
    passive_health_check: Annotated[
        PassiveHealthCheck | None, differs("failures one after the other count, however far apart")
    ] = None
    native_lb: bool | None = msgspec.field(default=None, name="nativeLB")
    node_port_lb: bool = msgspec.field(default=False, name="nodePortLB")
    middlewares: tuple[ObjectReference, ...] = ()


class WeightedRoundRobin(Strict, frozen=True, kw_only=True):
    """Shares requests among services by their weights.

    services: The services with their weights.
    sticky: Keeps a client at one service.
    """

    services: tuple[ServiceRef, ...] = ()
    sticky: Sticky | None = None


class HighestRandomWeight(Strict, frozen=True, kw_only=True):
    """Sends each client to the service that a hash of it picks.

    services: The services with their weights.
    """

    services: tuple[ServiceRef, ...] = ()


class MirrorService(ServiceRef, frozen=True, kw_only=True):
    """A service that gets copies of requests; its answers are dropped.

    percent: The share of the requests, from 0 to 100.
    """

    percent: int = 0


class Mirroring(ServiceRef, frozen=True, kw_only=True):
    """A service, and others that get copies of its requests.

    mirror_body: Whether copies have the body.
    max_body_size: Requests with a larger body, in bytes, are not copied; -1: no limit.
    mirrors: The services that get copies.
    """

    mirror_body: bool = True
    max_body_size: Annotated[int, differs("a body of unknown length counts as too large")] = -1
    mirrors: tuple[MirrorService, ...] = ()


class FailoverErrors(Strict, frozen=True, kw_only=True):
    """What counts as a failure.

    status: Status codes and ranges such as 500-599.
    max_request_body_bytes: Larger requests are not sent again; -1: no limit.
    """

    status: Annotated[
        tuple[str, ...], differs("what reaches no server at all falls back too, whatever the statuses are")
    ] = ()
    max_request_body_bytes: Annotated[
        int, differs("-1: what is longer than 64 MiB goes to the first service alone")
    ] = -1


class Failover(Strict, frozen=True, kw_only=True):
    """A service, and another that takes over when it fails.

    service: The service that is used while it can serve.
    fallback: The one that takes over.
    errors: What counts as a failure.
    """

    service: ServiceRef
    fallback: ServiceRef
    errors: FailoverErrors | None = None


class TraefikServiceSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of the four.

    weighted: Shares requests among services by their weights.
    mirroring: Sends copies of requests to other services.
    highest_random_weight: Sends each client to the service that a hash of it picks.
    failover: Another service takes over when one fails.
    """

    weighted: WeightedRoundRobin | None = None
    mirroring: Mirroring | None = None
    highest_random_weight: HighestRandomWeight | None = None
    failover: Failover | None = None


class TraefikService(Resource, frozen=True, kw_only=True):
    """A service made of services.

    spec: How the services work together.
    status: Whether it can be used, and why not.
    """

    spec: TraefikServiceSpec
    status: ConditionsStatus | None = None
