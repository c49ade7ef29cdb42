"""What Ingresses say of where they are reached (`status.loadBalancer`): what the settings say, or what a published
Service has got, else the addresses of this machine.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.providers import KubernetesIngress
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import Point
from hearthgate.ingress.routing.tracking import Result
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.resources.core import Node, Service

_FIELD = "providers.kubernetesIngress.ingressEndpoint"


def reached_at(
    snapshot: Snapshot, settings: KubernetesIngress, own: tuple[str, ...]
) -> Result[tuple[Point, ...] | None]:
    """Where Ingresses are reached; None when nothing is to be said: what is known now may be too little. own: the
    addresses of this machine, none where others lead to it."""
    endpoint = settings.ingress_endpoint
    if endpoint is None:
        return Result(tuple(Point(ip=address) for address in own) or None)
    if endpoint.published_service:
        return _published(snapshot, settings, endpoint.published_service)
    if not endpoint.ip and not endpoint.hostname:
        message = "one of publishedService, ip and hostname is needed"
        return Result(None, (_problem("", Reason.MISSING_FIELD, message),))
    return Result((Point(endpoint.ip, endpoint.hostname),))


def _published(snapshot: Snapshot, settings: KubernetesIngress, name: str) -> Result[tuple[Point, ...] | None]:
    namespace, slash, bare = name.partition("/")
    if not (namespace and slash and bare) or "/" in bare:
        message = f"{shorten(name)} is not namespace/name"
        return Result(None, (_problem(".publishedService", Reason.INVALID_VALUE, message),))
    service = snapshot.get(Service, namespace, bare)
    if service is None:
        message = f"Service {name} does not exist: Ingresses do not say where they are reached"
        return Result(None, (_problem(".publishedService", Reason.SERVICE_NOT_FOUND, message, Severity.WARNING),))
    points = tuple(dict.fromkeys(_points(snapshot, settings, service)))
    return Result(points or None)


def _points(snapshot: Snapshot, settings: KubernetesIngress, service: Service) -> Iterator[Point]:
    spec = service.spec
    match spec.type:
        case "ExternalName":
            yield Point(hostname=spec.external_name)
        case "NodePort" if not settings.disable_cluster_scope_resources:
            wanted = ("ExternalIP", *(("InternalIP",) if settings.report_node_internal_ips else ()))
            for node in snapshot.all(Node):
                for address in node.status.addresses if node.status is not None else ():
                    if address.type in wanted:
                        yield Point(ip=address.address)
        case "LoadBalancer":
            status = service.status
            for point in status.load_balancer.ingress if status is not None else ():
                yield Point(point.ip, point.hostname)
        case _:
            yield from (Point(ip=address) for address in spec.external_ips)


def _problem(below: str, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> Problem:
    field = f"{_FIELD}{below}"
    return Problem(ref=SETTINGS_REF, field=field, reason=reason, message=message, severity=severity)


class ReachedDocument(NamedTuple):
    """The part of an Ingress's status that says where it is reached."""

    points: tuple[Point, ...]

    def merged(self, status: Mapping[str, Any], generation: int, now: datetime) -> dict[str, Any]:
        """Ports and whatever else others have said of the same points goes: they are ours to tell."""
        del status, generation, now
        told = [{key: value for key, value in point._asdict().items() if value} for point in self.points]
        return {"loadBalancer": {"ingress": told}}

    def is_empty(self) -> bool:
        return not self.points
