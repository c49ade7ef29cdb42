"""References of routes to Services: ports, protocols, shares, and what stands in for those that do not exist."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.gateway.faults import Fault, Place
from hearthgate.ingress.routing.gateway.grants import is_granted, missing_grant
from hearthgate.ingress.routing.gateway.policies import Policies, transport_of
from hearthgate.ingress.routing.model import (
    Endpoint,
    EndpointsKey,
    LoadBalancer,
    Transport,
    WeightedMember,
    WeightedService,
)
from hearthgate.ingress.routing.model import Service as ServiceValue
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.services import Services
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Service, ServicePort
from hearthgate.resources.gateway import GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute
from hearthgate.resources.gateway.references import BackendObjectReference, BackendRef
from hearthgate.resources.traefik.service import ServiceRef

NATIVE_ANNOTATION: Final = "traefik.io/service.nativelb"
MILLION: Final = 1_000_000
_SCHEMES: Final = {
    "http": "http",
    "https": "https",
    "h2c": "h2c",
    "grpc": "h2c",
    "kubernetes.io/h2c": "h2c",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "https",
}


_Backed = HTTPRoute | GRPCRoute | TLSRoute | TCPRoute | UDPRoute


class Found(NamedTuple):
    """A Service and its port."""

    service: Service
    port: ServicePort


class Shared(NamedTuple):
    """What a rule's backends come to. service: None when none of them can be used. missing: millionths of the
    requests that go to none."""

    service: ServiceValue | None
    missing: int = 0


class Backends:
    """Resolves backends of one route after the other.

    default: how to speak to backends that no policy rules. native: their own addresses are used by default.
    """

    def __init__(
        self, tracker: Tracker, services: Services, policies: Policies, default: Transport, *, native: bool
    ) -> None:
        self._tracker = tracker
        self._services = services
        self._policies = policies
        self._default = default
        self._native = native

    def shared(
        self,
        references: Sequence[BackendRef],
        place: Place,
        name: str,
        faults: list[Fault],
        filters: Callable[[int, Place], tuple[Middleware, ...] | None],
        *,
        grpc: bool = False,
    ) -> Shared:
        """filters: the middlewares of one of the references; None when they cannot be built.
        name: of the service when there are several."""
        members: list[WeightedMember] = []
        lost = 0
        for index, reference in enumerate(references):
            here = place._replace(field=f"{place.field}[{index}]")
            service = self.service(reference, here, faults, grpc=grpc)
            middlewares = filters(index, here)
            if service is None or middlewares is None:
                lost += reference.weight
            elif reference.weight:
                members.append(WeightedMember(weight=reference.weight, service=service, middlewares=middlewares))
        whole = lost + sum(member.weight for member in members)
        if not members:
            return Shared(None, MILLION)
        missing = -(-lost * MILLION // whole)
        if len(members) == 1 and not members[0].middlewares:
            return Shared(members[0].service, missing)
        return Shared(WeightedService(name=name, members=tuple(members)), missing)

    def service(
        self, reference: BackendObjectReference, place: Place, faults: list[Fault], *, grpc: bool = False
    ) -> ServiceValue | None:
        """A Service of the core group, or a TraefikService."""
        if (reference.group, reference.kind) == ("traefik.io", "TraefikService"):
            return self._traefik_service(reference, place, faults)
        return self.balancer(reference, place, faults, grpc=grpc)

    def balancer(
        self, reference: BackendObjectReference, place: Place, faults: list[Fault], *, grpc: bool = False
    ) -> LoadBalancer | None:
        found = self.find(reference, place, faults, "TCP")
        if found is None:
            return None
        service, port = found
        scheme = _scheme(port, grpc=grpc)
        if scheme is None:
            message = f"{service.ref} speaks {port.app_protocol} at port {port.port}, which is not supported"
            faults.append(place.unresolved("UnsupportedProtocol", Reason.UNSUPPORTED, message))
            return None
        transport = self._default
        trust = self._policies.of(service, port)
        if trust is not None:
            if trust.tls is None:
                message = f"{trust.policy.ref} cannot be used: see its own problems"
                faults.append(place.unresolved("InvalidBackendTLS", Reason.TRANSPORT_NOT_FOUND, message))
                return None
            scheme, transport = "https", transport_of(trust, trust.tls, self._default)
        addresses = self.own_address(service, port)
        kind = "grpc" if grpc else "http"
        return LoadBalancer(
            name=f"{service.metadata.namespace}-{service.metadata.name}-{kind}-{port.port}@kubernetesgateway",
            endpoints=None if addresses else EndpointsKey(*service.key, port.name),
            addresses=addresses,
            scheme=scheme,
            transport=transport,
        )

    def find(
        self, reference: BackendObjectReference, place: Place, faults: list[Fault], protocol: str
    ) -> Found | None:
        """The Service and its port for `protocol`, TCP or UDP."""
        if (reference.group, reference.kind) != ("", "Service"):
            message = f"{reference.kind} of group {reference.group or 'core'} is no backend here: use a Service"
            faults.append(place.unresolved("InvalidKind", Reason.UNSUPPORTED, message))
            return None
        target = ObjectRef("Service", reference.namespace or place.ref.namespace, reference.name)
        if not is_granted(self._tracker, place.ref, "", target):
            message = missing_grant(place.ref, target)
            faults.append(place.unresolved("RefNotPermitted", Reason.CROSS_NAMESPACE, message))
            return None
        service = self._tracker.get(Service, target.namespace, target.name)
        if service is None:
            message = f"{target} does not exist"
            faults.append(place.unresolved("BackendNotFound", Reason.SERVICE_NOT_FOUND, message))
            return None
        if service.spec.type == "ExternalName":
            message = (
                f"{target} is of type ExternalName, which the Gateway API does not serve: use an IngressRoute"
            )
            faults.append(place.unresolved("BackendNotFound", Reason.EXTERNAL_NAME, message))
            return None
        port = _port(service, reference.port, protocol)
        if port is None:
            known = ", ".join(f"{each.port}/{each.protocol or 'TCP'}" for each in service.spec.ports) or "none"
            said = f"has no {protocol} port {reference.port}" if reference.port else "needs a port here"
            message = f"{target} {said} (its ports: {known})"
            faults.append(place.unresolved("BackendNotFound", Reason.SERVICE_PORT_NOT_FOUND, message))
            return None
        return Found(service, port)

    def policies_of(self, route: _Backed) -> Iterator[tuple[str, str]]:
        """Keys of the policies that rule backends of a route."""
        for rule in route.spec.rules:
            for reference in rule.backend_refs:
                found = self.find(reference, Place(route.ref, ""), [], "TCP")
                trust = self._policies.of(*found) if found is not None else None
                if trust is not None:
                    yield trust.policy.key

    def own_address(self, service: Service, port: ServicePort) -> tuple[Endpoint, ...]:
        """The Service's own address, where it is to be used."""
        said = service.metadata.annotations.get(NATIVE_ANNOTATION, "")
        native = said.lower() == "true" if said else self._native
        address = service.spec.cluster_ip
        return (Endpoint(address, port.port),) if native and address not in ("", "None") else ()

    def _traefik_service(
        self, reference: BackendObjectReference, place: Place, faults: list[Fault]
    ) -> ServiceValue | None:
        target = ObjectRef("TraefikService", reference.namespace or place.ref.namespace, reference.name)
        if not is_granted(self._tracker, place.ref, "traefik.io", target):
            message = missing_grant(place.ref, target)
            faults.append(place.unresolved("RefNotPermitted", Reason.CROSS_NAMESPACE, message))
            return None
        origin = Origin(ObjectRef(place.ref.kind, target.namespace, place.ref.name), place.field)
        service, problems = self._services.resolve(ServiceRef(name=reference.name, kind="TraefikService"), origin)
        if service is None:
            message = "; ".join(problem.message for problem in problems) or f"{target} cannot be used"
            faults.append(place.unresolved("BackendNotFound", Reason.SERVICE_NOT_FOUND, message))
        return service


def _port(service: Service, wanted: int | None, protocol: str) -> ServicePort | None:
    fitting: Iterable[ServicePort] = (p for p in service.spec.ports if (p.protocol or "TCP") == protocol)
    return next((port for port in fitting if port.port == wanted), None)


def _scheme(port: ServicePort, *, grpc: bool) -> str | None:
    """The port's own word, else upstream's rule: https for port 443 and for ports called https."""
    if port.app_protocol:
        return _SCHEMES.get(port.app_protocol.lower())
    if port.port == 443 or port.name.startswith("https"):
        return "https"
    return "h2c" if grpc else "http"
