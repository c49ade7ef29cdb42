"""The RoutingModel: what the proxy shall do, in Traefik's words, with every reference resolved.

All values are frozen, hashable and compare by content, so that equal input gives equal bytes further down
and unchanged parts are recognised by identity.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

import msgspec

from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.streams import StreamMiddleware
from hearthgate.ingress.routing.gateway.verdicts import Verdict
from hearthgate.ingress.rules.rule import Rule
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes

DEFAULT_TLS_OPTIONS = "default"


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the model's values."""


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


class EndpointsKey(NamedTuple):
    """Names the endpoints of one port of one Service. `port` is the port's name in its EndpointSlices. `check`:
    the name of the health check whose results they bear; empty = none."""

    namespace: str
    service: str
    port: str
    check: str = ""

    @property
    def unchecked(self) -> "EndpointsKey":
        return self._replace(check="") if self.check else self


class EndpointState(IntEnum):
    """ACTIVE: it serves. FENCED: it is about to go, and serves only the sessions that it has. DOWN: it failed its
    health check."""

    ACTIVE = 0
    FENCED = 1
    DOWN = 2


class Endpoint(NamedTuple):
    """One address that serves. `address` is an IP address, or a host name where a Service has external ones."""

    address: str
    port: int
    state: EndpointState = EndpointState.ACTIVE

    @property
    def place(self) -> tuple[str, int]:
        return self[:2]


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


class Observed(Value, frozen=True, kw_only=True):
    """What is recorded of requests, as far as the settings record anything at all."""

    access_logs: bool = True
    metrics: bool = True


class Router(Value, frozen=True, kw_only=True):
    """One rule and what happens to the requests that it matches.

    name: upstream's router name (`namespace-name-hash@kubernetescrd`); one name may occur once per entrypoint.
    ref, field: the route in its object, for problems; internal routers have kind `Settings`.
    priority: never 0; higher wins, then name decides.
    middlewares: in order, chains expanded, the entrypoint's own first.
    service: None for a router whose middlewares always answer (redirections); 404 if they do not.
    tls: whether it serves TLS connections (True) or plain ones (False) of its entrypoint.
    tls_options: name of the TLSOptions of its hosts.
    observed: None when it is what the entrypoint says.
    above: the `order` of the router that this one is a layer below of; empty for nearly all.
    tie: decides among equal priorities before the name does, the lowest first.
    host_rank: more for a more specific host. Among those that have one (above 0) the higher goes first, whatever
        the priorities are.
    """

    name: str
    ref: ObjectRef
    field: str
    entrypoint: str
    rule: Rule
    priority: int
    middlewares: tuple[Middleware, ...] = ()
    service: Service | None = None
    tls: bool = False
    tls_options: str = DEFAULT_TLS_OPTIONS
    observed: Observed | None = None
    above: tuple[int | str, ...] = ()
    tie: str = ""
    host_rank: int = 0

    @property
    def every_middleware(self) -> tuple[Middleware, ...]:
        """Those of its services after its own."""
        if self.service is None or isinstance(self.service, LoadBalancer):
            return self.middlewares
        return (*self.middlewares, *service_middlewares(self.service))

    @property
    def order(self) -> tuple[int | str, ...]:
        """Of precedence, ascending. What is below a router stands in its place."""
        return (*self.above, -self.priority, self.tie, self.name)

    def place(self, below: str) -> str:
        """The path in its object of something that the router names: its `services`, its `middlewares`."""
        if self.ref.kind in ("HTTPRoute", "GRPCRoute"):
            below = {"services": "backendRefs", "middlewares": "filters"}.get(below, below)
        return self.field if self.ref.kind == "Ingress" else f"{self.field}.{below}"


class BackendTLS(Value, frozen=True, kw_only=True):
    """TLS to the backends of streams. `root_cas`: PEM text; none = system store. `certificates`: what they are
    shown. `uris`, `names`: the backend's certificate must hold one of them; none = the server's name."""

    insecure_skip_verify: bool = False
    server_name: str = ""
    root_cas: tuple[str, ...] = ()
    certificates: tuple["Certificate", ...] = ()
    uris: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class StreamTransport(Value, frozen=True, kw_only=True):
    """How to speak to the backends of streams. Times in seconds; `keep_alive` 0 = none.
    `proxy_protocol`: version of the PROXY protocol, 0 = none."""

    name: str = "default"
    dial_timeout: float = 30.0
    keep_alive: float = 15.0
    proxy_protocol: int = 0
    tls: BackendTLS | None = None


class StreamBalancer(Value, frozen=True, kw_only=True):
    """One upstream of streams or datagrams. `endpoints`: where its servers come from; None when `addresses` names
    them."""

    name: str
    endpoints: EndpointsKey | None = None
    addresses: tuple[Endpoint, ...] = ()
    transport: StreamTransport = StreamTransport()


class StreamMember(Value, frozen=True, kw_only=True):
    """Weight 0 is never chosen."""

    weight: int
    balancer: StreamBalancer


class TCPRouter(Value, frozen=True, kw_only=True):
    """One rule about connections and where those go that it matches. Names and priorities as for Router, but that
    a catch-all has -1.

    members: one or more. tls: whether it serves TLS connections or all others. passthrough: they stay encrypted.
    """

    name: str
    ref: ObjectRef
    field: str
    entrypoint: str
    rule: Rule
    priority: int
    middlewares: tuple[StreamMiddleware, ...] = ()
    members: tuple[StreamMember, ...]
    tls: bool = False
    passthrough: bool = False
    tls_options: str = DEFAULT_TLS_OPTIONS


class UDPRouter(Value, frozen=True, kw_only=True):
    """Where the datagrams of an entrypoint go. There is one for each entrypoint."""

    name: str
    ref: ObjectRef
    field: str
    entrypoint: str
    members: tuple[StreamMember, ...]


class Certificate(Value, frozen=True, kw_only=True):
    """A key pair to serve. `names`: lower-case DNS names, wildcards included. `chain`: PEM, leaf first."""

    ref: ObjectRef
    names: tuple[str, ...]
    chain: str
    key: SecretBytes
    not_after: float


class ClientAuth(Value, frozen=True, kw_only=True):
    """`type`: upstream's clientAuthType. `cas`: PEM text."""

    type: str
    cas: tuple[str, ...] = ()


class TLSOptions(Value, frozen=True, kw_only=True):
    """One TLSOption with its defaults filled in. Versions are `1.0` to `1.3`; `ciphers` are upstream's (Go's)
    names, empty = default; `curves` likewise. `hosts`: the exact or wildcard names that it rules, sorted;
    unused for `default`, which rules the rest."""

    name: str = DEFAULT_TLS_OPTIONS
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    client_auth: ClientAuth | None = None
    sni_strict: bool = False
    session_tickets: bool = True
    hosts: Mapping[str, tuple[str, ...]] = {}
    """By entrypoint."""


class EntryPoint(Value, frozen=True, kw_only=True):
    """Where the proxy listens. `host` is `0.0.0.0`, `::` (both families) or one address. Times in seconds,
    0 = no limit. `trusted_ips`: CIDRs whose X-Forwarded-* are believed. `advertised_port`: of Alt-Svc.

    proxy_protocol: whether connections may begin with a PROXY header; it is believed of `proxy_trusted_ips`, of
    everybody when there are none. semicolons: what stands for `;` in queries; empty = itself.
    """

    name: str
    host: str
    port: int
    http3: bool = False
    advertised_port: int = 0
    trust_everybody: bool = False
    trusted_ips: tuple[str, ...] = ()
    max_header_bytes: int = 1048576
    max_concurrent_streams: int = 250
    read_timeout: float = 0.0
    write_timeout: float = 0.0
    idle_timeout: float = 180.0
    max_connection_time: float = 0.0
    max_connection_requests: int = 0
    proxy_protocol: bool = False
    proxy_trusted_ips: tuple[str, ...] = ()
    header_table_size: int = 4096
    underscore_headers: str = "keep"
    sanitize_path: bool = True
    semicolons: str = ""
    append_forwarded_for: bool = True
    scheme_headers: bool = False
    observed: Observed = Observed()
    traced: bool = True


class UDPEntryPoint(Value, frozen=True, kw_only=True):
    """Where the proxy takes datagrams. `timeout`: seconds that a session without any is kept."""

    name: str
    host: str
    port: int
    timeout: float = 3.0


class RoutingModel(Value, frozen=True, kw_only=True):
    """All sorted: routers by `order`; certificates by ref; entrypoints by name.

    certificates: any of them may serve any name that it covers (exact first, then wildcard).
    default_certificate: for all other names.
    """

    entrypoints: tuple[EntryPoint, ...] = ()
    routers: tuple[Router, ...] = ()
    tls_options: tuple[TLSOptions, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    default_certificate: Certificate | None = None
    tcp_routers: tuple[TCPRouter, ...] = ()
    udp_routers: tuple[UDPRouter, ...] = ()
    udp_entrypoints: tuple[UDPEntryPoint, ...] = ()

    @property
    def every_router(self) -> tuple[Router | TCPRouter | UDPRouter, ...]:
        return (*self.routers, *self.tcp_routers, *self.udp_routers)


class Point(NamedTuple):
    """Where something is reached: an address or a host name."""

    ip: str = ""
    hostname: str = ""


Endpoints = Mapping[EndpointsKey, tuple[Endpoint, ...]]


class Built(NamedTuple):
    """Result of a build: the model, the endpoints of its services, and what is wrong with the objects that
    it was built from. `owned`: every object that is for us, whether it serves or not, in no order. `verdicts`:
    what is to be said of objects of the Gateway API, all but what the proxy says of it."""

    model: RoutingModel
    endpoints: Endpoints
    problems: tuple[Problem, ...]
    owned: tuple[ObjectRef, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    reached_at: tuple[Point, ...] | None = None
    """Where Ingresses are reached; None when nothing is to be said of that."""
