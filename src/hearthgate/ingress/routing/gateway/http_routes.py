"""HTTPRoute and GRPCRoute to routers: one for each entrypoint, host, rule and match."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from hearthgate.ingress.middlewares.gateway import Deadline, FixedAnswer
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.gateway.attachments import Attached, Attachments
from hearthgate.ingress.routing.gateway.backends import MILLION, Backends
from hearthgate.ingress.routing.gateway.faults import Fault, Place, Touches
from hearthgate.ingress.routing.gateway.filters import Filtered, Filters
from hearthgate.ingress.routing.gateway.hostnames import specificity
from hearthgate.ingress.routing.gateway.matches import Matched, grpc_match, http_match
from hearthgate.ingress.routing.gateway.outcomes import RouteOutcome, route_verdict
from hearthgate.ingress.routing.model import Router
from hearthgate.ingress.routing.model import Service as ServiceValue
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.routing.routers import Linked, needed_endpoints
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Reason
from hearthgate.resources.gateway import GRPCRoute, HTTPRoute
from hearthgate.resources.gateway.routes import GRPCMatch, GRPCRule, HTTPMatch, HTTPRule, Timeouts
from hearthgate.rules.rule import RuleError

Route = HTTPRoute | GRPCRoute
Rule = HTTPRule | GRPCRule
Match = HTTPMatch | GRPCMatch
Guards = Callable[[str], tuple[Middleware, ...] | Broken]
"""What every router of an entrypoint begins with."""


class _Action(NamedTuple):
    """What happens to the requests of one match."""

    middlewares: tuple[Middleware, ...]
    service: ServiceValue | None


class _Spot(NamedTuple):
    """Where a router stands."""

    attached: Attached
    entrypoint: str
    tls: bool
    host: str


class HTTPRoutes:
    """Links HTTPRoutes and GRPCRoutes."""

    def __init__(
        self, tracker: Tracker, attachments: Attachments, filters: Filters, backends: Backends, guards: Guards
    ) -> None:
        self._tracker = tracker
        self._attachments = attachments
        self._filters = filters
        self._backends = backends
        self._guards = guards

    def outcome(self, route: Route) -> Result[RouteOutcome]:
        return self._tracker.result((type(route).__name__, *route.key), lambda: self._build(route))

    def _build(self, route: Route) -> Result[RouteOutcome]:
        self._tracker.get(type(route), *route.key)
        attached, found = self._attachments.of(route, route.spec.parent_refs, route.spec.hostnames)
        if not attached:
            return Result(RouteOutcome(route_verdict(route.ref, (), (), rules=0, dropped=0)), found)
        spots = tuple(_spots(attached))
        faults: list[Fault] = []
        problems = list(found)
        routers: dict[tuple[str, bool, str], Router] = {}
        dropped = 0
        rules: tuple[Rule, ...] = route.spec.rules
        for index, rule in enumerate(rules):
            own: list[Fault] = []
            for router in self._rule(route, rule, index, spots, own):
                routers.setdefault((router.entrypoint, router.tls, router.name), router)
            faults += dict.fromkeys(own)
            dropped += any(fault.touches is Touches.UNSUPPORTED for fault in own)
        problems.extend(dict.fromkeys(fault.problem for fault in faults))
        flat = tuple(routers.values())
        linked = Linked(
            route.ref, flat, endpoints=frozenset(key for router in flat for key in needed_endpoints(router))
        )
        verdict = route_verdict(route.ref, attached, faults, rules=len(rules), dropped=dropped)
        keys = {(one.gateway.ref.namespace, one.gateway.ref.name) for one in attached}
        policies = frozenset((policy, key) for key in keys for policy in self._backends.policies_of(route))
        return Result(RouteOutcome(verdict, linked, policies=policies), tuple(problems))

    def _rule(
        self, route: Route, rule: Rule, index: int, spots: tuple[_Spot, ...], faults: list[Fault]
    ) -> Iterator[Router]:
        """Nothing when something in the rule is not supported: other rules go on."""
        place = Place(route.ref, f"spec.rules[{index}]")
        routers: list[Router] = []
        matches: tuple[Match, ...] = rule.matches or (
            (HTTPMatch(),) if isinstance(rule, HTTPRule) else (GRPCMatch(),)
        )
        actions: dict[str | None, _Action | None] = {}
        for number, match in enumerate(matches):
            prefix = _prefix(match)
            if prefix not in actions:
                actions[prefix] = self._action(route, rule, place, prefix, faults)
            action = actions[prefix]
            if action is None:
                return
            for spot in spots:
                matched = (
                    http_match(match, spot.host) if isinstance(match, HTTPMatch) else grpc_match(match, spot.host)
                )
                if isinstance(matched, RuleError):
                    where = place.below(f"matches[{number}]")
                    faults.append(where.unsupported(matched.message, kind=Reason.INVALID_RULE))
                    return
                guards = self._guards(spot.entrypoint)
                if isinstance(guards, Broken):
                    message = f"entrypoint {spot.entrypoint}: {guards.message}"
                    faults.append(place.unsupported(message, kind=guards.reason))
                    return
                whole = action._replace(middlewares=(*guards, *action.middlewares))
                routers.append(_router(route, (index, number), spot, matched, whole))
        yield from routers

    def _action(
        self, route: Route, rule: Rule, place: Place, prefix: str | None, faults: list[Fault]
    ) -> _Action | None:
        """None when the rule is dropped."""
        is_grpc = isinstance(route, GRPCRoute)
        filtered = self._filters.build(rule.filters, place.below("filters"), prefix)
        faults += filtered.faults

        def below(number: int, here: Place) -> tuple[Middleware, ...] | None:
            own = self._filters.build(rule.backend_refs[number].filters, here.below("filters"), prefix)
            if own.answers:
                refused = here.below("filters").unsupported("a backend cannot redirect: move it to the rule")
                own = Filtered(None, (*own.faults, refused))
            faults.extend(own.faults)
            return own.middlewares

        label = f"{_label(route)}-{place.field.partition('[')[2].rstrip(']')}-wrr@kubernetesgateway"
        shared = self._backends.shared(
            rule.backend_refs, place.below("backendRefs"), label, faults, below, grpc=is_grpc
        )
        deadline = _deadline(getattr(rule, "timeouts", None), place.below("timeouts"), label, faults)
        if any(fault.touches is Touches.UNSUPPORTED for fault in faults):
            return None
        if filtered.middlewares is None:
            return _Action((FixedAnswer(name=label),), None)
        values = (*filtered.middlewares, *deadline)
        if filtered.answers:
            return _Action(values, None)
        if shared.missing:
            values = (*values, FixedAnswer(name=label, millionths=min(shared.missing, MILLION)))
        return _Action(values, shared.service)


def _spots(attached: Iterable[Attached]) -> Iterator[_Spot]:
    """Where the routers of a route stand; of several listeners with one port and host the first is enough."""
    seen: set[tuple[str, bool, str]] = set()
    for one in attached:
        for listening, hosts in one.places:
            if not listening.valid:
                continue
            tls = listening.protocol == "HTTPS"
            for entrypoint in listening.entrypoints:
                for host in hosts:
                    if (entrypoint, tls, host) not in seen:
                        seen.add((entrypoint, tls, host))
                        yield _Spot(one, entrypoint, tls, host)


def _prefix(match: Match) -> str | None:
    if isinstance(match, HTTPMatch) and match.path.type == "PathPrefix":
        return match.path.value
    return None


def _router(route: Route, numbers: tuple[int, int], spot: _Spot, matched: Matched, action: _Action) -> Router:
    gateway = spot.attached.gateway.ref
    digest = hashlib.sha256(matched.rule.text.encode()).hexdigest()[:20]
    where = f"gw-{gateway.namespace}-{gateway.name}-ep-{spot.entrypoint}-{numbers[0]}"
    return Router(
        name=f"{_label(route)}-{where}-{digest}@kubernetesgateway",
        ref=route.ref,
        field=f"spec.rules[{numbers[0]}]",
        entrypoint=spot.entrypoint,
        rule=matched.rule,
        priority=matched.priority,
        tie=_tie(route, numbers),
        host_rank=1 + specificity(spot.host),
        middlewares=action.middlewares,
        service=action.service,
        tls=spot.tls,
    )


def _label(route: Route) -> str:
    return f"{type(route).__name__.lower()}-{route.metadata.namespace}-{route.metadata.name}"


def _tie(route: Route, numbers: tuple[int, int]) -> str:
    """The specification's order of equals: the older route, its name, the earlier rule, the earlier match."""
    created = route.metadata.creation_timestamp or "9"
    return f"{created}/{route.metadata.namespace}/{route.metadata.name}/{numbers[0]:03}/{numbers[1]:03}"


def _deadline(timeouts: Timeouts | None, place: Place, name: str, faults: list[Fault]) -> Iterator[Deadline]:
    """The shorter of the two that are not 0: nothing that a backend may answer late is tried again."""
    if timeouts is None:
        return
    seconds: dict[str, float] = {}
    for field, text in (("request", timeouts.request), ("backendRequest", timeouts.backend_request)):
        if text is not None:
            seconds[field] = parse_duration(text)
    request, backend = seconds.get("request", 0.0), seconds.get("backendRequest", 0.0)
    if request and backend > request:
        message = "backendRequest must not be longer than request"
        faults.append(place.unsupported(message, kind=Reason.INVALID_VALUE))
        return
    if shortest := min((one for one in (request, backend) if one), default=0.0):
        yield Deadline(name=name, seconds=shortest)
