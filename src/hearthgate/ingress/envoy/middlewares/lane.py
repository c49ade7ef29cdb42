"""What a list of middlewares is folded into: branches, and the lanes that they grow from.

A router's requests start in one lane. Each middleware adds to it, splits it, or takes requests out of it into a
branch that answers them at once. What is left of the lanes at the end are branches to the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from hearthgate.ingress.envoy.messages import make
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.routing.model import LoadBalancer
from hearthgate.rules.regex import found

FORWARDED_PROTO: Final = "x-forwarded-proto"


Upstreams = tuple[tuple[LoadBalancer, str], ...]
"""Load balancers that middlewares speak to, with their clusters; those that cannot be served are missing."""


class Scope(NamedTuple):
    """Where a router serves. tls: TLS connections. forwarded_trusted: some peers' X-Forwarded-* are believed."""

    tls: bool
    forwarded_trusted: bool

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way through a router's middlewares. The first branch whose conditions hold takes the request.

    conditions, filter_state: HeaderMatcher and FilterStateMatcher messages that must hold beside the rule.
    filters: TypedExtensionConfig messages of the per-route filter chain, in order.
    per_filter_config: Any messages by the names that the filters bear in the chain.
    response: a DirectResponseAction; None when the request goes on to the service.
    route_action: settings of the RouteAction (path and host), None when there are none.
    request_headers_to_remove: names that the request must not carry when it leaves, whoever set them.
    body_limit: bytes of the request's body that a filter may have to hold; 0 = no filter holds it.
    """

    conditions: tuple[Any, ...] = ()
    filter_state: tuple[Any, ...] = ()
    filters: tuple[Any, ...] = ()
    per_filter_config: Mapping[str, Any] = field(default_factory=dict)
    response: Any | None = None
    route_action: Any | None = None
    request_headers_to_remove: tuple[str, ...] = ()
    body_limit: int = 0


class Refusal(NamedTuple):
    """Why a middleware cannot stand where it stands, and the way out."""

    message: str


class Rewrite(NamedTuple):
    """How the path changes on the way out: as a pattern with RE2's substitution, all matches replaced."""

    pattern: str
    substitution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The path as the middlewares so far have left it.

    expression: it, as an expression over the request. constant: it, when it no longer depends on the request.
    rewrite: the change in one step, when there is such a one.
    """

    expression: str = cel.PATH
    constant: str | None = None
    rewrite: Rewrite | None = None

    @property
    def is_original(self) -> bool:
        return self.expression == cel.PATH

    @property
    def target(self) -> str:
        """The format string of path and query."""
        return "%REQ(:PATH)%" if self.is_original else cel.command(self.expression) + cel.command(cel.query())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The requests that take one way, and what has been done to them so far.

    headers: request headers with a value known now, None = removed. changed: those changed to unknown values.
    changed_pattern: what the names of other changed headers match. body_limit: see Branch.
    retry: the RetryPolicy in place of the cluster's; None = that one.
    action: other settings of the RouteAction; None = none.
    folder: where scripts find files, ends in a slash.
    replies: whether a filter so far may answer by itself. hides_client: X-Forwarded-For shall not be appended.
    """

    scope: Scope
    upstreams: Upstreams = ()
    folder: str = ""
    conditions: tuple[Any, ...] = ()
    filter_state: tuple[Any, ...] = ()
    filters: tuple[Any, ...] = ()
    host: str = ""
    path: Path = Path()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    changed_pattern: str = ""
    body_limit: int = 0
    retry: Any | None = None
    action: Any | None = None
    replies: bool = False
    hides_client: bool = False

    def when(self, *conditions: Any) -> "Lane":
        """Those of the lane's requests for which the conditions hold as they came in."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def through(self, *filters: Any) -> "Lane":
        return replace(self, filters=(*self.filters, *filters))

    def is_touched(self, *names: str) -> bool:
        """Whether a request header may differ from what came in."""
        return any(
            name in self.headers
            or name in self.changed
            or (self.changed_pattern and found(self.changed_pattern, name))
            for name in names
        )

    def upstream(self, balancer: LoadBalancer) -> str | None:
        """The cluster of a load balancer that a middleware speaks to; None when it cannot be served."""
        return next((cluster for known, cluster in self.upstreams if known == balancer), None)

    def answer(self, status: int, body: str, *filters: Any) -> Branch:
        """Ends the lane with an answer. `filters` work on that answer alone."""
        response = make("envoy.config.route.v3.DirectResponseAction", status=status)
        response.body.inline_string = body
        return Branch(
            conditions=self.conditions,
            filter_state=self.filter_state,
            filters=(*self.filters, *filters),
            response=response,
            body_limit=self.body_limit,
        )

    def end(self) -> Branch:
        """Ends the lane at the service."""
        return Branch(
            conditions=self.conditions,
            filter_state=self.filter_state,
            filters=self.filters,
            route_action=self._route_action(),
            body_limit=self.body_limit,
            request_headers_to_remove=("x-forwarded-for",) if self.hides_client else (),
        )

    def _route_action(self) -> Any | None:
        if self.path.is_original and not self.host and self.retry is None and self.action is None:
            return None
        action = make("envoy.config.route.v3.RouteAction")
        if self.action is not None:
            action.CopyFrom(self.action)
        if self.retry is not None:
            action.retry_policy.CopyFrom(self.retry)
        if self.host:
            action.host_rewrite_literal = self.host
        if self.path.rewrite is not None:
            action.regex_rewrite.pattern.regex = self.path.rewrite.pattern
            action.regex_rewrite.substitution = self.path.rewrite.substitution
        elif not self.path.is_original:
            action.path_rewrite = cel.command(self.path.expression)
        return action


Steps = tuple[Branch | Lane, ...]
"""What a lane turns into, in the order in which requests try them; together they take all its requests."""
