"""Connections and datagrams: their routers, and the services that these lead to."""

from hearthgate.ingress.middlewares.streams import StreamMiddleware
from hearthgate.ingress.routing.model.endpoints import Endpoint, EndpointsKey
from hearthgate.ingress.routing.model.tls import DEFAULT_TLS_OPTIONS, Certificate
from hearthgate.ingress.routing.model.values import Value
from hearthgate.model.refs import ObjectRef
from hearthgate.rules.rule import Rule


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
