"""Services that Middlewares speak to: references like those of routes, and hosts of URLs.

On one machine nothing answers for `NAME.NAMESPACE.svc.cluster.local`; in a cluster DNS would give an address that
the kernel must translate once more. So such a name means the endpoints of the Service, as in a route.
"""

from typing import Final

from hearthgate.ingress.middlewares.external import external_host
from hearthgate.ingress.routing.model import EndpointsKey, LoadBalancer, Service, Transport, WeightedService, parts
from hearthgate.ingress.routing.names import service_name
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.services import Services
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Service as KubeService
from hearthgate.resources.core import ServicePort
from hearthgate.resources.traefik.service import ServiceRef

_SUFFIXES: Final = (".svc.cluster.local", ".svc")
_HEADLESS: Final = "None"


class MiddlewareLinks:
    """Finds services for the Middleware `ref`."""

    def __init__(self, tracker: Tracker, services: Services, ref: ObjectRef) -> None:
        self._tracker = tracker
        self._services = services
        self._ref = ref

    def service(self, reference: ServiceRef, field: str) -> tuple[Service | None, tuple[Problem, ...]]:
        where = Origin(self._ref, field)
        service, problems = self._services.resolve(reference, where)
        if reference.middlewares or not _is_simple(service):
            message = "only the servers are asked here: middlewares, copies and fallbacks on the way do nothing"
            problems = (*problems, where.problem("", Reason.UNSUPPORTED, message, Severity.WARNING))
        return service, problems

    def host(
        self, name: str, port: int, scheme: str, transport: Transport, field: str
    ) -> tuple[LoadBalancer | None, tuple[Problem, ...]]:
        key = service_of_host(name)
        if key is None:
            return external_host(name, port, scheme, transport), ()
        service = self._tracker.get(KubeService, *reversed(key))
        where = Origin(self._ref, field)
        if service is None:
            message = f"Service {key[1]}/{key[0]} does not exist: {name} is left to DNS"
            return external_host(name, port, scheme, transport), (
                where.problem("", Reason.SERVICE_NOT_FOUND, message, Severity.WARNING),
            )
        if service.spec.type == "ExternalName" and service.spec.external_name:
            return external_host(service.spec.external_name, port, scheme, transport), ()
        found = _port(service, port)
        if found is None:
            known = ", ".join(str(each.port) for each in service.spec.ports) or "none"
            message = f"{service.ref} has no port {port} (its ports: {known})"
            return None, (where.problem("", Reason.SERVICE_PORT_NOT_FOUND, message),)
        return LoadBalancer(
            name=service_name(*service.key, port),
            endpoints=EndpointsKey(*service.key, found.name),
            scheme=scheme,
            transport=transport,
        ), ()


def _is_simple(service: Service | None) -> bool:
    """Whether nothing but load balancers and weights makes up a service."""
    if service is None or isinstance(service, LoadBalancer):
        return True
    if not isinstance(service, WeightedService) or any(member.middlewares for member in service.members):
        return False
    return all(map(_is_simple, parts(service)))


def service_of_host(host: str) -> tuple[str, str] | None:
    """Name and namespace of the Service that a host means in a cluster; None for all other hosts."""
    bare = host.lower().removesuffix(".")
    for suffix in _SUFFIXES:
        name, dot, namespace = bare.removesuffix(suffix).partition(".")
        if bare.endswith(suffix) and name and dot and namespace and "." not in namespace:
            return name, namespace
    return None


def _port(service: KubeService, port: int) -> ServicePort | None:
    """The port of the Service. A headless one has no address of its own: clients speak to the pods' port there."""
    if service.spec.cluster_ip == _HEADLESS:
        for each in service.spec.ports:
            if each.target_port in (port, str(port)):
                return each
    return service.port(port)
