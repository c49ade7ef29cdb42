"""IngressRouteTCP and IngressRouteUDP to routers: each route disabled alone when something in it is wrong."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearthgate.ingress.middlewares.streams import StreamMiddleware, build_stream_middleware
from hearthgate.ingress.routing.issued import Awaited, awaited
from hearthgate.ingress.routing.model import (
    DEFAULT_TLS_OPTIONS,
    Certificate,
    EndpointsKey,
    StreamTransport,
    TCPRouter,
    UDPRouter,
)
from hearthgate.ingress.routing.names import router_name
from hearthgate.ingress.routing.placement import Placement
from hearthgate.ingress.routing.references import Broken, resolve
from hearthgate.ingress.routing.stream_services import StreamServices
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.traefik import IngressRouteTCP, IngressRouteUDP, MiddlewareTCP
from hearthgate.resources.traefik.service import ObjectReference
from hearthgate.resources.traefik.tcp import RouteTCP, RouteTLSTCP
from hearthgate.rules.rule import Rule, RuleError
from hearthgate.rules.syntax import Matcher
from hearthgate.rules.tcp import compile_tcp_rule, default_priority, names_of

_OPENS_WITH_TLS = (Matcher.HOST_SNI_REGEXP, Matcher.ALPN)


class LinkedStreams(NamedTuple):
    """What one route that is ours adds to the model."""

    ref: ObjectRef
    tcp: tuple[TCPRouter, ...] = ()
    udp: tuple[UDPRouter, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    awaited: tuple[Awaited, ...] = ()


class StreamRouters:
    """Links IngressRouteTCPs and IngressRouteUDPs."""

    def __init__(self, tracker: Tracker, settings: IngressSettings) -> None:
        self._tracker = tracker
        self._settings = settings
        self._cross_namespace = settings.providers.kubernetes_crd.allow_cross_namespace
        self._placement = Placement(tracker, settings)
        self.services = StreamServices(tracker, settings, StreamTransport())

    def linked(self, resource: IngressRouteTCP | IngressRouteUDP) -> Result[LinkedStreams | None]:
        """None when the route is not for us."""
        if isinstance(resource, IngressRouteTCP):
            return self._tracker.result(("tcp route", *resource.key), lambda: self._link_tcp(resource))
        return self._tracker.result(("udp route", *resource.key), lambda: self._link_udp(resource))

    def middleware(self, resource: MiddlewareTCP) -> Result[StreamMiddleware | None]:
        def build() -> Result[StreamMiddleware | None]:
            self._tracker.get(MiddlewareTCP, *resource.key)
            return Result(*build_stream_middleware(resource))

        return self._tracker.result(("stream middleware", *resource.key), build)

    def _link_tcp(self, resource: IngressRouteTCP) -> Result[LinkedStreams | None]:
        self._tracker.get(IngressRouteTCP, *resource.key)
        if not self._placement.is_ours(resource):
            return Result(None, tuple(self._placement.unclaimed(resource)))
        problems: list[Problem] = []
        entrypoints = tuple(self._placement.entrypoints(resource, problems))
        certificates = tuple(self._placement.certificates(resource, problems))
        options = self._placement.options(resource, problems)
        routers: dict[str, tuple[TCPRouter, ...]] = {}
        if options is not None:
            for index, route in enumerate(resource.spec.routes):
                group = tuple(self._tcp(resource, route, index, entrypoints, options=options, problems=problems))
                if not group:
                    continue
                if group[0].name in routers:
                    message = "an earlier route of this object has the same match: the last one serves"
                    problems.append(
                        _problem(resource.ref, index, "match", Reason.DUPLICATE_ROUTER, message, warn=True)
                    )
                routers[group[0].name] = group
        flat = tuple(router for group in routers.values() for router in group)
        tls = resource.spec.tls or RouteTLSTCP()
        resolver = "" if tls.passthrough else tls.cert_resolver
        waits = awaited(resource.ref, "spec.tls.certResolver", resolver, tls.domains, flat)
        linked = LinkedStreams(resource.ref, tcp=flat, certificates=certificates, awaited=waits)
        return Result(linked, tuple(problems))

    def _tcp(
        self,
        resource: IngressRouteTCP,
        route: RouteTCP,
        index: int,
        entrypoints: tuple[str, ...],
        *,
        options: str,
        problems: list[Problem],
    ) -> Iterator[TCPRouter]:
        ref, field = resource.ref, f"spec.routes[{index}]"
        rule = self._rule(resource, route, index, problems)
        middlewares = self._middlewares(route.middlewares, ref, f"{field}.middlewares", problems)
        members, found = self.services.resolve_all(route.services, ref, f"{field}.services")
        problems.extend(found)
        if not route.services:
            message = "at least one service is needed"
            problems.append(_problem(ref, index, "services", Reason.MISSING_FIELD, message))
        if rule is None or middlewares is None or members is None:
            return
        tls = resource.spec.tls or RouteTLSTCP()
        for entrypoint in entrypoints:
            yield TCPRouter(
                name=router_name(*resource.key, route.match),
                ref=ref,
                field=field,
                entrypoint=entrypoint,
                rule=rule,
                priority=route.priority or default_priority(rule),
                middlewares=middlewares,
                members=members,
                tls=resource.spec.tls is not None,
                passthrough=tls.passthrough,
                tls_options=DEFAULT_TLS_OPTIONS if tls.passthrough else options,
            )

    def _rule(
        self, resource: IngressRouteTCP, route: RouteTCP, index: int, problems: list[Problem]
    ) -> Rule | None:
        ref = resource.ref
        if not route.match.strip():
            message = "the rule is empty (HostSNI(`db.example.org`), or HostSNI(`*`) for everything)"
            problems.append(_problem(ref, index, "match", Reason.MISSING_FIELD, message))
            return None
        rule = compile_tcp_rule(route.match, route.syntax or self._settings.core.default_rule_syntax)
        if isinstance(rule, RuleError):
            reason = Reason.RULE_TOO_COMPLEX if rule.too_complex else Reason.INVALID_RULE
            problems.append(_problem(ref, index, "match", reason, rule.message))
            return None
        if resource.spec.tls is None:
            names = [name for name in names_of(rule) if name != "*"]
            if names:
                message = (
                    f"HostSNI(`{names[0]}`) needs tls: only a TLS client names a host. Set spec.tls "
                    "(passthrough: true leaves the stream encrypted), or write HostSNI(`*`)"
                )
                problems.append(_problem(ref, index, "match", Reason.INVALID_RULE, message))
                return None
            asked = {condition.matcher for conjunct in rule.conjuncts for condition in conjunct}
            for matcher in _OPENS_WITH_TLS:
                if matcher in asked:
                    message = (
                        f"{matcher.value} without tls sees nothing: only a TLS client says anything. Set spec.tls"
                    )
                    problems.append(_problem(ref, index, "match", Reason.INVALID_RULE, message, warn=True))
        return rule

    def _middlewares(
        self, references: Iterable[ObjectReference], ref: ObjectRef, field: str, problems: list[Problem]
    ) -> tuple[StreamMiddleware, ...] | None:
        values: list[StreamMiddleware] = []
        failed = False
        for index, reference in enumerate(references):
            found = resolve(
                self._tracker,
                MiddlewareTCP,
                reference.name,
                reference.namespace,
                ref.namespace,
                cross_namespace=self._cross_namespace,
            )
            value = None if isinstance(found, Broken) else self.middleware(found).value
            if value is not None:
                values.append(value)
                continue
            if not isinstance(found, Broken):
                found = Broken(Reason.MIDDLEWARE_INVALID, f"{found.ref} cannot be used: see its own problems")
            where = f"{field}[{index}]"
            problems.append(Problem(ref=ref, field=where, reason=found.reason, message=found.message))
            failed = True
        return None if failed else tuple(values)

    def _link_udp(self, resource: IngressRouteUDP) -> Result[LinkedStreams | None]:
        self._tracker.get(IngressRouteUDP, *resource.key)
        if not self._placement.is_ours(resource):
            return Result(None, tuple(self._placement.unclaimed(resource)))
        problems: list[Problem] = []
        entrypoints = tuple(self._placement.entrypoints(resource, problems))
        if not entrypoints and not problems:
            message = "there is no entrypoint for datagrams: settings need one with an address such as ':53/udp'"
            problems.append(
                Problem(
                    ref=resource.ref, field="spec.entryPoints", reason=Reason.ENTRYPOINT_NOT_FOUND, message=message
                )
            )
        routers: list[UDPRouter] = []
        for index, route in enumerate(resource.spec.routes):
            field = f"spec.routes[{index}]"
            members, found = self.services.resolve_all(route.services, resource.ref, f"{field}.services")
            problems.extend(found)
            if not route.services:
                message = "at least one service is needed"
                problems.append(_problem(resource.ref, index, "services", Reason.MISSING_FIELD, message))
            if members is not None:
                name = router_name(*resource.key, str(index))
                routers += (
                    UDPRouter(name=name, ref=resource.ref, field=field, entrypoint=entrypoint, members=members)
                    for entrypoint in entrypoints
                )
        return Result(LinkedStreams(resource.ref, udp=tuple(routers)), tuple(problems))


def stream_endpoints(router: TCPRouter | UDPRouter) -> Iterator[EndpointsKey]:
    """Whose endpoints a router needs."""
    for member in router.members:
        if member.balancer.endpoints is not None:
            yield member.balancer.endpoints


def only_first(routers: Iterable[UDPRouter], problems: list[Problem]) -> Iterator[UDPRouter]:
    """The first router of each entrypoint, by name: datagrams carry nothing that would tell them apart."""
    taken: dict[str, UDPRouter] = {}
    for router in sorted(routers, key=lambda one: (one.entrypoint, one.name)):
        first = taken.setdefault(router.entrypoint, router)
        if first is router:
            yield router
            continue
        message = f"all datagrams of entrypoint {router.entrypoint} go to {first.ref} already: give it another one"
        problems.append(
            Problem(ref=router.ref, field=router.field, reason=Reason.DUPLICATE_ROUTER, message=message)
        )


def _problem(
    ref: ObjectRef, index: int, below: str, reason: Reason, message: str, *, warn: bool = False
) -> Problem:
    field = f"spec.routes[{index}]{f'.{below}' if below else ''}"
    severity = Severity.WARNING if warn else Severity.ERROR
    return Problem(ref=ref, field=field, reason=reason, message=message, severity=severity)
