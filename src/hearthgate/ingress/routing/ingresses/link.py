"""An Ingress to routers: one per path and entrypoint, each disabled alone when something in it is wrong."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.entrypoints import default_entrypoints, stream_entrypoints
from hearthgate.ingress.routing.ingresses.annotations import (
    ROUTER,
    RouterOptions,
    annotation_field,
    router_options,
)
from hearthgate.ingress.routing.ingresses.backends import (
    PROVIDER,
    Backends,
    backends_of,
    refused_provider,
    service_name,
)
from hearthgate.ingress.routing.ingresses.classes import Classes
from hearthgate.ingress.routing.ingresses.nginx import nginx_problems
from hearthgate.ingress.routing.ingresses.paths import EVERYTHING, default_priority, rule_text
from hearthgate.ingress.routing.issued import Awaited, awaited
from hearthgate.ingress.routing.middlewares import Middlewares, Values
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate, Router, Service
from hearthgate.ingress.routing.names import default_tls_options, normalize
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.references import Broken, not_found
from hearthgate.ingress.routing.routers import Linked, linked_routers
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.resources.core import Secret
from hearthgate.resources.networking import Ingress, IngressPath
from hearthgate.resources.traefik.ingress_tls import RESOLVER
from hearthgate.resources.traefik.service import ObjectReference
from hearthgate.rules.rule import Rule, RuleError, compile_rule

DEFAULT_PRIORITY: Final = -(1 << 31)
"""Of default backends: below whatever a user may ask for."""
DEFAULT_ROUTER: Final = f"default-router@{PROVIDER}"
Guards = Callable[[str], "Values | Broken"]
"""What every router of an entrypoint begins with."""


class _Common(NamedTuple):
    """What all routers of one Ingress share. `middlewares`: None when they cannot be used. `problems`: takes what
    is wrong."""

    ingress: Ingress
    options: RouterOptions
    entrypoints: tuple[str, ...]
    middlewares: Values | None
    problems: list[Problem]


class _Path(NamedTuple):
    """One path that can be served. `key`: upstream's for its router, shared by paths that differ in their type."""

    key: str
    field: str
    rule: Rule
    priority: int
    service: Service


class Ingresses:
    """Links Ingresses."""

    def __init__(
        self,
        tracker: Tracker,
        settings: IngressSettings,
        middlewares: Middlewares,
        backends: Backends,
        guards: Guards,
    ) -> None:
        self._tracker = tracker
        self._settings = settings
        self._provider = settings.providers.kubernetes_ingress
        self._classes = Classes(tracker, self._provider)
        self._middlewares = middlewares
        self._backends = backends
        self._guards = guards

    def linked(self, ingress: Ingress) -> Result[Linked | None]:
        """None when the Ingress is not for us."""
        return self._tracker.result(("ingress", *ingress.key), lambda: self._link(ingress))

    def service(self, name: str, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        """The service that Ingresses of ours call `name` (`namespace-service-port@kubernetes`)."""
        for ingress in self._tracker.collection(Ingress).ordered:
            if not isinstance(ingress, Ingress) or not self._classes.is_ours(ingress):
                continue
            for backend in backends_of(ingress):
                if service_name(ingress.metadata.namespace, backend) == name:
                    # What is wrong with it is told of the Ingress, which is linked on its own.
                    service = self._backends.service(backend, Origin(ingress.ref, ""), [])
                    message = f"{shorten(name)} cannot be used: see the problems of {ingress.ref}"
                    refused = origin.problem("name", Reason.SERVICE_NOT_FOUND, message)
                    return service, () if service is not None else (refused,)
        message = f"no Ingress leads to a service {shorten(name)} (NAMESPACE-SERVICE-PORT@{PROVIDER})"
        return None, (origin.problem("name", Reason.SERVICE_NOT_FOUND, message),)

    def _link(self, ingress: Ingress) -> Result[Linked | None]:
        self._tracker.get(Ingress, *ingress.key)
        if not self._classes.is_ours(ingress):
            return Result(None, tuple(self._classes.unclaimed(ingress)))
        options, found = router_options(ingress.ref, ingress.metadata.annotations)
        problems = [*found, *nginx_problems(ingress.ref, ingress.metadata.annotations)]
        certificates = tuple(self._certificates(ingress, problems))
        if any(problem.is_error for problem in problems):
            return Result(Linked(ingress.ref, certificates=certificates), tuple(problems))
        entrypoints = tuple(self._entrypoints(ingress, options, problems))
        middlewares = self._resolved(ingress, options, problems)
        common = _Common(ingress, options, entrypoints, middlewares, problems)
        routers = [*self._paths(common), *self._default(common)]
        linked = linked_routers(ingress.ref, routers, certificates)
        return Result(linked._replace(awaited=_awaited(common, routers)), tuple(problems))

    def _paths(self, common: _Common) -> Iterator[Router]:
        ingress, made = common.ingress, list[_Path]()
        for index, rule in enumerate(ingress.spec.rules):
            for place, path in enumerate(rule.http.paths if rule.http is not None else ()):
                origin = Origin(ingress.ref, f"spec.rules[{index}].http.paths[{place}]")
                found = self._path(common, rule.host, path, origin)
                made += [found] if found is not None else []
        shared = Counter(each.key for each in made)
        named: dict[str, _Path] = {}
        for each in made:
            digest = hashlib.sha256(each.rule.text.encode()).hexdigest()[:20]
            name = f"{each.key}-{digest}" if shared[each.key] > 1 else each.key
            if name in named:
                message = "an earlier path of this Ingress is the same: the last one serves"
                where = Origin(ingress.ref, each.field)
                common.problems.append(where.problem("", Reason.DUPLICATE_ROUTER, message, Severity.WARNING))
            named[name] = each
        for name, each in named.items():
            yield from self._routers(common, f"{name}@{PROVIDER}", each)

    def _path(self, common: _Common, host: str, path: IngressPath, origin: Origin) -> _Path | None:
        syntax = common.options.syntax or self._settings.core.default_rule_syntax
        strict = self._provider.strict_prefix_matching
        text = rule_text(host, path, matcher=common.options.path_matcher, strict=strict, syntax=syntax)
        rule = compile_rule(text, syntax)
        if isinstance(rule, RuleError):
            reason = Reason.RULE_TOO_COMPLEX if rule.too_complex else Reason.INVALID_RULE
            common.problems.append(origin.problem("path", reason, f"the rule {shorten(text)}: {rule.message}"))
        backend = Origin(origin.ref, f"{origin.field}.backend")
        service = self._backends.service(path.backend, backend, common.problems)
        if isinstance(rule, RuleError) or service is None:
            return None
        key = normalize(f"{'-'.join(common.ingress.key)}-{host}{path.path}").removeprefix("-")
        priority = common.options.priority or default_priority(rule, path, strict=strict)
        return _Path(key, origin.field, rule, priority, service)

    def _default(self, common: _Common) -> Iterator[Router]:
        """The router of the default backend. Upstream has one, and only of an Ingress without rules."""
        ingress = common.ingress
        backend = ingress.spec.default_backend
        if backend is None:
            return
        origin = Origin(ingress.ref, "spec.defaultBackend")
        first = self._first_default()
        if first is not None and first.key != ingress.key:
            message = f"{first.ref} has a default backend already: there can be one"
            common.problems.append(origin.problem("", Reason.DUPLICATE_ROUTER, message))
            return
        service = self._backends.service(backend, origin, common.problems)
        rule = compile_rule(EVERYTHING)
        if service is not None and isinstance(rule, Rule):
            made = _Path("", origin.field, rule, DEFAULT_PRIORITY, service)
            yield from self._routers(common, DEFAULT_ROUTER, made)

    def _first_default(self) -> Ingress | None:
        for other in self._tracker.collection(Ingress).ordered:
            if isinstance(other, Ingress) and other.spec.default_backend and self._classes.is_ours(other):
                return other
        return None

    def _routers(self, common: _Common, name: str, path: _Path) -> Iterator[Router]:
        options = common.options
        for entrypoint in common.entrypoints if common.middlewares is not None else ():
            guards = self._guards(entrypoint)
            if isinstance(guards, Broken):
                where = Origin(common.ingress.ref, path.field)
                message = f"entrypoint {entrypoint}: {guards.message}"
                common.problems.append(where.problem("", guards.reason, message))
                continue
            default = self._settings.entry_points[entrypoint].http.tls
            wanted = options.tls_options if options.tls else default.options if default is not None else ""
            tls = options.tls or default is not None
            yield Router(
                name=name,
                ref=common.ingress.ref,
                field=path.field,
                entrypoint=entrypoint,
                rule=path.rule,
                priority=path.priority,
                middlewares=(*guards, *(common.middlewares or ())),
                service=path.service,
                tls=tls,
                tls_options=default_tls_options(wanted) if tls else DEFAULT_TLS_OPTIONS,
                observed=router_observed(self._settings, entrypoint, options.observability, path.service),
            )

    def _entrypoints(self, ingress: Ingress, options: RouterOptions, problems: list[Problem]) -> Iterator[str]:
        known = stream_entrypoints(self._settings)
        wanted = options.entrypoints or default_entrypoints(self._settings)
        valid = [name for name in dict.fromkeys(wanted) if name in known]
        for name in wanted:
            if name not in known:
                hint = did_you_mean(name, known) or f" (there are: {', '.join(known)})"
                where = Origin(ingress.ref, annotation_field(f"{ROUTER}entrypoints"))
                severity = Severity.WARNING if valid else Severity.ERROR
                message = f"entrypoint {shorten(name)} does not exist{hint}"
                problems.append(where.problem("", Reason.ENTRYPOINT_NOT_FOUND, message, severity))
        yield from valid

    def _resolved(self, ingress: Ingress, options: RouterOptions, problems: list[Problem]) -> Values | None:
        """The middlewares that the annotation names; None when one of them, or the TLS options, cannot be used."""
        usable = True
        allowed = self._provider.cross_provider_namespaces
        for key, said in (("middlewares", options.middlewares), ("tls.options", options.tls_options)):
            where = Origin(ingress.ref, annotation_field(f"{ROUTER}{key}"))
            foreign = said and said != DEFAULT_TLS_OPTIONS
            if foreign and allowed is not None and ingress.metadata.namespace not in allowed:
                problems.append(refused_provider(where))
                usable = False
        values: list[Values] = []
        where = Origin(ingress.ref, annotation_field(f"{ROUTER}middlewares"))
        for name in options.middlewares:
            found = self._middleware(name)
            if isinstance(found, Broken):
                problems.append(where.problem("", found.reason, found.message))
                usable = False
            else:
                values.append(found)
        return tuple(value for each in values for value in each) if usable else None

    def _middleware(self, name: str) -> Values | Broken:
        if "@" not in name:
            message = f"{shorten(name)} names no Middleware: write NAMESPACE-{name}@kubernetescrd"
            return Broken(Reason.MIDDLEWARE_NOT_FOUND, message)
        return self._middlewares.resolve_setting(ObjectReference(name=name))

    def _certificates(self, ingress: Ingress, problems: list[Problem]) -> Iterator[Certificate]:
        """Missing or broken ones cost no router: until they come, another certificate serves."""
        namespace = ingress.metadata.namespace
        for index, tls in enumerate(ingress.spec.tls):
            if not tls.secret_name:
                continue
            secret = self._tracker.get(Secret, namespace, tls.secret_name)
            if secret is None:
                broken = not_found(self._tracker, Secret, namespace, tls.secret_name)
            elif (certificate := built_certificate(self._tracker, secret).value) is not None:
                yield certificate
                continue
            else:
                broken = Broken(Reason.SECRET_INVALID, f"{secret.ref} cannot serve: see its own problems")
            message = f"{broken.message}; meanwhile another certificate serves its hosts"
            where = Origin(ingress.ref, f"spec.tls[{index}]")
            problems.append(where.problem("secretName", broken.reason, message, Severity.WARNING))


def _awaited(common: _Common, routers: Iterable[Router]) -> tuple[Awaited, ...]:
    """Hosts under spec.tls have the Secrets that it names, whoever fills them."""
    ingress, options = common.ingress, common.options
    field = annotation_field(f"{ROUTER}{RESOLVER}")
    named = {host.lower() for entry in ingress.spec.tls if entry.secret_name for host in entry.hosts}
    waits = awaited(ingress.ref, field, options.cert_resolver, options.domains, routers)
    left = (each._replace(hosts=tuple(host for host in each.hosts if host not in named)) for each in waits)
    return tuple(each for each in left if each.hosts)
