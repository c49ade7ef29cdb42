"""IngressRoute to Routers: one per route and entrypoint, each disabled alone when something in it is wrong."""

from collections.abc import Iterator
from typing import NamedTuple

from hearthgate.ingress.middlewares.middleware import Middleware as MiddlewareValue
from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.entrypoints import default_entrypoints
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate, EndpointsKey, Router
from hearthgate.ingress.routing.names import object_name, router_name
from hearthgate.ingress.routing.references import Broken, not_found, resolve
from hearthgate.ingress.routing.services import Services, endpoints_keys
from hearthgate.ingress.routing.tls_options import built_options, options_name
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.rules.rule import Rule, RuleError, compile_rule
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import IngressRoute, TLSOption
from hearthgate.resources.traefik.ingressroute import Route, RouteTLS
from hearthgate.resources.traefik.service import ObjectReference

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASSES = ("", "traefik")


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
    for middleware in router.middlewares:
        for service in middleware.services():
            yield from endpoints_keys(service)


def needed_endpoints(router: Router) -> Iterator[EndpointsKey]:
    """Whose endpoints a router speaks to."""
    yield from endpoints_keys(router.service)
    yield from asked_endpoints(router)


class Routers:
    """Links IngressRoutes."""

    def __init__(
        self, tracker: Tracker, settings: IngressSettings, middlewares: Middlewares, services: Services
    ) -> None:
        self._tracker = tracker
        self._settings = settings
        self._provider = settings.providers.kubernetes_crd
        self._middlewares = middlewares
        self._services = services
        self._defaults = default_entrypoints(settings)

    def _is_ours(self, resource: IngressRoute) -> bool:
        """Whether class and namespace say that this IngressRoute is for us."""
        spaces = self._provider.namespaces
        if spaces and resource.metadata.namespace not in spaces:
            return False
        said = _class_of(resource)
        wanted = self._provider.ingress_class
        return said == wanted if wanted else said in DEFAULT_CLASSES

    def _unclaimed(self, resource: IngressRoute) -> Iterator[Problem]:
        """A route of another class is another controller's. One of no class at all is nobody's: most likely the
        class was forgotten."""
        wanted = self._provider.ingress_class
        if wanted and not _class_of(resource):
            message = (
                f"it names no class and is not served: set spec.ingressClassName to {wanted} "
                "(providers.kubernetesCRD.ingressClass asks for it)"
            )
            yield Problem(
                ref=resource.ref,
                field="spec.ingressClassName",
                reason=Reason.CLASS_MISMATCH,
                message=message,
                severity=Severity.WARNING,
            )

    def linked(self, resource: IngressRoute) -> Result[Linked | None]:
        """None when the IngressRoute is not for us."""
        return self._tracker.result(("route", *resource.key), lambda: self._link(resource))

    def _link(self, resource: IngressRoute) -> Result[Linked | None]:
        self._tracker.get(IngressRoute, *resource.key)
        if not self._is_ours(resource):
            return Result(None, tuple(self._unclaimed(resource)))
        problems: list[Problem] = []
        entrypoints = tuple(self._entrypoints(resource, problems))
        certificates = tuple(self._certificates(resource, problems))
        options = self._options(resource, problems)
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
        linked = Linked(
            resource.ref,
            flat,
            certificates,
            frozenset(key for router in flat for key in needed_endpoints(router)),
            frozenset(router.tls_options for router in flat if router.tls),
        )
        return Result(linked, tuple(problems))

    def _entrypoints(self, resource: IngressRoute, problems: list[Problem]) -> Iterator[str]:
        known = self._settings.entry_points
        wanted = resource.spec.entry_points or self._defaults
        valid = [name for name in dict.fromkeys(wanted) if name in known]
        for index, name in enumerate(wanted):
            if name not in known:
                hint = did_you_mean(name, known) or f" (there are: {', '.join(sorted(known))})"
                problems.append(
                    Problem(
                        ref=resource.ref,
                        field=f"spec.entryPoints[{index}]",
                        reason=Reason.ENTRYPOINT_NOT_FOUND,
                        message=f"entrypoint {shorten(name)} does not exist{hint}",
                        severity=Severity.WARNING if valid else Severity.ERROR,
                    )
                )
        yield from valid

    def _certificates(self, resource: IngressRoute, problems: list[Problem]) -> Iterator[Certificate]:
        """Missing or broken ones cost no router: until they come, the default certificate serves."""
        tls = resource.spec.tls
        if tls is None or not tls.secret_name:
            return
        namespace = resource.metadata.namespace
        secret = self._tracker.get(Secret, namespace, tls.secret_name)
        if secret is None:
            broken = not_found(self._tracker, Secret, namespace, tls.secret_name)
        else:
            certificate = built_certificate(self._tracker, secret).value
            if certificate is not None:
                yield certificate
                return
            broken = Broken(Reason.SECRET_INVALID, f"{secret.ref} cannot serve: see its own problems")
        problems.append(
            Problem(
                ref=resource.ref,
                field="spec.tls.secretName",
                reason=broken.reason,
                message=f"{broken.message}; meanwhile another certificate serves its hosts",
                severity=Severity.WARNING,
            )
        )

    def _options(self, resource: IngressRoute, problems: list[Problem]) -> str | None:
        """Name of the TLS options; None when they cannot be used: never serve with less than asked for."""
        tls = resource.spec.tls or RouteTLS()
        self._check_store(resource, tls, problems)
        if tls.options is None:
            return DEFAULT_TLS_OPTIONS
        if tls.options.name == DEFAULT_TLS_OPTIONS and not tls.options.namespace:
            return DEFAULT_TLS_OPTIONS
        found = resolve(
            self._tracker,
            TLSOption,
            tls.options.name,
            tls.options.namespace,
            resource.metadata.namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if not isinstance(found, Broken):
            if built_options(self._tracker, found).value is not None:
                return options_name(found)
            found = Broken(Reason.TLS_OPTION_NOT_FOUND, f"{found.ref} cannot be used: see its own problems")
        problems.append(
            Problem(ref=resource.ref, field="spec.tls.options", reason=found.reason, message=found.message)
        )
        return None

    def _check_store(self, resource: IngressRoute, tls: RouteTLS, problems: list[Problem]) -> None:
        if tls.store is not None and tls.store.name != DEFAULT_TLS_OPTIONS:
            message = f"only the store `default` is used, not {shorten(tls.store.name)}"
            problems.append(
                Problem(
                    ref=resource.ref,
                    field="spec.tls.store",
                    reason=Reason.UNSUPPORTED,
                    message=message,
                    severity=Severity.WARNING,
                )
            )

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
        rule = _rule(ref, route, index, problems)
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
            own = self._entrypoint_middlewares(entrypoint)
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
            )

    def _options_at(self, resource: IngressRoute, entrypoint: str, options: str) -> str:
        """The route's own options, else those of the entrypoint's default TLS."""
        tls = self._settings.entry_points[entrypoint].http.tls
        if resource.spec.tls is None and tls is not None and tls.options:
            return tls.options if "@" in tls.options else _joined_name(tls.options)
        return options

    def _entrypoint_middlewares(self, entrypoint: str) -> tuple[MiddlewareValue, ...] | Broken:
        values: list[MiddlewareValue] = []
        for said in self._settings.entry_points[entrypoint].http.middlewares:
            found = self._middlewares.resolve_setting(_reference(said))
            if isinstance(found, Broken):
                return found
            values.extend(found)
        return tuple(values)


def _class_of(resource: IngressRoute) -> str:
    return resource.spec.ingress_class_name or resource.metadata.annotations.get(CLASS_ANNOTATION, "")


def _joined_name(text: str) -> str:
    namespace, slash, name = text.partition("/")
    return object_name(namespace, name) if slash else text


def _reference(text: str) -> ObjectReference:
    """`namespace/name` or `namespace-name@kubernetescrd`, as settings write it."""
    namespace, slash, name = text.partition("/")
    return ObjectReference(name=name, namespace=namespace) if slash else ObjectReference(name=text)


def _rule(ref: ObjectRef, route: Route, index: int, problems: list[Problem]) -> Rule | None:
    if not route.match.strip():
        problems.append(
            _problem(ref, index, "match", Reason.MISSING_FIELD, "the rule is empty (Host(`example.org`))")
        )
        return None
    rule = compile_rule(route.match, route.syntax or "v3")
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
