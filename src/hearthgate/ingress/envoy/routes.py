"""One router as Envoy routes: its rule's conjuncts times its middlewares' branches times its service's choices.

All but the match is serialised once for all virtual hosts that the router appears in.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.actions import Action, actions, lost_sessions, session_filter, ways
from hearthgate.ingress.envoy.clusters import Cluster
from hearthgate.ingress.envoy.connections import FILTER_CHAIN
from hearthgate.ingress.envoy.match import domains, route_match
from hearthgate.ingress.envoy.messages import field, make, repeated
from hearthgate.ingress.envoy.observability.recording import switched
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.plan import Branch, Scope, plan_branches
from hearthgate.ingress.envoy.retries import alike, retries
from hearthgate.ingress.envoy.schema import any_of
from hearthgate.ingress.envoy.services import UnservableError
from hearthgate.ingress.envoy.target_clusters import Inline
from hearthgate.ingress.envoy.upstreams import asked_clusters
from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model import Router
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.rules.syntax import Conjunct, Matcher

_VIRTUAL_HOST_ROUTES: Final = 3
_ROUTE = "envoy.config.route.v3.Route"
_MATCH_FIELD, _ACTION_FIELD, _DIRECT_FIELD = 1, 2, 7
_MATCH_HEADERS, _MATCH_FILTER_STATE = 6, 16


class Block(NamedTuple):
    """One route without its match: bytes to append to the RouteMatch, and the rest of the Route."""

    condition: bytes
    rest: bytes


class CompiledRouter:
    """A router's routes in any virtual host. Without blocks nothing is served: see `problems`."""

    __slots__ = ("_routes", "blocks", "clusters", "domains", "order", "pinned", "problems", "router", "wide")

    def __init__(
        self,
        router: Router,
        blocks: tuple[Block, ...] = (),
        clusters: tuple[Cluster, ...] = (),
        problems: tuple[Problem, ...] = (),
    ) -> None:
        self.router = router
        self.order = router.order
        """Of precedence, ascending."""
        self.blocks = blocks
        self.clusters = clusters
        self.problems = problems
        self.domains = domains((router.rule,)) if blocks else ()
        pinned: dict[str, list[Conjunct]] = {}
        wide: list[Conjunct] = []
        for conjunct in router.rule.conjuncts if blocks else ():
            host = _only_host(conjunct)
            (wide if host is None else pinned.setdefault(host, [])).append(conjunct)
        self.pinned: Mapping[str, list[Conjunct]] = pinned
        """Conjuncts by the one host that they are about."""
        self.wide = tuple(wide)
        """Conjuncts that may match in any virtual host."""
        self._routes: dict[str, bytes] = {}

    def routes(self, domain: str) -> bytes:
        """The routes of this router in the virtual host of a domain, as `routes` of a VirtualHost."""
        known = self._routes.get(domain)
        if known is None:
            known = self._routes[domain] = b"".join(self._build(domain))
        return known

    def _build(self, domain: str) -> Iterator[bytes]:
        for conjunct in (*self.pinned.get(domain, ()), *self.wide):
            match = route_match(conjunct, domain)
            if match is not None:
                serialised = match.SerializeToString(deterministic=True)
                for block in self.blocks:
                    head = field(_MATCH_FIELD, serialised, block.condition)
                    yield field(_VIRTUAL_HOST_ROUTES, head, block.rest)


def compile_router(router: Router, scope: Scope, inline: Inline, options: ProxyOptions) -> CompiledRouter:
    """The router compiled; one that cannot be served has problems that are errors, and no blocks."""
    asked, complaints = asked_clusters(router.every_middleware, inline, options)
    upstreams = tuple((balancer, cluster.name) for balancer, cluster in asked.items())
    problems: list[Problem] = []
    planned: dict[tuple[Middleware, ...], tuple[Branch, ...]] = {}
    chosen: tuple[Action, ...] = ()
    try:
        for extra in ways(router.service):
            middlewares = bound((*router.middlewares, *extra), router.name)
            planned[extra], errors = plan_branches(middlewares, scope, upstreams, options.tables_folder)
            errors = (*errors, *complaints) if errors else ()
            problems += [_problem(router, "middlewares", error) for error in errors]
        planned = alike(planned)
        own = any(retries(branch) for branches in planned.values() for branch in branches)
        chosen = actions(router.service, inline, options, retries=not own)
    except UnservableError as error:
        problems.append(_problem(router, "services", str(error)))
    if problems:
        return CompiledRouter(router, problems=tuple(problems))
    problems += [_problem(router, "middlewares", each, Severity.WARNING) for each in complaints]
    problems += [
        _problem(router, "services", f"{name} is not sticky below a failover", Severity.WARNING)
        for name in lost_sessions(router.service)
    ]
    common = _identity(router)
    planned = {way: switched(some, router.observed, options.recording) for way, some in planned.items()}
    if len(planned) == 1:
        ((_, branches),) = planned.items()
        blocks = [block for branch in branches for block in _blocks(branch, chosen, common)]
    else:
        blocks = [
            block
            for action in chosen
            for branch in planned[action.middlewares]
            for block in _blocks(branch, (action,), common, of=action.condition)
        ]
    clusters = {cluster.name: cluster for action in chosen for cluster in action.clusters}
    clusters |= {cluster.name: cluster for cluster in asked.values()}
    return CompiledRouter(router, tuple(blocks), tuple(clusters.values()), tuple(problems))


def _only_host(conjunct: Conjunct) -> str | None:
    """The domain of the exact host that a conjunct asks for; None when it may match requests for several."""
    for condition in conjunct:
        if condition.matcher is Matcher.HOST and not condition.negated:
            host = condition.arguments[0].lower().removesuffix(".")
            if not host.startswith("*"):
                return f"[{host}]" if ":" in host else host
    return None


def _identity(router: Router) -> bytes:
    """The name of a router's routes: enough for logs and metrics, which find the service's name at the cluster
    (`alt_stat_name`) and the entrypoint's at the listener. Metadata would say it again, for 5 µs a route in Envoy.
    """
    return bytes(make(_ROUTE, name=router.name).SerializeToString(deterministic=True))


def _blocks(branch: Branch, chosen: tuple[Action, ...], common: bytes, *, of: bytes = b"") -> Iterator[Block]:
    """The routes of a branch. of: the condition of the only action that its own answers belong to."""
    condition = repeated(_MATCH_HEADERS, branch.conditions) + repeated(_MATCH_FILTER_STATE, branch.filter_state)
    if branch.response is not None:
        rest = _rest(branch, branch.filters, Action(b"", None))
        yield Block(condition + of, common + rest + _part(_DIRECT_FIELD, branch.response))
        return
    for action in chosen:
        filters = (*branch.filters, session_filter()) if action.sticky else branch.filters
        rest = _rest(branch, filters, action)
        if action.route is None:
            outcome = _part(_DIRECT_FIELD, action.response)
        else:
            fragment = branch.route_action.SerializeToString(deterministic=True) if branch.route_action else b""
            outcome = field(_ACTION_FIELD, fragment, action.route.SerializeToString(deterministic=True))
        yield Block(condition + action.condition, common + rest + outcome)


def _rest(branch: Branch, filters: tuple[Any, ...], action: Action) -> bytes:
    route = make(_ROUTE)
    for name, config in (*branch.per_filter_config.items(), *action.per_filter):
        route.typed_per_filter_config[name].CopyFrom(config)
    if filters:
        chain = make("envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute")
        chain.filter_chain.filters.extend(filters)
        route.typed_per_filter_config[FILTER_CHAIN].CopyFrom(any_of(chain))
    route.response_headers_to_add.extend(action.headers)
    route.request_headers_to_remove.extend(branch.request_headers_to_remove)
    if kept := max(branch.body_limit, action.body_limit):
        route.request_body_buffer_limit.value = kept
    return bytes(route.SerializeToString(deterministic=True))


def _part(number: int, value: Any) -> bytes:
    return field(number, value.SerializeToString(deterministic=True))


def _problem(router: Router, below: str, message: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(
        ref=router.ref,
        field=router.place(below),
        reason=Reason.UNSUPPORTED,
        message=message,
        severity=severity,
    )
