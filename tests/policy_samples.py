"""Pods, namespaces and policies in few words."""

import random
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.evaluate import Flow, Verdict, check
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import World, world
from hearthgate.resources.core import Namespace, Node, Pod
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import NetworkPolicy
from hearthgate.resources.policy import ClusterNetworkPolicy


def namespace(name: str, **labels: str) -> Namespace:
    return msgspec.convert({"metadata": {"name": name, "namespace": "", "labels": labels}}, Namespace)


def pod(
    name: str,
    *addresses: str,
    labels: Mapping[str, str] | None = None,
    ports: Iterable[tuple[str, str, int]] = (),
    phase: str = "Running",
    **spec: Any,
) -> Pod:
    """name: NAMESPACE/NAME; without labels it has app=NAME. ports: name, protocol, number."""
    space, _, own = name.partition("/")
    listed = [{"name": port, "protocol": protocol, "containerPort": number} for port, protocol, number in ports]
    content = {
        "metadata": {"name": own, "namespace": space, "labels": {"app": own} if labels is None else labels},
        "spec": {"containers": [{"name": "main", "ports": listed}], **spec},
        "status": {"phase": phase, "podIPs": [{"ip": address} for address in addresses]},
    }
    return msgspec.convert(content, Pod)


def node(name: str, address: str) -> Node:
    content = {
        "metadata": {"name": name, "namespace": ""},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }
    return msgspec.convert(content, Node)


def policy(name: str, **spec: Any) -> NetworkPolicy:
    """name: NAMESPACE/NAME. Without a podSelector it selects all."""
    space, _, own = name.partition("/")
    content = {"metadata": {"name": own, "namespace": space}, "spec": {"podSelector": {}, **spec}}
    return msgspec.convert(content, NetworkPolicy)


def cluster_policy(name: str, tier: str, priority: int, subject: Mapping[str, Any], **rules: Any) -> Resource:
    spec = {"tier": tier, "priority": priority, "subject": subject, **rules}
    return msgspec.convert({"metadata": {"name": name, "namespace": ""}, "spec": spec}, ClusterNetworkPolicy)


def app(name: str) -> dict[str, Any]:
    """A selector of labels."""
    return {"matchLabels": {"app": name}}


def named(name: str) -> dict[str, Any]:
    """A selector of one namespace."""
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def crowd(pods: int, policies: int, spaces: int, *, port: int = 8080) -> list[Resource]:
    """The same at every call. port: that pods serve, and policies open."""
    chance = random.Random(1)
    made: list[Resource] = [namespace(f"n{number}") for number in range(spaces)]
    for number in range(1, pods + 1):
        labels = {"app": f"a{number % 37}", "tier": chance.choice(["front", "back"]), "id": str(number)}
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        made.append(pod(f"n{number % spaces}/p{number}", address, labels=labels, ports=[("http", "TCP", port)]))
    return made + [policy(f"n{number % spaces}/q{number}", **_rules(number, port)) for number in range(policies)]


def _rules(number: int, port: int) -> dict[str, Any]:
    """One of five closes a namespace, the others open something to pods of all namespaces and to a block."""
    if number % 5 == 0:
        return {"policyTypes": ["Ingress"]}
    block = {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/26", "10.0.1.0/24"]}
    peers = [{"namespaceSelector": {}, "podSelector": app(f"a{number * 2 % 37}")}, {"ipBlock": block}]
    front = {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]}
    return {
        "podSelector": app(f"a{number % 37}"),
        "ingress": [
            {"from": peers, "ports": [{"port": port}, {"port": "http"}]},
            {"from": [{"podSelector": front}]},
        ],
    }


class Lab:
    """What some objects make of connections between ends: `a/x` is a pod, all else an address."""

    def __init__(self, *objects: Resource) -> None:
        self.world: World = world(Snapshot.of(objects))

    def end(self, text: str) -> Any:
        space, slash, name = text.partition("/")
        return self.world.pods[space, name] if slash else self.world.at(ip_address(text))

    def flow(self, source: str, destination: str) -> Flow:
        return Flow(self.end(source), self.end(destination))

    def check(self, source: str, destination: str, port: int = 80, protocol: str = "TCP") -> Verdict:
        return check(self.world, self.flow(source, destination), Protocol(protocol), port)

    def passes(self, source: str, destination: str, port: int = 80, protocol: str = "TCP") -> bool:
        return self.check(source, destination, port, protocol).allowed
