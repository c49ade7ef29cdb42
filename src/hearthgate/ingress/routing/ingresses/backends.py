"""Backends of Ingresses to services: the Service that is named, with the options that its annotations say."""

from collections.abc import Iterator
from typing import Final

import msgspec

from hearthgate.ingress.routing.ingresses.annotations import SERVICE, annotation_field, service_reference
from hearthgate.ingress.routing.middlewares import Middlewares, Values
from hearthgate.ingress.routing.model import LoadBalancer, Service, Transport, WeightedService
from hearthgate.ingress.routing.names import normalize
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.references import Broken, not_found
from hearthgate.ingress.routing.services import Services
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.core import Service as KubeService
from hearthgate.resources.networking import BackendService, Ingress, IngressBackend
from hearthgate.resources.traefik import Middleware
from hearthgate.resources.traefik.service import ObjectReference, ServiceRef

PROVIDER: Final = "kubernetes"
_SAID_BY: Final = {
    "scheme": "serversscheme",
    "serversTransport": "serverstransport",
    "nativeLB": "nativelb",
    "nodePortLB": "nodeportlb",
    "middlewares": "middlewares",
}
"""Which annotation of the Service a field of a reference comes from."""


class FromAnywhere(Middlewares):
    """Middlewares as Ingresses name them: `namespace-name@kubernetescrd`, whatever the namespace. What a
    Middleware itself may name is not widened by that."""

    def __init__(self, inner: Middlewares) -> None:
        self._inner = inner

    def built(self, resource: Middleware) -> Result[Values | None]:
        return self._inner.built(resource)

    def resolve(self, reference: ObjectReference, origin: str) -> Values | Broken:
        del origin
        return self._inner.resolve_setting(reference)


def ingress_services(
    tracker: Tracker, settings: IngressSettings, default: Transport, middlewares: Middlewares
) -> Services:
    """Services as Ingresses may use them: by the settings of kubernetesIngress."""
    said = settings.providers.kubernetes_ingress
    as_routes = msgspec.structs.replace(
        settings.providers.kubernetes_crd,
        allow_cross_namespace=True,
        allow_external_name_services=said.allow_external_name_services,
        native_lb_by_default=False,
    )
    providers = msgspec.structs.replace(settings.providers, kubernetes_crd=as_routes)
    own = msgspec.structs.replace(settings, providers=providers)
    return Services(tracker, own, default, FromAnywhere(middlewares))


class Backends:
    """Resolves backends. `services`: those of `ingress_services`."""

    def __init__(self, tracker: Tracker, settings: IngressSettings, services: Services) -> None:
        self._tracker = tracker
        self._settings = settings.providers.kubernetes_ingress
        self._services = services

    def service(self, backend: IngressBackend, origin: Origin, problems: list[Problem]) -> Service | None:
        """The service behind a backend; None, with what is wrong in `problems`, when there is none to use."""
        said = backend.service
        if said is None:
            what = "a resource backend is not supported: name a Service" if backend.resource else "name a Service"
            reason = Reason.UNSUPPORTED if backend.resource else Reason.MISSING_FIELD
            problems.append(origin.problem("resource" if backend.resource else "service", reason, what))
            return None
        namespace = origin.ref.namespace
        found = self._tracker.get(KubeService, namespace, said.name)
        if found is None:
            broken = not_found(self._tracker, KubeService, namespace, said.name)
            problems.append(origin.problem("service.name", broken.reason, broken.message))
            return None
        if found.spec.type == "ExternalName" and not self._settings.allow_external_name_services:
            way_out = "(set providers.kubernetesIngress.allowExternalNameServices to allow that)"
            message = f"{found.ref} is of type ExternalName {way_out}"
            problems.append(origin.problem("service.name", Reason.EXTERNAL_NAME, message))
            return None
        return self._service(found, said, origin, problems)

    def _service(
        self, found: KubeService, said: BackendService, origin: Origin, problems: list[Problem]
    ) -> Service | None:
        port = said.port.name or said.port.number or ""
        native = self._settings.native_lb_by_default and found.spec.type != "ExternalName"
        reference, mistakes = service_reference(found.ref, found.metadata.annotations, port=port, native_lb=native)
        mistakes += tuple(self._refused(found, reference))
        service, complaints = self._services.alone(reference, Origin(origin.ref, f"{origin.field}.service"))
        own = tuple(_at_service(found, problem) for problem in complaints)
        problems.extend((*mistakes, *own))
        if any(mistake.is_error for mistake in mistakes) or service is None:
            if any(problem.ref == found.ref and problem.is_error for problem in (*mistakes, *own)):
                message = f"{found.ref} cannot be used: see its own problems"
                problems.append(origin.problem("service.name", Reason.SERVICE_NOT_FOUND, message))
            return None
        return _named(service, service_name(found.metadata.namespace, IngressBackend(service=said)))

    def _refused(self, found: KubeService, reference: ServiceRef) -> Iterator[Problem]:
        allowed = self._settings.cross_provider_namespaces
        if allowed is None or found.metadata.namespace in allowed:
            return
        for key, said in (
            ("serverstransport", reference.servers_transport),
            ("middlewares", reference.middlewares),
        ):
            if said:
                yield refused_provider(Origin(found.ref, annotation_field(f"{SERVICE}{key}")))


def service_name(namespace: str, backend: IngressBackend) -> str:
    """Upstream's name of the service of a backend; empty for a backend that names none."""
    said = backend.service
    if said is None:
        return ""
    return f"{normalize(f'{namespace}-{said.name}-{said.port.name or said.port.number}')}@{PROVIDER}"


def backends_of(ingress: Ingress) -> Iterator[IngressBackend]:
    if ingress.spec.default_backend is not None:
        yield ingress.spec.default_backend
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http is not None else ():
            yield path.backend


def refused_provider(origin: Origin) -> Problem:
    """Why an Ingress must not name an object of another provider."""
    message = "providers.kubernetesIngress.crossProviderNamespaces does not list its namespace"
    return origin.problem("", Reason.CROSS_NAMESPACE, message)


def _at_service(service: KubeService, problem: Problem) -> Problem:
    """What is wrong with an option is told of the Service that has it as an annotation."""
    last = problem.field.rpartition(".")[2].partition("[")[0]
    said = _SAID_BY.get(last)
    if said is None:
        return problem
    return msgspec.structs.replace(problem, ref=service.ref, field=annotation_field(f"{SERVICE}{said}"))


def _named(service: Service, name: str) -> Service:
    """The service under upstream's name for it."""
    if isinstance(service, WeightedService):
        members = tuple(
            msgspec.structs.replace(member, service=_named(member.service, name)) for member in service.members
        )
        return msgspec.structs.replace(service, name=name, members=members)
    return msgspec.structs.replace(service, name=name) if isinstance(service, LoadBalancer) else service
