"""Which pods the proxy must reach: those behind the services of routes. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.ends import ContainerPort, PodEnd
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import World
from hearthgate.resources.core import Service
from hearthgate.resources.gateway import GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute
from hearthgate.resources.gateway.references import BackendObjectReference
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import BackendService, Ingress
from hearthgate.resources.traefik.access import ForwardAuth
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.service import ServiceRef, TraefikService
from hearthgate.resources.traefik.tcp import IngressRouteTCP, ServiceTCP
from hearthgate.resources.traefik.udp import IngressRouteUDP, ServiceUDP

KINDS: Final[tuple[type[Resource], ...]] = (
    *(IngressRoute, IngressRouteTCP, IngressRouteUDP, TraefikService, Middleware, Ingress),
    *(HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute),
)
"""What sends connections to services."""
PROXY: Final = ("app.kubernetes.io/name", "traefik")
"""The label of the proxy's Pods, ours as upstream's."""


class Edge(NamedTuple):
    """source: what sends connections there. service: who leads to the pod. port: of the pod."""

    source: ObjectRef
    service: Key
    pod: PodEnd
    protocol: Protocol
    port: int


def proxied(snapshot: Snapshot, world: World) -> Iterator[Edge]:
    """What the proxy is asked to reach, as far as it is known: one for each pod behind a service of a route."""
    for kind in KINDS:
        for resource in snapshot.all(kind):
            for key, port in references(resource):
                service = snapshot.get(Service, *key)
                for pod, protocol, number in behind(service, port, world) if service is not None else ():
                    yield Edge(resource.ref, key, pod, protocol, number)


def behind(service: Service, port: int | str | None, world: World) -> Iterator[tuple[PodEnd, Protocol, int]]:
    """The pods of a Service, at their own port. port: of the Service; None for all."""
    selector = service.spec.selector
    wanted = service.spec.ports if port in (None, "") else filter(None, (service.port(port or 0),))
    for one in wanted:
        target = one.target_port or one.port
        for pod in world.pods.values() if selector else ():
            if pod.namespace != service.metadata.namespace or not selector.items() <= pod.labels.items():
                continue
            number = target if isinstance(target, int) else _numbered(pod.ports, target, one.protocol)
            if number:
                yield pod, Protocol(one.protocol), number


def proxies(world: World) -> tuple[PodEnd, ...]:
    label, value = PROXY
    return tuple(pod for pod in world.pods.values() if pod.labels.get(label) == value)


def references(resource: Resource) -> Iterator[tuple[Key, int | str]]:
    """Services that it names, and their port."""
    space = resource.metadata.namespace
    for found in _walk(getattr(resource, "spec", None)):
        match found:
            case ServiceRef():
                if found.kind != "TraefikService":
                    yield (found.namespace or space, found.name), found.port
            case ServiceTCP() | ServiceUDP():
                yield (found.namespace or space, found.name), found.port
            case BackendObjectReference():
                if found.kind == "Service":
                    yield (found.namespace or space, found.name), found.port or ""
            case BackendService():
                yield (space, found.name), found.port.number or found.port.name
            case ForwardAuth():
                yield from _of_url(found.address, space)


def _walk(value: Any) -> Iterator[Any]:
    """Every part of a resource that can name a service."""
    if isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from _walk(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk(item)


def _of_url(text: str, space: str) -> Iterator[tuple[Key, int | str]]:
    """`http://auth.infra.svc.cluster.local:9091/verify` names a Service."""
    try:
        url = urlsplit(text)
        labels, port = (url.hostname or "").split("."), url.port
    except ValueError:
        return
    if len(labels) == 1 and labels[0]:
        yield (space, labels[0]), port or 80
    elif len(labels) >= 2 and (len(labels) == 2 or labels[2] == "svc"):
        yield (labels[1], labels[0]), port or 80


def _numbered(ports: tuple[ContainerPort, ...], name: str, protocol: str) -> int:
    return next((one.number for one in ports if (one.name, one.protocol.value) == (name, protocol)), 0)
