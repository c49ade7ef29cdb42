"""What people write for the ends of a connection, found among pods, services and addresses. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import did_you_mean, shorten
from hearthgate.policy.ends import Address, ContainerPort, End, PodEnd
from hearthgate.policy.evaluate import internet
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import World
from hearthgate.resources.core import Service

INTERNET: Final = "internet"
_SERVICES: Final = frozenset(("svc", "service", "services"))
_PODS: Final = frozenset(("pod", "pods", "po"))
_WORKLOADS: Final = frozenset(
    word
    for kind, short in (("deployment", "deploy"), ("statefulset", "sts"), ("daemonset", "ds"), ("job", "job"))
    for word in (kind, f"{kind}s", short)
)
_FORMS: Final = "NAMESPACE/POD, NAMESPACE/svc/NAME, NAMESPACE/deploy/NAME, an address, or internet; then :PORT"
_PORT: Final = re.compile(r"(?P<end>.+):(?P<port>[A-Za-z0-9-]{1,63})")


class Written(NamedTuple):
    """port: a number or a name; empty when none is said."""

    end: str
    port: str = ""


class Place(NamedTuple):
    """An end, and the port of it that is meant; port 0: none in particular."""

    end: End
    protocol: Protocol
    port: int = 0


def read(text: str) -> Written:
    """An address of IPv6 with a port stands in brackets."""
    if text.startswith("["):
        inner, _, rest = text[1:].partition("]")
        return Written(inner, rest.removeprefix(":"))
    if _address(text) is not None:
        return Written(text)
    found = _PORT.fullmatch(text)
    return Written(found["end"], found["port"]) if found is not None else Written(text)


def places(text: str, world: World, snapshot: Snapshot, protocol: Protocol | None) -> tuple[Place, ...]:
    """Those that the text means: several for a workload or a Service. protocol: TCP unless a Service says another.
    Raises Permanent with what there is instead."""
    written = read(text)
    space, _, rest = written.end.partition("/")
    kind, slash, name = rest.partition("/")
    if slash and kind.lower() in _SERVICES:
        return _behind(_service(space, name, snapshot), written.port, world, protocol)
    return tuple(_place(end, written.port, protocol) for end in _ends(written.end, world))


def _ends(text: str, world: World) -> tuple[End, ...]:
    if text.lower() == INTERNET:
        return (internet(world),)
    if (address := _address(text)) is not None:
        return (world.at(address),)
    space, slash, rest = text.partition("/")
    if not slash:
        raise Permanent(f"{shorten(text)} is no end of a connection: write {_FORMS}")
    kind, deeper, name = rest.partition("/")
    if deeper and kind.lower() not in _PODS | _WORKLOADS:
        raise Permanent(f"{shorten(kind)} is no kind of pods: write {_FORMS}")
    wanted = name if deeper else rest
    inside = [pod for pod in world.pods.values() if pod.namespace == space]
    found = [pod for pod in inside if pod.name == wanted and not (deeper and kind.lower() in _WORKLOADS)]
    if not found and not (deeper and kind.lower() in _PODS):
        found = [pod for pod in inside if pod.workload == wanted]
    if found:
        return tuple(sorted(found, key=lambda pod: pod.key))
    raise Permanent(_missing(space, wanted, inside, world))


def _missing(space: str, wanted: str, inside: Iterable[PodEnd], world: World) -> str:
    known = {pod.workload or pod.name for pod in inside}
    if known:
        hint = did_you_mean(wanted, known) or f" (there are: {', '.join(sorted(known)[:10])})"
        return f"there is no pod {space}/{wanted}{hint}"
    spaces = {pod.namespace for pod in world.pods.values()}
    hint = did_you_mean(space, spaces) or f" (pods are in: {', '.join(sorted(spaces)) or 'no namespace'})"
    return f"there is no pod in namespace {space}{hint}"


def _place(end: End, port: str, protocol: Protocol | None) -> Place:
    if not port:
        return Place(end, protocol or Protocol.TCP)
    if port.isdigit():
        return Place(end, protocol or Protocol.TCP, _number(port))
    ports = end.ports if isinstance(end, PodEnd) else ()
    named = _named(port, ports, protocol)
    if named is None:
        known = ", ".join(sorted({each.name for each in ports if each.name})) or "none"
        raise Permanent(f"{end} names no port {shorten(port)} (it names: {known})")
    return Place(end, named.protocol, named.number)


def _service(space: str, name: str, snapshot: Snapshot) -> Service:
    service = snapshot.get(Service, space, name)
    if service is None:
        known = [one.metadata.name for one in snapshot.all(Service) if one.metadata.namespace == space]
        raise Permanent(f"there is no Service {space}/{name}{did_you_mean(name, known)}")
    return service


def _behind(service: Service, wanted: str, world: World, protocol: Protocol | None) -> tuple[Place, ...]:
    """The pods of a Service: policies see these, after the Service's address and port are translated."""
    space, name = service.key
    if not wanted and len(service.spec.ports) != 1:
        known = [str(port.port) for port in service.spec.ports]
        raise Permanent(f"Service {space}/{name} has several ports: write one of {', '.join(known) or 'none'}")
    port = service.port(wanted) if wanted else service.spec.ports[0]
    if port is None:
        known = [str(one.port) for one in service.spec.ports]
        raise Permanent(f"Service {space}/{name} has no port {wanted} (it has: {', '.join(known) or 'none'})")
    selector = service.spec.selector
    if not selector:
        raise Permanent(f"Service {space}/{name} selects no pods: write the address that it leads to")
    pods = [
        pod for pod in world.pods.values() if pod.namespace == space and selector.items() <= pod.labels.items()
    ]
    if not pods:
        raise Permanent(f"no pod has the labels that Service {space}/{name} selects by")
    said = protocol or Protocol(port.protocol)
    target = str(port.target_port or port.port)
    return tuple(_place(pod, target, said) for pod in sorted(pods, key=lambda pod: pod.key))


def _named(name: str, ports: Iterable[ContainerPort], protocol: Protocol | None) -> ContainerPort | None:
    fits = (each for each in ports if each.name == name and protocol in (None, each.protocol))
    return next(fits, None)


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise Permanent(f"{text} is no port: ports are numbers from 1 to 65535")
    return number


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
