"""Service references to load balancers: ports, schemes, transports, weights, external names."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from hearthgate.ingress.observability import internals
from hearthgate.ingress.routing.composites import build_composite
from hearthgate.ingress.routing.health_checks import check_name, health_check, passive_health_check
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.model import (
    Endpoints,
    EndpointsKey,
    FailoverService,
    LoadBalancer,
    MirroredService,
    Service,
    StickyCookie,
    Transport,
    WeightedMember,
    WeightedService,
    balancers,
    parts,
)
from hearthgate.ingress.routing.names import safe_cookie_name, service_name, sticky_cookie_name
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.references import Broken, resolve, usable_transport
from hearthgate.ingress.routing.servers import Allowed, find_servers
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
_STRATEGIES = {"": "wrr", "RoundRobin": "wrr", "wrr": "wrr", "p2c": "p2c", "hrw": "hrw", "leasttime": "leasttime"}


OfIngress = Callable[[str, Origin], tuple[Service | None, tuple[Problem, ...]]]


def _no_ingresses(name: str, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
    return None, (origin.problem("name", Reason.SERVICE_NOT_FOUND, f"{shorten(name)} does not exist"),)


class Services:
    """Resolves references to services."""

    def __init__(
        self, tracker: Tracker, settings: IngressSettings, default: Transport, middlewares: Middlewares
    ) -> None:
        self._tracker = tracker
        self._middlewares = middlewares
        self._settings = settings
        self._provider = settings.providers.kubernetes_crd
        self._transports = Transports(tracker)
        self._default = default
        self.of_ingress: OfIngress = _no_ingresses
        """Finds what Ingresses call `namespace-service-port@kubernetes`."""

    def resolve_all(
        self, references: Iterable[ServiceRef], name: str, ref: ObjectRef, field: str, sticky: Sticky | None = None
    ) -> tuple[Service | None, tuple[Problem, ...]]:
        """One service as it is, several as a WeightedService called `name`; None when one cannot be used."""
        members: list[WeightedMember] = []
        problems: list[Problem] = []
        failed = False
        for index, reference in enumerate(references):
            member, found = self.member(reference, Origin(ref, f"{field}[{index}]"))
            problems.extend(found)
            if member is None:
                failed = True
            else:
                members.append(member)
        if failed or not members:
            return None, tuple(problems)
        if len(members) == 1 and sticky is None and not members[0].middlewares:
            return members[0].service, tuple(problems)
        cookie = sticky_cookie(sticky, name)
        return WeightedService(name=name, members=tuple(members), sticky=cookie), tuple(problems)

    def member(self, reference: ServiceRef, origin: Origin) -> tuple[WeightedMember | None, tuple[Problem, ...]]:
        """The service behind a reference, with its weight and middlewares."""
        service, problems = self.resolve(reference, origin)
        middlewares, found = self._middlewares.resolve_all(
            reference.middlewares, origin.ref, f"{origin.field}.middlewares" if origin.field else "middlewares"
        )
        problems = (*problems, *found)
        if service is None or middlewares is None:
            return None, problems
        weight = 1 if reference.weight is None else reference.weight
        return WeightedMember(weight=weight, service=service, middlewares=middlewares), problems

    def alone(self, reference: ServiceRef, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        """The service behind a reference that has no others beside it."""
        member, problems = self.member(reference, origin)
        if member is None:
            return None, problems
        if not member.middlewares:
            return member.service, problems
        name = member.service.name
        return WeightedService(name=name, members=(msgspec.structs.replace(member, weight=1),)), problems

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
        return build_composite(resource, self)

    def _traefik_service(
        self, reference: ServiceRef, origin: Origin
    ) -> tuple[Service | None, tuple[Problem, ...]]:
        if reference.name.endswith(("@internal", "@kubernetes")):
            return self._of_provider(reference.name, origin)
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

    def _of_provider(self, name: str, origin: Origin) -> tuple[Service | None, tuple[Problem, ...]]:
        """A service that no object of traefik.io describes."""
        allowed = self._provider.cross_provider_namespaces
        if allowed is not None and origin.ref.namespace not in allowed:
            message = (
                f"providers.kubernetesCRD.crossProviderNamespaces does not list its namespace: {shorten(name)}"
            )
            return None, (origin.problem("name", Reason.CROSS_NAMESPACE, message),)
        if name.endswith("@internal"):
            return self._internal(name, origin)
        return self.of_ingress(name, origin)

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
        allowed = Allowed(
            external=self._provider.allow_external_name_services,
            native=self._provider.native_lb_by_default,
            nodes=not self._provider.disable_cluster_scope_resources,
        )
        servers = find_servers(self._tracker, reference, found, origin, allowed)
        if isinstance(servers, Problem):
            return None, (servers,)
        scheme = reference.scheme or _scheme_of(servers.port)
        if scheme not in SCHEMES:
            message = f"{shorten(scheme)} is not one of {', '.join(SCHEMES)}"
            return None, (origin.problem("scheme", Reason.INVALID_VALUE, message),)
        transport = self._transport(reference, found.metadata.namespace, origin)
        if isinstance(transport, Problem):
            return None, (transport,)
        name = service_name(*found.key, reference.port or servers.port.port)
        balancer = LoadBalancer(
            name=name,
            endpoints=servers.endpoints,
            external=servers.external,
            addresses=servers.addresses,
            scheme=scheme,
            strategy=_STRATEGIES[reference.strategy],
            pass_host_header=reference.pass_host_header,
            sticky=sticky_cookie(reference.sticky, name),
            transport=transport,
        )
        problems = tuple(_other_protocol(servers.port, scheme, origin))
        checked, more = _with_checks(balancer, reference, found, origin)
        return checked, (*problems, *more)

    def _transport(self, reference: ServiceRef, namespace: str, origin: Origin) -> Transport | Problem:
        if not reference.servers_transport:
            return self._default
        wanted, crosses = reference.servers_transport, self._provider.allow_cross_namespace
        found = resolve(self._tracker, ServersTransport, wanted, "", namespace, cross_namespace=crosses)
        return usable_transport(found, self._transports.built, origin)


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


def _other_protocol(port: ServicePort, scheme: str, origin: Origin) -> Iterator[Problem]:
    """Where the Service itself says that its servers speak otherwise: every request would end in 502."""
    said = (port.app_protocol or "").lower().removeprefix("kubernetes.io/")
    spoken = {"https": "https", "h2c": "h2c", "grpc": "h2c"}.get(said)
    if spoken is not None and spoken != scheme and not (spoken == "h2c" and scheme == "https"):
        message = f"{scheme} is spoken to it, but its port says appProtocol {said}: set scheme to {spoken}"
        yield origin.problem("scheme", Reason.PROTOCOL_MISMATCH, message, Severity.WARNING)


def _with_checks(
    balancer: LoadBalancer, reference: ServiceRef, service: KubeService, origin: Origin
) -> tuple[LoadBalancer | None, tuple[Problem, ...]]:
    """The load balancer with the checks of its servers; None when they cannot be used."""
    problems: tuple[Problem, ...] = ()
    passive = check = None
    if reference.passive_health_check is not None:
        below = Origin(origin.ref, f"{origin.field}.passiveHealthCheck".removeprefix("."))
        passive, problems = passive_health_check(reference.passive_health_check, below)
    if reference.health_check is not None:
        below = Origin(origin.ref, f"{origin.field}.healthCheck".removeprefix("."))
        skips = balancer.transport.insecure_skip_verify
        check, found = health_check(reference.health_check, balancer.scheme, below, skips_verification=skips)
        problems = (*problems, *found)
    if problems or (passive is None and check is None):
        return (None if problems else balancer), problems
    endpoints = balancer.endpoints
    if check is not None:
        key = endpoints or EndpointsKey(*service.key, str(reference.port))
        servers = (balancer.external, balancer.addresses)
        endpoints = key._replace(check=check_name(check, key, servers, balancer.transport))
    return msgspec.structs.replace(balancer, endpoints=endpoints, check=check, passive=passive), ()


def endpoints_keys(service: Service | None) -> Iterator[EndpointsKey]:
    """Whose endpoints a service needs, members of others included."""
    for balancer in balancers(service):
        if balancer.endpoints is not None and balancer.external is None and not balancer.addresses:
            yield balancer.endpoints.unchecked


def unserved(service: Service | None, endpoints: Endpoints) -> tuple[EndpointsKey, ...]:
    """Those endpoints that are missing to serve all that a service promises. What fails over needs one of two, and
    who gets copies needs none."""
    if isinstance(service, MirroredService):
        return unserved(service.service, endpoints)
    if isinstance(service, FailoverService):
        missing = unserved(service.service, endpoints)
        return (*missing, *unserved(service.fallback, endpoints)) if missing else ()
    if isinstance(service, WeightedService):
        return tuple(key for part in parts(service) for key in unserved(part, endpoints))
    return tuple(key for key in endpoints_keys(service) if not endpoints.get(key))
