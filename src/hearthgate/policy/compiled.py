"""NetworkPolicies as sets of pods, blocks of addresses and ports. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from hearthgate.model.problems import Problem, Reason, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.ends import Address, End, PodEnd, addresses_of
from hearthgate.policy.ports import ALL, NONE, PortSet, Protocol, ports
from hearthgate.policy.selection import Keys, Selection
from hearthgate.resources.networking import IPBlock, NetworkPolicy, PolicyPeer, PolicyPort

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Block(NamedTuple):
    """Addresses of a network that are in none of `excepts`."""

    network: Network
    excepts: tuple[Network, ...] = ()

    def holds(self, address: Address) -> bool:
        return address in self.network and not any(address in each for each in self.excepts)


class NamedPort(NamedTuple):
    """A port by the name that the pod of the destination gives it; protocol None: whichever that says."""

    name: str
    protocol: Protocol | None


class Rule(NamedTuple):
    """Any of the peers to any of the ports.

    place: its number in its policy's list of the direction. everybody: no peer is named, so all are meant.
    pods, blocks: the peers. numbers: the ports; named: those that each destination numbers itself.
    """

    policy: ObjectRef
    place: int
    everybody: bool
    pods: Keys
    blocks: tuple[Block, ...]
    numbers: PortSet
    named: tuple[NamedPort, ...] = ()

    def knows(self, peer: End, version: int | None = None) -> bool:
        """Whether the peer is among those that it names. version: of the addresses by which pods count too."""
        if self.everybody:
            return True
        if isinstance(peer, PodEnd) and not peer.host_network and peer.key in self.pods:
            return True
        return bool(self.blocks) and any(
            block.holds(address)
            for address in addresses_of(peer)
            if version in (None, address.version)
            for block in self.blocks
        )

    def ports_at(self, destination: End) -> PortSet:
        """Which ports of a destination it lets through."""
        if not self.named or not isinstance(destination, PodEnd) or destination.host_network:
            return self.numbers
        found = self.numbers
        for wanted in self.named:
            for port in destination.ports:
                if port.name == wanted.name and wanted.protocol in (None, port.protocol):
                    found = found | ports(port.protocol, port.number, port.number)
        return found


class Policy(NamedTuple):
    """pods: those that it selects. ingress, egress: None when it says nothing of that direction."""

    ref: ObjectRef
    pods: Keys
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None


def compiled(policy: NetworkPolicy, selection: Selection) -> tuple[Policy, tuple[Problem, ...]]:
    """What cannot be read lets nobody through, and is told."""
    spec, problems = policy.spec, list[Problem]()
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))

    def rule(index: int, field: str, peers: tuple[PolicyPeer, ...], ports_: tuple[PolicyPort, ...]) -> Rule:
        blocks, pods = list[Block](), list[Keys]()
        for number, peer in enumerate(peers):
            if peer.ip_block is not None:
                blocks += _block(policy.ref, f"{field}[{number}].ipBlock", peer.ip_block, problems)
            else:
                pods.append(_pods(policy.metadata.namespace, peer, selection))
        numbers, named = _ports(ports_)
        everyone = frozenset().union(*pods) if len(pods) != 1 else pods[0]
        return Rule(policy.ref, index, not peers, everyone, tuple(blocks), numbers, named)

    ingress = tuple(
        rule(index, f"spec.ingress[{index}].from", each.from_, each.ports)
        for index, each in enumerate(spec.ingress)
    )
    egress = tuple(
        rule(index, f"spec.egress[{index}].to", each.to, each.ports) for index, each in enumerate(spec.egress)
    )
    made = Policy(
        policy.ref,
        selection.within(policy.metadata.namespace, spec.pod_selector),
        ingress if "Ingress" in types else None,
        egress if "Egress" in types else None,
    )
    return made, tuple(problems)


def networks(ref: ObjectRef, field: str, texts: tuple[str, ...], problems: list[Problem]) -> Iterator[Network]:
    """Those that can be read; of others a problem joins."""
    for text in texts:
        try:
            yield ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            message = f"{shorten(text)} is no network (192.168.1.0/24), so nobody is meant by it"
            problems.append(Problem(ref=ref, field=field, reason=Reason.INVALID_VALUE, message=message))


def _block(ref: ObjectRef, field: str, block: IPBlock, problems: list[Problem]) -> Iterator[Block]:
    """None when a part cannot be read: an exception that is overlooked would open what it should close."""
    before = len(problems)
    whole = list(networks(ref, f"{field}.cidr", (block.cidr,), problems))
    excepts = tuple(networks(ref, f"{field}.except", block.except_, problems))
    if len(problems) == before:
        yield Block(whole[0], excepts)


def _pods(namespace: str, peer: PolicyPeer, selection: Selection) -> Keys:
    if peer.namespace_selector is not None:
        return selection.across(peer.namespace_selector, peer.pod_selector)
    if peer.pod_selector is not None:
        return selection.within(namespace, peer.pod_selector)
    return frozenset()


def _ports(entries: tuple[PolicyPort, ...]) -> tuple[PortSet, tuple[NamedPort, ...]]:
    if not entries:
        return ALL, ()
    numbers, named = NONE, list[NamedPort]()
    for entry in entries:
        protocol = Protocol(entry.protocol)
        if entry.port is None:
            numbers = numbers | ports(protocol)
        elif isinstance(entry.port, int):
            numbers = numbers | ports(protocol, entry.port, entry.end_port or entry.port)
        else:
            named.append(NamedPort(entry.port, protocol))
    return numbers, tuple(named)
