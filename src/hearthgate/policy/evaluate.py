"""Whether one end may reach another, and what decides: NetworkPolicy and ClusterNetworkPolicy to the letter. Pure.

A connection needs the source's egress and the destination's ingress. Of each: Admin policies, in their order, then
NetworkPolicies if one isolates the pod, else Baseline policies, else it is open. Replies always pass; a pod
reaches itself and its own node, and its node reaches it.
"""

import ipaddress
from enum import StrEnum
from typing import NamedTuple

from hearthgate.model.refs import ObjectRef
from hearthgate.policy.compiled import Rule
from hearthgate.policy.ends import End, Outside, PodEnd
from hearthgate.policy.ports import ALL, NONE, PortSet, Protocol
from hearthgate.policy.tiers import TierPolicy, TierRule
from hearthgate.policy.world import Direction, World, rules_of


class State(StrEnum):
    """OPEN: no policy speaks of it. EXEMPT: no policy may. ALLOWED, DENIED: a policy decides."""

    OPEN = "open"
    EXEMPT = "exempt"
    ALLOWED = "allowed"
    DENIED = "denied"


class Side(NamedTuple):
    """One direction of a connection.

    rule: what decides, with its name in `named`; None when nothing does, or when nothing of the `isolating`
    policies matches.
    """

    state: State
    rule: Rule | None = None
    named: str = ""
    isolating: tuple[ObjectRef, ...] = ()

    @property
    def passes(self) -> bool:
        return self.state is not State.DENIED


class Verdict(NamedTuple):
    egress: Side
    ingress: Side

    @property
    def allowed(self) -> bool:
        return self.egress.passes and self.ingress.passes


class Flow(NamedTuple):
    """version: of IP, when addresses of pods in blocks shall count for one family only."""

    source: End
    destination: End
    version: int | None = None

    def subject(self, direction: Direction) -> End:
        return self.destination if direction is Direction.INGRESS else self.source

    def peer(self, direction: Direction) -> End:
        return self.source if direction is Direction.INGRESS else self.destination


def check(world: World, flow: Flow, protocol: Protocol, port: int) -> Verdict:
    sides = {direction: _side(world, flow, direction, protocol, port) for direction in Direction}
    return Verdict(sides[Direction.EGRESS], sides[Direction.INGRESS])


def reach(world: World, flow: Flow) -> PortSet:
    """Every port of the destination that the source reaches."""
    egress = _open_ports(world, flow, Direction.EGRESS)
    return egress & _open_ports(world, flow, Direction.INGRESS) if egress != NONE else NONE


def judged(flow: Flow, direction: Direction) -> PodEnd | None:
    """The pod whose policies have a say. None when none have: about what is no pod of its own, between a pod and
    itself, between a pod and its node."""
    subject, peer = flow.subject(direction), flow.peer(direction)
    if not isinstance(subject, PodEnd) or subject.host_network:
        return None
    if isinstance(peer, PodEnd) and peer.key == subject.key:
        return None
    from_node = isinstance(peer, Outside) or peer.host_network
    return None if from_node and peer.node and peer.node == subject.node else subject


def _side(world: World, flow: Flow, direction: Direction, protocol: Protocol, port: int) -> Side:
    subject = judged(flow, direction)
    if subject is None:
        return Side(State.EXEMPT)

    def matches(rule: Rule) -> bool:
        return rule.knows(flow.peer(direction), flow.version) and rule.ports_at(flow.destination).holds(
            protocol, port
        )

    def of_tier(tier: str) -> Side | None:
        for policy in world.tiers[tier]:
            for each in _rules(policy, direction) if subject.key in policy.pods else ():
                if matches(each.rule):
                    return None if each.action == "Pass" else _decided(each)
        return None

    if (decided := of_tier("Admin")) is not None:
        return decided
    isolating = world.isolates(direction, subject.key)
    refs = tuple(policy.ref for policy in isolating)
    for policy in isolating:
        for rule in rules_of(policy, direction) or ():
            if matches(rule):
                return Side(State.ALLOWED, rule, isolating=refs)
    if isolating:
        return Side(State.DENIED, isolating=refs)
    return of_tier("Baseline") or Side(State.OPEN)


def _open_ports(world: World, flow: Flow, direction: Direction) -> PortSet:
    subject = judged(flow, direction)
    if subject is None:
        return ALL
    accepted, _, left = _of_tier(world.tiers["Admin"], flow, direction, subject, ALL)
    isolating = world.isolates(direction, subject.key)
    if isolating:
        for policy in isolating:
            for rule in rules_of(policy, direction) or ():
                if rule.knows(flow.peer(direction), flow.version):
                    accepted = accepted | (left & rule.ports_at(flow.destination))
        return accepted
    allowed, denied, _ = _of_tier(world.tiers["Baseline"], flow, direction, subject, left)
    return accepted | allowed | (left & ~denied)


def _of_tier(
    tier: tuple[TierPolicy, ...], flow: Flow, direction: Direction, subject: PodEnd, left: PortSet
) -> tuple[PortSet, PortSet, PortSet]:
    """Of the ports in `left`: accepted, denied, and what comes to the next tier."""
    accepted, denied, passed = NONE, NONE, NONE
    for policy in tier:
        for each in _rules(policy, direction) if subject.key in policy.pods else ():
            if not each.rule.knows(flow.peer(direction), flow.version):
                continue
            met = left & each.rule.ports_at(flow.destination)
            left = left & ~met
            match each.action:
                case "Accept":
                    accepted = accepted | met
                case "Deny":
                    denied = denied | met
                case "Pass":
                    passed = passed | met
    return accepted, denied, left | passed


def _rules(policy: TierPolicy, direction: Direction) -> tuple[TierRule, ...]:
    return policy.ingress if direction is Direction.INGRESS else policy.egress


def _decided(each: TierRule) -> Side:
    state = State.ALLOWED if each.action == "Accept" else State.DENIED
    return Side(state, each.rule, each.name)


def internet(world: World) -> Outside:
    """An address of the internet that as few blocks and exceptions as possible name."""
    named = [
        network
        for policy in world.policies
        for rule in (*(policy.ingress or ()), *(policy.egress or ()))
        for block in rule.blocks
        for network in (block.network, *block.excepts)
    ]
    candidates = (ipaddress.IPv4Address((first << 24) + 0x000101) for first in range(11, 224))
    public = [address for address in candidates if address.is_global]
    best = min(public, key=lambda address: sum(address in network for network in named))
    return Outside(best, is_internet=True)
