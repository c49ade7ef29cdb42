"""IngressRoute to Routers: one per route and entrypoint, each disabled alone when something in it is wrong."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.middlewares.middleware import Middleware as MiddlewareValue
from hearthgate.ingress.middlewares.paths import EncodedCharacters, denied_escapes
from hearthgate.ingress.routing.issued import Awaited, awaited
from hearthgate.ingress.routing.layers import Place, changed_before, places_below, rest_of
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import (
    DEFAULT_TLS_OPTIONS,
    Certificate,
    EndpointsKey,
    Observed,
    Router,
    Service,
)
from hearthgate.ingress.routing.names import default_tls_options, router_name
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.parents import Parents
from hearthgate.ingress.routing.placement import Placement
from hearthgate.ingress.routing.references import Broken
from hearthgate.ingress.routing.services import Services, endpoints_keys
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import EntryPointTLS, IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.traefik import IngressRoute
from hearthgate.resources.traefik.ingressroute import Route
from hearthgate.resources.traefik.service import ObjectReference
from hearthgate.rules.rule import Rule, RuleError, compile_rule, layered


class Linked(NamedTuple):
    """What an IngressRoute that is ours adds to the model. `endpoints`: what its services need; `options`: the
    names of its TLS options; `awaited`: hosts whose certificates shall be issued."""

    ref: ObjectRef
    routers: tuple[Router, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    endpoints: frozenset[EndpointsKey] = frozenset()
    options: frozenset[str] = frozenset()
    awaited: tuple[Awaited, ...] = ()


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
        cross_namespace = settings.providers.kubernetes_crd.allow_cross_namespace
        self._parents = Parents(tracker, self._placement, cross_namespace=cross_namespace)

    def linked(self, resource: IngressRoute) -> Result[Linked | None]:
        """None when the IngressRoute is not for us."""
        return self._tracker.result(("route", *resource.key), lambda: self._link(resource))

    def _link(self, resource: IngressRoute) -> Result[Linked | None]:
        self._tracker.get(IngressRoute, *resource.key)
        if not self._placement.is_ours(resource):
            return Result(None, tuple(self._placement.unclaimed(resource)))
        problems: list[Problem] = []
        certificates = tuple(self._placement.certificates(resource, problems))
        if all(route.services for route in resource.spec.routes):
            routers, found = self._make(resource)
            return Result(self._complete(resource, routers, certificates), (*problems, *found))
        routers, found = self._made(resource)
        served = [router for router in routers if router.service is not None]
        if self._parents.have_children(resource):
            served += [rest_of(router) for router in routers if router.service is None]
        else:
            problems += (
                _problem(resource.ref, index, "services", Reason.MISSING_FIELD, "at least one service is needed")
                for index, route in enumerate(resource.spec.routes)
                if not route.services
            )
        return Result(self._complete(resource, served, certificates), (*problems, *found))

    def _complete(
        self, resource: IngressRoute, routers: Sequence[Router], certificates: tuple[Certificate, ...]
    ) -> Linked:
        linked, tls = linked_routers(resource.ref, routers, certificates), resource.spec.tls
        if tls is not None:
            waits = awaited(resource.ref, "spec.tls.certResolver", tls.cert_resolver, tls.domains, routers)
        else:
            names = dict.fromkeys(router.entrypoint for router in routers if router.tls)
            asking = (self._settings.entry_points[name].http.tls for name in names)
            default = next((one for one in asking if one is not None and one.cert_resolver), EntryPointTLS())
            waits = awaited(resource.ref, "spec.entryPoints", default.cert_resolver, default.domains, routers)
        return linked._replace(awaited=waits)

    def _made(self, resource: IngressRoute) -> Result[tuple[Router, ...]]:
        """The same as `_make`, kept, for what has children."""
        return self._tracker.result(("parent", *resource.key), lambda: self._make(resource))

    def _make(self, resource: IngressRoute) -> Result[tuple[Router, ...]]:
        """The routers of every route in every place; those without services are there for children only."""
        self._tracker.get(IngressRoute, *resource.key)
        problems: list[Problem] = []
        places = tuple(self._places(resource, problems))
        routers: dict[str, tuple[Router, ...]] = {}
        for index, route in enumerate(resource.spec.routes):
            group = tuple(self._route(resource, route, index, places, problems))
            if not group:
                continue
            name = router_name(*resource.key, route.match)
            if name in routers:
                message = "an earlier route of this object has the same match: the last one serves"
                problems.append(
                    _problem(resource.ref, index, "match", Reason.DUPLICATE_ROUTER, message, warn=True)
                )
            routers[name] = group
        return Result(tuple(router for group in routers.values() for router in group), tuple(problems))

    def _places(self, resource: IngressRoute, problems: list[Problem]) -> Iterator[Place]:
        if resource.spec.parent_refs:
            yield from self._below(resource, problems)
            return
        options = self._placement.options(resource, problems)
        for entrypoint in self._placement.entrypoints(resource, problems):
            own = self.entrypoint_middlewares(entrypoint)
            if isinstance(own, Broken):
                message = f"entrypoint {entrypoint}: {own.message}"
                problems.append(Problem(ref=resource.ref, field="spec.routes", reason=own.reason, message=message))
            elif options is not None:
                default = self._settings.entry_points[entrypoint].http.tls
                tls = resource.spec.tls is not None or default is not None
                name = self._options_at(resource, entrypoint, options) if tls else DEFAULT_TLS_OPTIONS
                yield Place(entrypoint, tls, name, own)

    def _below(self, resource: IngressRoute, problems: list[Problem]) -> Iterator[Place]:
        """Where the routes of a child stand: below each route of its parents that has no services."""
        above: list[Router] = []
        parents = self._parents.of(resource, problems)
        for parent in parents or ():
            layers = [router for router in self._made(parent).value if router.service is None]
            if not layers:
                message = f"{parent.ref} has no route without services that can be used: only such have children"
                problems.append(
                    Problem(
                        ref=resource.ref,
                        field="spec.parentRefs",
                        reason=Reason.PARENT_NOT_FOUND,
                        message=message,
                    )
                )
            above += layers
        yield from places_below(above)

    def _route(
        self,
        resource: IngressRoute,
        route: Route,
        index: int,
        places: tuple[Place, ...],
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
        if rule is None or middlewares is None or (service is None and route.services):
            return
        if service is None:
            middlewares = bound(middlewares, name)  # one count for all children
        for place in places:
            joined = _joined(rule, place)
            if isinstance(joined, RuleError):
                reason = Reason.RULE_TOO_COMPLEX if joined.too_complex else Reason.UNSUPPORTED
                problems.append(_problem(ref, index, "match", reason, joined.message))
                continue
            bare, at, provider = name.partition("@")
            yield Router(
                name=f"{bare}{place.suffix}{at}{provider}",
                ref=ref,
                field=field,
                entrypoint=place.entrypoint,
                rule=joined,
                priority=route.priority or rule.default_priority,
                middlewares=(*place.before, *middlewares),
                service=service,
                tls=place.tls,
                tls_options=place.tls_options,
                observed=self._observed(route, place, service),
                above=place.parent.order if place.parent is not None else (),
            )

    def _observed(self, route: Route, place: Place, service: Service | None) -> Observed | None:
        if place.parent is not None and route.observability is None:
            return place.parent.observed
        return router_observed(self._settings, place.entrypoint, route.observability, service)

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


def _joined(rule: Rule, place: Place) -> Rule | RuleError:
    """The rule as it counts in a place."""
    if place.parent is None:
        return rule
    changed = changed_before(rule.expression, place.before)
    if changed is not None:
        return RuleError(1, f"{changed}: rules see requests as they came; ask for it at the parent, or not at all")
    return layered(place.parent.rule, rule)


def _problem(
    ref: ObjectRef, index: int, below: str, reason: Reason, message: str, *, warn: bool = False
) -> Problem:
    field = f"spec.routes[{index}]{f'.{below}' if below else ''}"
    severity = Severity.WARNING if warn else Severity.ERROR
    return Problem(ref=ref, field=field, reason=reason, message=message, severity=severity)
