"""IngressRoute to Routers: one per route and entrypoint, each disabled alone when something in it is wrong."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearthgate.ingress.middlewares.middleware import Middleware as MiddlewareValue
from hearthgate.ingress.middlewares.paths import EncodedCharacters, denied_escapes
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate, EndpointsKey, Router
from hearthgate.ingress.routing.names import default_tls_options, router_name
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.placement import Placement
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.routing.services import Services, endpoints_keys
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.rules.rule import Rule, RuleError, compile_rule
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.traefik import IngressRoute
from hearthgate.resources.traefik.ingressroute import Route
from hearthgate.resources.traefik.service import ObjectReference


class Linked(NamedTuple):
    """What an IngressRoute that is ours adds to the model. `endpoints`: what its services need; `options`: the
    names of its TLS options."""

    ref: ObjectRef
    routers: tuple[Router, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    endpoints: frozenset[EndpointsKey] = frozenset()
    options: frozenset[str] = frozenset()


def asked_endpoints(router: Router) -> Iterator[EndpointsKey]:
    """Whose endpoints a router's middlewares speak to."""
    for middleware in router.every_middleware:
        for service in middleware.services():
            yield from endpoints_keys(service)


def needed_endpoints(router: Router) -> Iterator[EndpointsKey]:
    """Whose endpoints a router speaks to."""
    yield from endpoints_keys(router.service)
    yield from asked_endpoints(router)


def linked_routers(ref: ObjectRef, routers: Iterable[Router], certificates: tuple[Certificate, ...]) -> Linked:
    """What an object adds that gives these routers."""
    made = tuple(routers)
    return Linked(
        ref,
        made,
        certificates,
        frozenset(key for router in made for key in needed_endpoints(router)),
        frozenset(router.tls_options for router in made if router.tls),
    )


class Routers:
    """Links IngressRoutes."""

    def __init__(
        self, tracker: Tracker, settings: IngressSettings, middlewares: Middlewares, services: Services
    ) -> None:
        self._tracker = tracker
        self._settings = settings
        self._middlewares = middlewares
        self._services = services
        self._placement = Placement(tracker, settings)

    def linked(self, resource: IngressRoute) -> Result[Linked | None]:
        """None when the IngressRoute is not for us."""
        return self._tracker.result(("route", *resource.key), lambda: self._link(resource))

    def _link(self, resource: IngressRoute) -> Result[Linked | None]:
        self._tracker.get(IngressRoute, *resource.key)
        if not self._placement.is_ours(resource):
            return Result(None, tuple(self._placement.unclaimed(resource)))
        problems: list[Problem] = []
        entrypoints = tuple(self._placement.entrypoints(resource, problems))
        certificates = tuple(self._placement.certificates(resource, problems))
        options = self._placement.options(resource, problems)
        routers: dict[str, tuple[Router, ...]] = {}
        if entrypoints and options is not None:
            for index, route in enumerate(resource.spec.routes):
                group = tuple(self._route(resource, route, index, entrypoints, options=options, problems=problems))
                if not group:
                    continue
                if group[0].name in routers:
                    message = "an earlier route of this object has the same match: the last one serves"
                    problems.append(
                        _problem(resource.ref, index, "match", Reason.DUPLICATE_ROUTER, message, warn=True)
                    )
                routers[group[0].name] = group
        flat = tuple(router for group in routers.values() for router in group)
        return Result(linked_routers(resource.ref, flat, certificates), tuple(problems))

    def _route(
        self,
        resource: IngressRoute,
        route: Route,
        index: int,
        entrypoints: tuple[str, ...],
        *,
        options: str,
        problems: list[Problem],
    ) -> Iterator[Router]:
        ref = resource.ref
        rule = _rule(ref, route, index, self._settings.core.default_rule_syntax, problems)
        field = f"spec.routes[{index}]"
        name = router_name(*resource.key, route.match)
        middlewares, found = self._middlewares.resolve_all(route.middlewares, ref, f"{field}.middlewares")
        problems.extend(found)
        service, found = self._services.resolve_all(route.services, name, ref, f"{field}.services")
        problems.extend(found)
        if not route.services:
            message = "at least one service is needed"
            problems.append(_problem(ref, index, "services", Reason.MISSING_FIELD, message))
        if rule is None or middlewares is None or service is None:
            return
        for entrypoint in entrypoints:
            own = self.entrypoint_middlewares(entrypoint)
            if isinstance(own, Broken):
                problems.append(_problem(ref, index, "", own.reason, f"entrypoint {entrypoint}: {own.message}"))
                continue
            tls = resource.spec.tls is not None or self._settings.entry_points[entrypoint].http.tls is not None
            yield Router(
                name=name,
                ref=ref,
                field=field,
                entrypoint=entrypoint,
                rule=rule,
                priority=route.priority or rule.default_priority,
                middlewares=(*own, *middlewares),
                service=service,
                tls=tls,
                tls_options=self._options_at(resource, entrypoint, options) if tls else DEFAULT_TLS_OPTIONS,
                observed=router_observed(self._settings, entrypoint, route.observability, service),
            )

    def _options_at(self, resource: IngressRoute, entrypoint: str, options: str) -> str:
        """The route's own options, else those of the entrypoint's default TLS."""
        tls = self._settings.entry_points[entrypoint].http.tls
        if resource.spec.tls is None and tls is not None and tls.options:
            return default_tls_options(tls.options)
        return options

    def entrypoint_middlewares(self, entrypoint: str) -> tuple[MiddlewareValue, ...] | Broken:
        """What every router of an entrypoint begins with."""
        http = self._settings.entry_points[entrypoint].http
        values: list[MiddlewareValue] = []
        if denied := denied_escapes(http.encoded_characters) if http.encoded_characters else ():
            values.append(EncodedCharacters(name=f"{entrypoint}-encodedCharacters@internal", denied=denied))
        for said in http.middlewares:
            found = self._middlewares.resolve_setting(_reference(said))
            if isinstance(found, Broken):
                return found
            values.extend(found)
        return tuple(values)


def _reference(text: str) -> ObjectReference:
    """`namespace/name` or `namespace-name@kubernetescrd`, as settings write it."""
    namespace, slash, name = text.partition("/")
    return ObjectReference(name=name, namespace=namespace) if slash else ObjectReference(name=text)


def _rule(ref: ObjectRef, route: Route, index: int, default_syntax: str, problems: list[Problem]) -> Rule | None:
    if not route.match.strip():
        problems.append(
            _problem(ref, index, "match", Reason.MISSING_FIELD, "the rule is empty (Host(`example.org`))")
        )
        return None
    rule = compile_rule(route.match, route.syntax or default_syntax)
    if isinstance(rule, RuleError):
        reason = Reason.RULE_TOO_COMPLEX if rule.too_complex else Reason.INVALID_RULE
        problems.append(_problem(ref, index, "match", reason, rule.message))
        return None
    return rule


def _problem(
    ref: ObjectRef, index: int, below: str, reason: Reason, message: str, *, warn: bool = False
) -> Problem:
    field = f"spec.routes[{index}]{f'.{below}' if below else ''}"
    severity = Severity.WARNING if warn else Severity.ERROR
    return Problem(ref=ref, field=field, reason=reason, message=message, severity=severity)
