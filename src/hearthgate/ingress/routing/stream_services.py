"""References of IngressRouteTCP and IngressRouteUDP to services: ports by protocol, ways to servers, weights."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from hearthgate.ingress.routing.model import (
    BackendTLS,
    Endpoint,
    EndpointsKey,
    StreamBalancer,
    StreamMember,
    StreamTransport,
)
from hearthgate.ingress.routing.names import service_name
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.references import Broken, resolve, usable_transport
from hearthgate.ingress.routing.stream_transports import StreamTransports, termination_delay
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Node, Service, ServicePort
from hearthgate.resources.traefik import ServersTransportTCP
from hearthgate.resources.traefik.tcp import ServiceTCP
from hearthgate.resources.traefik.udp import ServiceUDP

Protocol = Literal["TCP", "UDP"]
_DEFAULT_DELAY: Final = 100
"""Milliseconds, upstream's default."""


class StreamServices:
    """Resolves references to services that take streams or datagrams."""

    def __init__(self, tracker: Tracker, settings: IngressSettings, default: StreamTransport) -> None:
        self._tracker = tracker
        self._provider = settings.providers.kubernetes_crd
        self._default = default
        self.transports = StreamTransports(tracker)

    def resolve_all(
        self, references: Iterable[ServiceTCP | ServiceUDP], ref: ObjectRef, field: str
    ) -> tuple[tuple[StreamMember, ...] | None, tuple[Problem, ...]]:
        """The members in their order; None when one of them cannot be used."""
        members: list[StreamMember] = []
        problems: list[Problem] = []
        for index, reference in enumerate(references):
            balancer = self._resolve(reference, Origin(ref, f"{field}[{index}]"), problems)
            if balancer is not None:
                weight = 1 if reference.weight is None else reference.weight
                members.append(StreamMember(weight=weight, balancer=balancer))
        failed = any(problem.is_error for problem in problems)
        return (None if failed or not members else tuple(members)), tuple(problems)

    def _resolve(
        self, reference: ServiceTCP | ServiceUDP, origin: Origin, problems: list[Problem]
    ) -> StreamBalancer | None:
        found = resolve(
            self._tracker,
            Service,
            reference.name,
            reference.namespace,
            origin.ref.namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if isinstance(found, Broken):
            problems.append(origin.problem("name", found.reason, found.message))
            return None
        transport: StreamTransport | Problem = StreamTransport()
        if isinstance(reference, ServiceTCP):
            transport = self._transport(reference, found.metadata.namespace, origin)
            problems.extend(_older_fields(reference, origin))
        if isinstance(transport, Problem):
            problems.append(transport)
            return None
        protocol: Protocol = "TCP" if isinstance(reference, ServiceTCP) else "UDP"
        way = self._way(reference, found, protocol, origin)
        if isinstance(way, Problem):
            problems.append(way)
            return None
        key, addresses = way
        name = service_name(*found.key, reference.port)
        return StreamBalancer(name=name, endpoints=key, addresses=addresses, transport=transport)

    def _way(
        self, reference: ServiceTCP | ServiceUDP, service: Service, protocol: Protocol, origin: Origin
    ) -> "tuple[EndpointsKey | None, tuple[Endpoint, ...]] | Problem":
        """Where the servers come from: endpoints, or these addresses."""
        port = _port(service, reference.port, protocol)
        if service.spec.type == "ExternalName":
            return self._external(reference, service, port, origin)
        if port is None:
            known = ", ".join(f"{p.port}{f' ({p.name})' if p.name else ''}" for p in service.spec.ports) or "none"
            message = f"{service.ref} has no {protocol} port {shorten(reference.port)} (its ports: {known})"
            return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
        if reference.native_lb:
            address = service.spec.cluster_ip
            if address in ("", "None"):
                message = f"{service.ref} has no address of its own: take nativeLB out"
                return origin.problem("nativeLB", Reason.INVALID_VALUE, message)
            return None, (Endpoint(address, port.port),)
        if reference.node_port_lb:
            return self._node_ports(service, port, origin)
        return EndpointsKey(*service.key, port.name), ()

    def _node_ports(
        self, service: Service, port: ServicePort, origin: Origin
    ) -> "tuple[EndpointsKey | None, tuple[Endpoint, ...]] | Problem":
        if not port.node_port:
            message = f"{service.ref} has no nodePort for port {port.port}: take nodePortLB out"
            return origin.problem("nodePortLB", Reason.INVALID_VALUE, message)
        nodes = self._tracker.collection(Node).objects.values()
        addresses = sorted({address for node in nodes if isinstance(node, Node) for address in _internal(node)})
        if not addresses:
            return origin.problem(
                "nodePortLB", Reason.NO_ENDPOINTS, "no Node has an InternalIP: take nodePortLB out"
            )
        return None, tuple(Endpoint(address, port.node_port) for address in addresses)

    def _external(
        self, reference: ServiceTCP | ServiceUDP, service: Service, port: ServicePort | None, origin: Origin
    ) -> "tuple[EndpointsKey | None, tuple[Endpoint, ...]] | Problem":
        if not self._provider.allow_external_name_services:
            message = (
                f"{service.ref} is of type ExternalName "
                "(set providers.kubernetesCRD.allowExternalNameServices to allow that)"
            )
            return origin.problem("name", Reason.EXTERNAL_NAME, message)
        number = port.port if port is not None else _number(reference.port)
        if not service.spec.external_name or not number:
            message = f"{service.ref} needs spec.externalName, and a port by its number here"
            return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
        return None, (Endpoint(service.spec.external_name, number),)

    def _transport(self, reference: ServiceTCP, namespace: str, origin: Origin) -> StreamTransport | Problem:
        transport = self._default
        if reference.servers_transport:
            wanted, crosses = reference.servers_transport, self._provider.allow_cross_namespace
            found = resolve(self._tracker, ServersTransportTCP, wanted, "", namespace, cross_namespace=crosses)
            usable = usable_transport(found, self.transports.built, origin)
            if isinstance(usable, Problem):
                return usable
            transport = usable
        version = reference.proxy_protocol.version if reference.proxy_protocol is not None else 0
        # As upstream: what TLS looks like is the transport's business, whether there is any the reference's.
        tls = (transport.tls or BackendTLS()) if reference.tls else None
        return msgspec.structs.replace(transport, tls=tls, proxy_protocol=transport.proxy_protocol or version)


def _older_fields(reference: ServiceTCP, origin: Origin) -> Iterator[Problem]:
    if reference.termination_delay not in (None, _DEFAULT_DELAY) and (reference.termination_delay or 0) >= 0:
        yield termination_delay(origin.ref, f"{origin.field}.terminationDelay")


def _port(service: Service, wanted: int | str, protocol: Protocol) -> ServicePort | None:
    number = _number(wanted)
    for port in service.spec.ports:
        if (port.protocol or "TCP") == protocol and (port.port == number if number else port.name == wanted):
            return port
    return None


def _number(port: int | str) -> int:
    text = str(port)
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else 0


def _internal(node: Node) -> Iterator[str]:
    for address in node.status.addresses if node.status is not None else ():
        if address.type == "InternalIP":
            yield address.address
