"""ClusterNetworkPolicies as ordered rules that accept, deny or pass. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.compiled import Block, NamedPort, Rule, networks
from hearthgate.policy.ends import Address
from hearthgate.policy.ports import ALL, NONE, PortSet, Protocol, ports
from hearthgate.policy.selection import Keys, Selection
from hearthgate.resources.policy import (
    Action,
    ClusterEgressRule,
    ClusterIngressRule,
    ClusterNetworkPolicy,
    EgressPeer,
    IngressPeer,
    PolicyProtocol,
    ProtocolPorts,
    Subject,
)

Nodes = Mapping[Address, Mapping[str, str]]
"""Labels of nodes by their addresses."""


class TierRule(NamedTuple):
    """name: as the policy calls it."""

    action: Action
    rule: Rule
    name: str = ""


class TierPolicy(NamedTuple):
    """pods: those that it is about."""

    ref: ObjectRef
    tier: str
    priority: int
    pods: Keys
    ingress: tuple[TierRule, ...]
    egress: tuple[TierRule, ...]


def tier_policy(
    policy: ClusterNetworkPolicy, selection: Selection, nodes: Nodes
) -> tuple[TierPolicy, tuple[Problem, ...]]:
    """A peer of a kind that cannot be known here is met by nobody who would be accepted, and by everybody else: it
    fails closed."""
    spec, problems = policy.spec, list[Problem]()
    known = Known(policy.ref, selection, nodes, problems)
    ingress = tuple(
        _rule(known, f"spec.ingress[{place}]", place, each, each.from_) for place, each in enumerate(spec.ingress)
    )
    egress = tuple(
        _rule(known, f"spec.egress[{place}]", place, each, each.to) for place, each in enumerate(spec.egress)
    )
    pods = _subject(spec.subject, selection)
    return TierPolicy(policy.ref, spec.tier, spec.priority, pods, ingress, egress), tuple(problems)


class Known(NamedTuple):
    """What a policy is read with. problems: what is wrong with it joins."""

    ref: ObjectRef
    selection: Selection
    nodes: Nodes
    problems: list[Problem]


def _rule(
    known: Known,
    field: str,
    place: int,
    said: ClusterIngressRule | ClusterEgressRule,
    peers: Iterable[IngressPeer | EgressPeer],
) -> TierRule:
    parts = [_peer(known, field, peer) for peer in peers]
    everybody = said.action != "Accept" and None in parts
    pods: Keys = frozenset().union(*(part[0] for part in parts if part is not None))
    blocks = tuple(block for part in parts if part is not None for block in part[1])
    numbers, named = _protocols(said.protocols)
    return TierRule(said.action, Rule(known.ref, place, everybody, pods, blocks, numbers, named), said.name)


def _subject(subject: Subject, selection: Selection) -> Keys:
    if subject.namespaces is not None:
        return selection.across(subject.namespaces)
    if subject.pods is not None:
        return selection.across(subject.pods.namespace_selector, subject.pods.pod_selector)
    return frozenset()


def _peer(known: Known, field: str, peer: IngressPeer | EgressPeer) -> tuple[Keys, tuple[Block, ...]] | None:
    """None for what cannot be known."""
    selection, problems = known.selection, known.problems
    if peer.namespaces is not None:
        return selection.across(peer.namespaces), ()
    if peer.pods is not None:
        return selection.across(peer.pods.namespace_selector, peer.pods.pod_selector), ()
    if isinstance(peer, EgressPeer) and peer.networks:
        before = len(problems)
        found = tuple(Block(each) for each in networks(known.ref, f"{field}.networks", peer.networks, problems))
        return (frozenset(), found) if len(problems) == before else None
    if isinstance(peer, EgressPeer) and peer.nodes is not None:
        own = (address for address, labels in known.nodes.items() if peer.nodes.matches(labels))
        return frozenset(), tuple(Block(ipaddress.ip_network(address)) for address in own)
    return None


def _protocols(entries: tuple[PolicyProtocol, ...]) -> tuple[PortSet, tuple[NamedPort, ...]]:
    if not entries:
        return ALL, ()
    numbers, named = NONE, list[NamedPort]()
    for entry in entries:
        for protocol, said in ((Protocol.TCP, entry.tcp), (Protocol.UDP, entry.udp), (Protocol.SCTP, entry.sctp)):
            if said is not None:
                numbers = numbers | _numbers(protocol, said)
        if entry.destination_named_port:
            named.append(NamedPort(entry.destination_named_port, None))
    return numbers, tuple(named)


def _numbers(protocol: Protocol, said: ProtocolPorts) -> PortSet:
    port = said.destination_port
    if port is None:
        return ports(protocol)
    if port.number is not None:
        return ports(protocol, port.number, port.number)
    return ports(protocol, port.range.start, port.range.end) if port.range is not None else NONE
