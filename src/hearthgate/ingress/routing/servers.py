"""Which servers a reference to a Service means: endpoints, its own address, ports of nodes, an external name."""

from collections.abc import Iterator
from typing import NamedTuple

from hearthgate.ingress.routing.model import Endpoint, EndpointsKey
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.resources.core import Node, Service, ServicePort
from hearthgate.resources.traefik.service import ServiceRef

_HEADLESS = ("", "None")


class Servers(NamedTuple):
    """Exactly one of `endpoints`, `external` and `addresses`. `port`: of the Service."""

    port: ServicePort
    endpoints: EndpointsKey | None = None
    external: Endpoint | None = None
    addresses: tuple[Endpoint, ...] = ()


class Allowed(NamedTuple):
    """What the settings say. native: a Service's own address is used where a reference does not say otherwise."""

    external: bool
    native: bool
    nodes: bool


def find_servers(
    tracker: Tracker, reference: ServiceRef, service: Service, origin: Origin, allowed: Allowed
) -> Servers | Problem:
    """The servers, or why there are none."""
    port = service.port(reference.port) if reference.port != "" else None
    if service.spec.type == "ExternalName":
        return _external(reference, service, port, origin, allowed=allowed.external)
    if port is None:
        known = ", ".join(f"{p.port}{f' ({p.name})' if p.name else ''}" for p in service.spec.ports) or "none"
        said = f"has no port {shorten(reference.port)}" if reference.port != "" else "needs a port here"
        message = f"{service.ref} {said} (its ports: {known})"
        return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
    native = reference.native_lb
    if native or (native is None and allowed.native and not reference.node_port_lb):
        return _native(service, port, origin, asked=bool(native))
    if reference.node_port_lb and not allowed.nodes:
        message = "nodes are not looked at: turn off providers.kubernetesCRD.disableClusterScopeResources"
        return origin.problem("nodePortLB", Reason.UNSUPPORTED, message)
    if reference.node_port_lb:
        return _node_ports(tracker, service, port, origin)
    return Servers(port, EndpointsKey(*service.key, port.name))


def _native(service: Service, port: ServicePort, origin: Origin, *, asked: bool) -> Servers | Problem:
    address = service.spec.cluster_ip
    if address in _HEADLESS:
        way_out = "take nativeLB out" if asked else "turn off providers.kubernetesCRD.nativeLBByDefault"
        message = f"{service.ref} has no address of its own (clusterIP): {way_out}"
        return origin.problem("nativeLB", Reason.INVALID_VALUE, message)
    return Servers(port, addresses=(Endpoint(address, port.port),))


def _node_ports(tracker: Tracker, service: Service, port: ServicePort, origin: Origin) -> Servers | Problem:
    if not port.node_port:
        message = f"{service.ref} has no nodePort for port {port.port}: take nodePortLB out"
        return origin.problem("nodePortLB", Reason.INVALID_VALUE, message)
    nodes = tracker.collection(Node).objects.values()
    addresses = sorted({address for node in nodes if isinstance(node, Node) for address in _internal(node)})
    if not addresses:
        message = "no Node has an InternalIP: take nodePortLB out"
        return origin.problem("nodePortLB", Reason.NO_ENDPOINTS, message)
    return Servers(port, addresses=tuple(Endpoint(address, port.node_port) for address in addresses))


def _internal(node: Node) -> Iterator[str]:
    for address in node.status.addresses if node.status is not None else ():
        if address.type == "InternalIP":
            yield address.address


def _external(
    reference: ServiceRef, service: Service, port: ServicePort | None, origin: Origin, *, allowed: bool
) -> Servers | Problem:
    if not allowed:
        message = (
            f"{service.ref} is of type ExternalName "
            "(set providers.kubernetesCRD.allowExternalNameServices to allow that)"
        )
        return origin.problem("name", Reason.EXTERNAL_NAME, message)
    if not service.spec.external_name:
        message = f"{service.ref} has no spec.externalName"
        return origin.problem("name", Reason.SERVICE_NOT_FOUND, message)
    number = str(reference.port)
    if port is None and number.isascii() and number.isdigit() and 0 < int(number) < 65536:
        port = ServicePort(port=int(number))
    if port is None:
        message = f"{service.ref} has no port {shorten(reference.port)}: give its number"
        return origin.problem("port", Reason.SERVICE_PORT_NOT_FOUND, message)
    return Servers(port, external=Endpoint(service.spec.external_name, port.port))
