"""Routers of requests."""

from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model.services import LoadBalancer, Service, service_middlewares
from hearthgate.ingress.routing.model.tls import DEFAULT_TLS_OPTIONS
from hearthgate.ingress.routing.model.values import Value
from hearthgate.model.refs import ObjectRef
from hearthgate.rules.rule import Rule


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
