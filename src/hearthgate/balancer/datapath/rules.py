"""Where connections to the addresses of Services lead: ports of Services times their endpoints that are ready.

As kube-proxy decides it, with these differences: endpoints on loopback mean the machine itself, and are reached at
the Service's address, as the kernel takes nothing from the network to loopback; an endpoint that says no node
counts as one of this node, as it does for announcements; a port that no EndpointSlice speaks of is left to what
listens on this machine. Pure.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.asked import held_by, is_ours
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.speaker.nodes import leads_to_part
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.resources.core import Pod, Service, ServicePort
from hearthgate.resources.discovery import Endpoint, EndpointSlice
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = (EndpointSlice, Pod, Service)
"""What rules are made from."""
PROTOCOLS: Final[Mapping[str, str]] = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}
"""By Kubernetes' word, the kernel's."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Place(NamedTuple):
    """Where a connection goes to. protocol: the kernel's word."""

    address: Address
    protocol: str
    port: int


class Target(NamedTuple):
    """Where a server listens."""

    address: Address
    port: int


class Rule(NamedTuple):
    """What becomes of connections to one place.

    targets: sorted; none: connections are refused. is_sticky: a client stays with one target while there are the
    same. keeps_client: targets see the client's address. sources: networks that may connect; None: all.
    """

    place: Place
    service: Key
    targets: tuple[Target, ...]
    is_sticky: bool = False
    keeps_client: bool = False
    sources: tuple[Network, ...] | None = None


class Rules(NamedTuple):
    """rules: sorted, one for each place."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[Problem, ...] = ()


def rules(snapshot: Snapshot, node: str, *, lb_class: str = "", served: frozenset[Place] = frozenset()) -> Rules:
    """For the Services that hold addresses. node: our name. served: places where this program listens itself."""
    slices: defaultdict[Key, list[EndpointSlice]] = defaultdict(list)
    for slice_ in snapshot.all(EndpointSlice):
        slices[slice_.service_key].append(slice_)
    pods = snapshot.all(Pod)
    found: dict[Place, Rule] = {}
    problems: list[Problem] = []
    for service in snapshot.all(Service):
        addresses = held_by(service) if is_ours(service, lb_class) else ()
        if not addresses or leads_to_part(service, pods):
            continue
        ends = slices.get(service.key, [])
        problems += _unsupported(service, ends)
        for rule in _of_service(service, addresses, ends, node):
            if rule.place in served:
                continue
            first = found.setdefault(rule.place, rule)
            if first is not rule:
                problems.append(_taken(service, first))
    return Rules(tuple(found[place] for place in sorted(found, key=_order)), tuple(sorted(set(problems))))


def _of_service(
    service: Service, addresses: Iterable[Address], ends: Iterable[EndpointSlice], node: str
) -> Iterator[Rule]:
    spec = service.spec
    keeps_client = spec.external_traffic_policy == "Local"
    networks = tuple(_networks(service)) if spec.load_balancer_source_ranges else None
    for port in spec.ports:
        protocol = PROTOCOLS.get(port.protocol)
        if protocol is None:
            continue  # the API takes no other
        if not any(_numbers(port, slice_) for slice_ in ends):
            continue
        ready, elsewhere = _ready(port, ends, node if keeps_client else None)
        for address in addresses:
            place = Place(address, protocol, port.port)
            targets = {_reached(target, place) for target in ready if target.address.version == address.version}
            if not targets and any(target.address.version == address.version for target in elsewhere):
                continue  # another node leads to them; from this one the network does
            sources = networks
            if networks is not None:
                own = (network for network in networks if network.version == address.version)
                sources = tuple(ipaddress.collapse_addresses(own))  # type: ignore[type-var]
            yield Rule(
                place,
                service.key,
                tuple(sorted(targets, key=lambda target: (int(target.address), target.port))),
                is_sticky=spec.session_affinity == "ClientIP",
                keeps_client=keeps_client,
                sources=sources,
            )


def _reached(target: Target, place: Place) -> Target:
    return target._replace(address=place.address) if target.address.is_loopback else target


def _ready(
    port: ServicePort, ends: Iterable[EndpointSlice], node: str | None
) -> tuple[frozenset[Target], frozenset[Target]]:
    """Those that serve, here and on other nodes. node: only its endpoints are ours; None: all are. Endpoints that
    end count while there are no others, as with kube-proxy."""
    ready: dict[bool, set[Target]] = {True: set(), False: set()}
    ending: dict[bool, set[Target]] = {True: set(), False: set()}
    for slice_ in ends:
        numbers = _numbers(port, slice_)
        for endpoint in slice_.endpoints or ():
            is_here = node is None or (endpoint.node_name or node) == node
            into = ready if _is_ready(endpoint) else ending if _is_ending(endpoint) else None
            if into is not None:
                into[is_here].update(
                    Target(address, number) for address in _addresses(endpoint) for number in numbers
                )
    chosen = ready[True] or ending[True]
    return frozenset(chosen), frozenset(ready[False] | ending[False])


def _numbers(port: ServicePort, slice_: EndpointSlice) -> tuple[int, ...]:
    """At which ports the endpoints of a slice serve this one of the Service. A port without a number means all."""
    any_ = (port.target_port if isinstance(port.target_port, int) else 0) or port.port
    return tuple(
        one.port or any_
        for one in slice_.ports or ()
        if (one.name or "") == port.name and (one.protocol or "TCP") == port.protocol
    )


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions.ready is not False


def _is_ending(endpoint: Endpoint) -> bool:
    return bool(endpoint.conditions.serving and endpoint.conditions.terminating)


def _addresses(endpoint: Endpoint) -> Iterator[Address]:
    for text in endpoint.addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue  # a name: `_unsupported` tells
        if not address.is_unspecified and not address.is_multicast:
            yield address


def _networks(service: Service) -> Iterator[Network]:
    for text in service.spec.load_balancer_source_ranges:
        try:
            yield ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            continue  # `_unsupported` tells; what cannot be read lets nobody in


def _unsupported(service: Service, ends: Iterable[EndpointSlice]) -> Iterator[Problem]:
    spec = service.spec
    for place, text in enumerate(spec.load_balancer_source_ranges):
        try:
            ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            message = f"{shorten(text)} is no network (192.168.1.0/24), so nobody is let in by it"
            yield _problem(service, f"spec.loadBalancerSourceRanges[{place}]", Reason.INVALID_VALUE, message)
    if spec.health_check_node_port:
        message = f"{spec.health_check_node_port} is not served: the speaker itself looks at endpoints"
        yield _problem(service, "spec.healthCheckNodePort", Reason.UNSUPPORTED, message)
    names = sorted(
        text
        for slice_ in ends
        if slice_.address_type == "FQDN"
        for endpoint in slice_.endpoints or ()
        for text in endpoint.addresses
    )
    if names:
        message = (
            f"the kernel leads to addresses only, and {shorten(names[0])} is a name: write its address, "
            "or lead to it by an IngressRouteTCP or IngressRouteUDP"
        )
        yield _problem(service, "endpoints", Reason.UNSUPPORTED, message)


def _taken(service: Service, first: Rule) -> Problem:
    place = first.place
    message = (
        f"{place.address} port {place.port}/{place.protocol} leads to Service {'/'.join(first.service)}: "
        "give one of the two another port"
    )
    return _problem(service, "spec.ports", Reason.LISTENER_CONFLICT, message)


def _problem(service: Service, field: str, reason: Reason, message: str) -> Problem:
    return Problem(ref=service.ref, field=field, reason=reason, message=message, severity=Severity.WARNING)


def _order(place: Place) -> tuple[int, int, str, int]:
    return place.address.version, int(place.address), place.protocol, place.port
