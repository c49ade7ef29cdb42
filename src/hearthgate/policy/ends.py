"""The ends of a connection: pods, and addresses outside of them. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.policy.ports import Protocol
from hearthgate.resources.core import Namespace, Node, Pod

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""On every namespace, put there by the API server."""
_OVER: Final = frozenset(("Succeeded", "Failed"))
_PASSING: Final = frozenset(
    (
        *("pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"),
        *("helm.sh/chart", "app.kubernetes.io/version", "apps.kubernetes.io/pod-index"),
    )
)
"""Labels that change with every version or pod."""


class ContainerPort(NamedTuple):
    """A port that a pod says it serves; policies may use its name."""

    name: str
    protocol: Protocol
    number: int


class PodEnd(NamedTuple):
    """addresses: of both families, as far as known; policies judge by labels without any. host_network: it has
    its node's address, so policies neither select it nor know it as a pod. workload: the name of what made it."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    addresses: tuple[Address, ...] = ()
    node: str = ""
    host_network: bool = False
    ports: tuple[ContainerPort, ...] = ()
    workload: str = ""

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Outside(NamedTuple):
    """What is no pod. node: the name of the node that has the address. is_internet: it stands for all that is far
    away."""

    address: Address
    node: str = ""
    is_internet: bool = False

    def __str__(self) -> str:
        if self.is_internet:
            return "the internet"
        return f"{self.address} (node {self.node})" if self.node else str(self.address)


End = PodEnd | Outside


def addresses_of(end: End) -> tuple[Address, ...]:
    return end.addresses if isinstance(end, PodEnd) else (end.address,)


def lasting(labels: Mapping[str, str]) -> dict[str, str]:
    """What a selector may ask for, in a fixed order: without labels that change with every version or pod."""
    return {key: value for key, value in sorted(labels.items()) if key not in _PASSING}


def pods_of(snapshot: Snapshot) -> Iterator[PodEnd]:
    """Those that are not over."""
    for pod in snapshot.all(Pod):
        if pod.status is None or pod.status.phase not in _OVER:
            yield _pod(pod)


def pods_on(snapshot: Snapshot, node: str) -> Iterator[PodEnd]:
    """Those of a node."""
    return (pod for pod in pods_of(snapshot) if pod.node == node)


def namespaces_of(snapshot: Snapshot) -> dict[str, Mapping[str, str]]:
    """The labels of each."""
    return {
        one.metadata.name: {**one.metadata.labels, NAME_LABEL: one.metadata.name}
        for one in snapshot.all(Namespace)
    }


def nodes_of(snapshot: Snapshot) -> dict[Address, str]:
    """The names of nodes by their addresses."""
    return {
        address: node.metadata.name
        for node in snapshot.all(Node)
        for entry in (node.status.addresses if node.status is not None else ())
        for address in _addresses((entry.address,))
    }


def _pod(pod: Pod) -> PodEnd:
    status, spec = pod.status, pod.spec
    texts = (status.pod_ip, *(one.ip for one in status.pod_ips)) if status is not None else ()
    listed = (port for container in spec.containers for port in container.ports)
    return PodEnd(
        pod.metadata.namespace,
        pod.metadata.name,
        pod.metadata.labels,
        tuple(dict.fromkeys(_addresses(texts))),
        spec.node_name,
        spec.host_network,
        tuple(ContainerPort(port.name, Protocol(port.protocol), port.container_port) for port in listed),
        _workload(pod),
    )


def _workload(pod: Pod) -> str:
    """A Deployment's name is its ReplicaSet's without the hash."""
    owner = next((one for one in pod.metadata.owner_references if one.controller), None)
    if owner is None:
        return ""
    return owner.name.rpartition("-")[0] if owner.kind == "ReplicaSet" else owner.name


def _addresses(texts: Iterable[str]) -> Iterator[Address]:
    for text in texts:
        try:
            yield ipaddress.ip_address(text)
        except ValueError:
            continue  # a host name, or nothing yet
