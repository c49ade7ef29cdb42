"""Services of requests: load balancers, and what is made of them."""

from collections.abc import Iterator

from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model.endpoints import Endpoint, EndpointsKey
from hearthgate.ingress.routing.model.tls import Certificate
from hearthgate.ingress.routing.model.values import Value


class Transport(Value, frozen=True, kw_only=True):
    """How to speak to backends. Times in seconds, 0 = no limit. `root_cas`: PEM text; none = system store.
    `certificates`: what they are shown when they ask for one. `uris`, `names`: the backend's certificate must hold
    one of them; none = the server's name. Versions and `ciphers` as for TLSOptions. `reuse`: whether a connection
    serves more than one request. `ping_after`: seconds between pings over HTTP/2, 0 = none."""

    name: str = "default"
    certificates: tuple["Certificate", ...] = ()
    insecure_skip_verify: bool = False
    server_name: str = ""
    root_cas: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: tuple[str, ...] = ()
    http2: bool = True
    reuse: bool = True
    dial_timeout: float = 30.0
    response_header_timeout: float = 0.0
    idle_timeout: float = 90.0
    ping_after: float = 0.0
    ping_timeout: float = 15.0


class StickyCookie(Value, frozen=True, kw_only=True):
    """`name` is never empty. `same_site`: none, lax, strict or empty. `max_age` in seconds, 0 = session."""

    name: str
    secure: bool = False
    http_only: bool = False
    same_site: str = ""
    max_age: int = 0
    path: str = "/"
    domain: str = ""


class HealthCheck(Value, frozen=True, kw_only=True):
    """How servers are asked whether they can serve. Times in seconds. `scheme` is http or https, for mode grpc
    h2c or https. `status` 0: any from 200 to 399. `port` 0: the server's. `headers`: names in lower case."""

    mode: str = "http"
    scheme: str = "http"
    path: str = "/"
    method: str = "GET"
    status: int = 0
    port: int = 0
    interval: float = 30.0
    unhealthy_interval: float = 30.0
    timeout: float = 5.0
    hostname: str = ""
    follow_redirects: bool = True
    headers: tuple[tuple[str, str], ...] = ()


class PassiveHealthCheck(Value, frozen=True, kw_only=True):
    """A server that failed so many requests one after the other rests for `window` seconds."""

    window: float = 10.0
    failures: int = 1


class LoadBalancer(Value, frozen=True, kw_only=True):
    """One upstream: a Service's port, or an external host.

    name: upstream's name of it (`namespace-service-port@kubernetescrd`), for metrics and logs only: two load
        balancers with one name may differ in their options.
    endpoints: where its servers come from; None when `external` or `addresses` names them.
    scheme: http, https or h2c. strategy: wrr, p2c, hrw or leasttime.
    check: how each server is asked whether it can serve; then `endpoints` names the check too, and an external
        server or address has endpoints beside.
    internal: a service of this program (`api@internal`), which its name tells.
    """

    name: str
    endpoints: EndpointsKey | None = None
    external: Endpoint | None = None
    addresses: tuple[Endpoint, ...] = ()
    check: HealthCheck | None = None
    passive: PassiveHealthCheck | None = None
    scheme: str = "http"
    strategy: str = "wrr"
    pass_host_header: bool = True
    sticky: StickyCookie | None = None
    transport: Transport = Transport()
    internal: bool = False


class WeightedMember(Value, frozen=True, kw_only=True):
    """Weight 0 is never chosen. `middlewares`: what happens, after the router's, to requests to this member."""

    weight: int
    service: "Service"
    middlewares: tuple[Middleware, ...] = ()


class WeightedService(Value, frozen=True, kw_only=True):
    """A choice among services by weight; `sticky` keeps a client on the member it got first, `by_client` on the
    one that its address gives."""

    name: str
    members: tuple[WeightedMember, ...]
    sticky: StickyCookie | None = None
    by_client: bool = False


class Mirror(Value, frozen=True, kw_only=True):
    """Who gets copies of how many of a hundred requests."""

    percent: int
    service: "Service"


class MirroredService(Value, frozen=True, kw_only=True):
    """A service, and others that get copies of its requests. `body`: whether copies have it. `max_body`: bytes, a
    larger one is not copied; -1 = no limit."""

    name: str
    service: "Service"
    mirrors: tuple[Mirror, ...]
    body: bool = True
    max_body: int = -1


class FailoverService(Value, frozen=True, kw_only=True):
    """A service, and another that takes over when none of its servers can serve, or when it answers with one of
    `statuses`. `max_body`: bytes, a larger one is refused where statuses count; -1 = no limit."""

    name: str
    service: "Service"
    fallback: "Service"
    statuses: tuple[int, ...] = ()
    max_body: int = -1


Service = LoadBalancer | WeightedService | MirroredService | FailoverService


def parts(service: Service) -> tuple[Service, ...]:
    """The services that a service is made of, in their order."""
    match service:
        case WeightedService():
            return tuple(member.service for member in service.members)
        case MirroredService():
            return (service.service, *(mirror.service for mirror in service.mirrors))
        case FailoverService():
            return (service.service, service.fallback)
    return ()


def balancers(service: Service | None) -> Iterator[LoadBalancer]:
    """Every load balancer below a service, in order."""
    if isinstance(service, LoadBalancer):
        yield service
    elif service is not None:
        for part in parts(service):
            yield from balancers(part)


def service_middlewares(service: Service | None) -> Iterator[Middleware]:
    """What happens to requests on their way below a service, in order."""
    if service is None or isinstance(service, LoadBalancer):
        return
    if isinstance(service, WeightedService):
        for member in service.members:
            yield from member.middlewares
    for part in parts(service):
        yield from service_middlewares(part)
