"""Service references to load balancers: ports, schemes, transports, weights, external names."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearthgate.ingress.observability import internals
from hearthgate.ingress.routing.model import (
    Endpoint,
    EndpointsKey,
    LoadBalancer,
    Service,
    StickyCookie,
    Transport,
    WeightedMember,
    WeightedService,
)
from hearthgate.ingress.routing.names import object_name, safe_cookie_name, service_name, sticky_cookie_name
from hearthgate.ingress.routing.references import Broken, resolve
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.routing.transports import Transports
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Service as KubeService
from hearthgate.resources.core import ServicePort
from hearthgate.resources.traefik import ServersTransport, TraefikService
from hearthgate.resources.traefik.service import ServiceRef, Sticky

SCHEMES = ("http", "https", "h2c")
_STRATEGIES = {"": "wrr", "RoundRobin": "wrr", "wrr": "wrr", "p2c": "p2c", "hrw": "hrw"}


class Origin(NamedTuple):
    """Where a reference stands: the object, and the path of the reference in it."""

    ref: ObjectRef
    field: str

    def problem(self, below: str, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> Problem:
        field = f"{self.field}.{below}" if below else self.field
        return Problem(ref=self.ref, field=field, reason=reason, message=message, severity=severity)


class Services:
    """Resolves references to services."""

    def __init__(self, tracker: Tracker, settings: IngressSettings, default: Transport) -> None:
        self._tracker = tracker
        self._settings = settings
        self._provider = settings.providers.kubernetes_crd
        self._transports = Transports(tracker)
        self._default = default

    def resolve_all(
        self, references: Iterable[ServiceRef], name: str, ref: ObjectRef, field: str, sticky: Sticky | None = None
    ) -> tuple[Service | None, tuple[Problem, ...]]:
        """One service as it is, several as a WeightedService called `name`; None when one cannot be used."""
        members: list[WeightedMember] = []
        problems: list[Problem] = []
        failed = False
        for index, reference in enumerate(references):
            service, found = self.resolve(reference, Origin(ref, f"{field}[{index}]"))
            problems.extend(found)
            if service is None:
                failed = True
            else:
                weight = 1 if reference.weight is None else reference.weight
                members.append(WeightedMember(weight=weight, service=service))
        if failed or not members:
            return None, tuple(problems)
        if len(members) == 1 and sticky is None:
            return members[0].service, tuple(problems)
        cookie = sticky_cookie(sticky, name)
        return WeightedService(name=name, members=tuple(members), sticky=cookie), tuple(problems)

    def resolve(self, reference: ServiceRef, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        if reference.kind == "TraefikService" or "@" in reference.name:
            return self._traefik_service(reference, origin)
        return self._kube_service(reference, origin)

    def built(self, resource: TraefikService) -> Result[Service | None]:
        """What a TraefikService stands for."""
        return self._tracker.result(("service", *resource.key), lambda: self._build(resource))

    @property
    def transports(self) -> Transports:
        return self._transports

    def _build(self, resource: TraefikService) -> Result[Service | None]:
        self._tracker.get(TraefikService, *resource.key)
        weighted = resource.spec.weighted
        if weighted is None:
            message = "one of weighted, mirroring, highestRandomWeight and failover is needed"
            problem = Problem(ref=resource.ref, field="spec", reason=Reason.MISSING_FIELD, message=message)
            return Result(None, (problem,))
        field, name = "spec.weighted.services", object_name(*resource.key)
        service, problems = self.resolve_all(weighted.services, name, resource.ref, field, weighted.sticky)
        if service is None and not problems:
            message = "at least one service is needed"
            problems = (Problem(ref=resource.ref, field=field, reason=Reason.MISSING_FIELD, message=message),)
        return Result(service, problems)

    def _traefik_service(
        self, reference: ServiceRef, origin: Origin
    ) -> tuple[Service | None, tuple[Problem, ...]]:
        if reference.name.endswith("@internal"):
            return self._internal(reference.name, origin)
        found = resolve(
            self._tracker,
            TraefikService,
            reference.name,
            reference.namespace,
            origin.ref.namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if isinstance(found, Broken):
            return None, (origin.problem("name", found.reason, found.message),)
        if self._tracker.is_running(("service", *found.key)):
            message = f"{found.ref} contains itself"
            return None, (origin.problem("name", Reason.SERVICE_CYCLE, message),)
        service = self.built(found).value
        if service is None:
            message = f"{found.ref} cannot be used: see its own problems"
            return None, (origin.problem("name", Reason.SERVICE_NOT_FOUND, message),)
        return service, ()

    def _internal(self, name: str, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        """A service of this program."""
        if internals.is_on(name, self._settings):
            return LoadBalancer(name=name, internal=True), ()
        setting = internals.TURNED_ON_BY.get(name)
        way_out = f": the setting {setting} turns it on" if setting else did_you_mean(name, internals.TURNED_ON_BY)
        return None, (origin.problem("name", Reason.SERVICE_NOT_FOUND, f"{name} does not exist{way_out}"),)

    def _kube_service(self, reference: ServiceRef, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        found = resolve(
            self._tracker,
            KubeService,
            reference.name,
            reference.namespace,
            origin.ref.namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if isinstance(found, Broken):
            return None, (origin.problem("name", found.reason, found.message),)
        problems: list[Problem] = []
        target = self._target(reference, found, origin)
        if isinstance(target, Problem):
            return None, (target,)
        scheme = reference.scheme or _scheme_of(target.port)
        if scheme not in SCHEMES:
            message = f"{shorten(scheme)} is not one of {', '.join(SCHEMES)}"
            return None, (origin.problem("scheme", Reason.INVALID_VALUE, message),)
        transport = self._transport(reference, found.metadata.namespace, origin)
        if isinstance(transport, Problem):
            return None, (transport,)
        strategy = _STRATEGIES.get(reference.strategy, "p2c")
        if reference.strategy not in _STRATEGIES:
            message = f"strategy {reference.strategy} is not supported yet: p2c is used"
            problems.append(origin.problem("strategy", Reason.UNSUPPORTED, message, Severity.WARNING))
        name = service_name(*found.key, reference.port or target.port.port)
        return LoadBalancer(
            name=name,
            endpoints=target.endpoints,
            external=target.external,
            scheme=scheme,
            strategy=strategy,
            pass_host_header=reference.pass_host_header,
            sticky=sticky_cookie(reference.sticky, name),
            transport=transport,
        ), tuple(problems)

    def _target(self, reference: ServiceRef, service: KubeService, origin: Origin) -> "_Target | Problem":
        port = service.port(reference.port) if reference.port != "" else None
        if service.spec.type == "ExternalName":
            return self._external(reference, service, port, origin)
        if port is None:
            known = ", ".join(f"{p.port}{f' ({p.name})' if p.name else ''}" for p in service.spec.ports) or "none"
            said = f"has no port {shorten(reference.port)}" if reference.port != "" else "needs a port here"
            message = f"{service.ref} {said} (its ports: {known})"
            return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
        return _Target(port, EndpointsKey(*service.key, port.name), None)

    def _external(
        self, reference: ServiceRef, service: KubeService, port: ServicePort | None, origin: Origin
    ) -> "_Target | Problem":
        if not self._provider.allow_external_name_services:
            message = (
                f"{service.ref} is of type ExternalName "
                "(set providers.kubernetesCRD.allowExternalNameServices to allow that)"
            )
            return origin.problem("name", Reason.EXTERNAL_NAME, message)
        if not service.spec.external_name:
            message = f"{service.ref} has no spec.externalName"
            return origin.problem("name", Reason.SERVICE_NOT_FOUND, message)
        number = str(reference.port)
        if port is None and number.isdigit() and 0 < int(number) < 65536:
            port = ServicePort(port=int(number))
        if port is None:
            message = f"{service.ref} has no port {shorten(reference.port)}: give its number"
            return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
        return _Target(port, None, Endpoint(service.spec.external_name, port.port))

    def _transport(self, reference: ServiceRef, namespace: str, origin: Origin) -> Transport | Problem:
        if not reference.servers_transport:
            return self._default
        found = resolve(
            self._tracker,
            ServersTransport,
            reference.servers_transport,
            "",
            namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if isinstance(found, Broken):
            return origin.problem("serversTransport", found.reason, found.message)
        transport = self._transports.built(found).value
        if transport is None:
            message = f"{found.ref} cannot be used: see its own problems"
            return origin.problem("serversTransport", Reason.TRANSPORT_NOT_FOUND, message)
        return transport


class _Target(NamedTuple):
    """What a Service's port leads to: exactly one of `endpoints` and `external`."""

    port: ServicePort
    endpoints: EndpointsKey | None
    external: Endpoint | None


def sticky_cookie(sticky: Sticky | None, service: str) -> StickyCookie | None:
    """The cookie with upstream's defaults; None when the service is not sticky."""
    if sticky is None or sticky.cookie is None:
        return None
    cookie = sticky.cookie
    return StickyCookie(
        name=safe_cookie_name(cookie.name) if cookie.name else sticky_cookie_name(service),
        secure=cookie.secure,
        http_only=cookie.http_only,
        same_site=cookie.same_site.lower(),
        max_age=cookie.max_age,
        path=cookie.path,
        domain=cookie.domain,
    )


def _scheme_of(port: ServicePort) -> str:
    """Upstream's rule: https for port 443 and for port names that start with https."""
    return "https" if port.port == 443 or port.name.startswith("https") else "http"


def endpoints_keys(service: Service | None) -> Iterator[EndpointsKey]:
    """Whose endpoints a service needs, members of weighted ones included."""
    if isinstance(service, WeightedService):
        for member in service.members:
            yield from endpoints_keys(member.service)
    elif service is not None and service.endpoints is not None:
        yield service.endpoints
