"""From a Service to what it asks for. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import Final, NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.requests import Request
from hearthgate.model.problems import shorten
from hearthgate.resources.core import Service

PREFIX: Final = "metallb.io/"
OLD_PREFIX: Final = "metallb.universe.tf/"
ADDRESSES: Final = "loadBalancerIPs"
POOL: Final = "address-pool"
SHARING: Final = "allow-shared-ip"
ALLOCATED_FROM: Final = f"{PREFIX}ip-allocated-from-pool"
_VERSIONS: Final = {"IPv4": 4, "IPv6": 6}


class Mistake(NamedTuple):
    """reason: of the Event. keeps: whether the Service keeps the addresses that it has."""

    reason: str
    message: str
    keeps: bool = False


def is_ours(service: Service, lb_class: str) -> bool:
    """Whether the Service is of type LoadBalancer and of the class that we serve."""
    return service.spec.type == "LoadBalancer" and (service.spec.load_balancer_class or "") == lb_class


def request_of(service: Service) -> Request | Mistake:
    if service.spec.cluster_ip == "None":
        return Mistake("noclusterIPsIPFamily", "a headless Service (clusterIP: None) cannot have an address")
    addresses = _addresses(service)
    if isinstance(addresses, Mistake):
        return addresses
    versions = _versions(service, addresses)
    if isinstance(versions, Mistake):
        return versions
    sharing = annotation(service, SHARING)
    return Request(
        key=service.key,
        versions=versions,
        labels=service.metadata.labels,
        may_be_single=service.spec.ip_family_policy == "PreferDualStack",
        addresses=addresses,
        pool=annotation(service, POOL),
        sharing=sharing,
        backend=_backend(service) if sharing else "",
        ports=frozenset((port.protocol, port.port) for port in service.spec.ports),
    )


def held_by(service: Service) -> tuple[Address, ...]:
    """The addresses that the status says; host names are not ours."""
    if service.status is None:
        return ()
    found = []
    for point in service.status.load_balancer.ingress:
        try:
            found.append(ipaddress.ip_address(point.ip))
        except ValueError:
            continue
    return tuple(found)


def annotation(service: Service, name: str) -> str:
    """Under the present prefix, else under the old one."""
    annotations = service.metadata.annotations
    return annotations.get(f"{PREFIX}{name}", annotations.get(f"{OLD_PREFIX}{name}", "")).strip()


def deprecated(service: Service) -> tuple[str, ...]:
    """Annotations under the old prefix, which is going to be forgotten."""
    return tuple(sorted(name for name in service.metadata.annotations if name.startswith(OLD_PREFIX)))


def _addresses(service: Service) -> tuple[Address, ...] | Mistake:
    text, field = annotation(service, ADDRESSES), service.spec.load_balancer_ip
    if text and field:
        message = (
            f"spec.loadBalancerIP and the annotation {PREFIX}{ADDRESSES} exclude each other: keep the annotation"
        )
        return Mistake("LoadBalancerFailed", message, keeps=True)
    place = f"annotation {PREFIX}{ADDRESSES}" if text else "spec.loadBalancerIP"
    found: list[Address] = []
    for item in (text or field).split(",") if text or field else ():
        try:
            found.append(ipaddress.ip_address(item.strip()))
        except ValueError:
            return Mistake("LoadBalancerFailed", f"{place}: {shorten(item.strip())} is no IP address", keeps=True)
    if len({address.version for address in found}) != len(found):
        message = f"{place}: at most one IPv4 and one IPv6 address can be asked for"
        return Mistake("LoadBalancerFailed", message, keeps=True)
    return tuple(found)


def _versions(service: Service, addresses: tuple[Address, ...]) -> tuple[int, ...] | Mistake:
    """Of the cluster addresses; on a box that has none, of what is asked for, else IPv4."""
    spec = service.spec
    named = tuple(_VERSIONS[family] for family in spec.ip_families if family in _VERSIONS)
    cluster = tuple(dict.fromkeys(_cluster_versions(service)))
    if spec.ip_family_policy == "RequireDualStack" and cluster and len(cluster) < 2:
        return Mistake(
            "not enough clusterips", "it requires two families, and the cluster gave it one address only"
        )
    if cluster:
        return cluster
    if spec.ip_family_policy in {"RequireDualStack", "PreferDualStack"}:
        first = named[0] if named else 4
        return (first, 10 - first)
    return named[:1] or tuple(address.version for address in addresses) or (4,)


def _cluster_versions(service: Service) -> Iterator[int]:
    spec = service.spec
    for text in spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ()):
        try:
            yield ipaddress.ip_address(text).version
        except ValueError:
            continue


def _backend(service: Service) -> str:
    """What must be the same of two Services on one address when traffic stays on the node that announces it."""
    if service.spec.external_traffic_policy != "Local":
        return ""
    return ",".join(f"{name}={value}" for name, value in sorted(service.spec.selector.items()))
