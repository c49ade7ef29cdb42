"""Policies that let through what pods were seen to do, and others would refuse. Pure."""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.ends import NAME_LABEL, Address, PodEnd
from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.observed import Observed, Peer
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import Direction, world
from hearthgate.resources.core import Namespace
from hearthgate.resources.networking import NetworkPolicy

Object = dict[str, Any]
_INTERNET: Final[dict[int, Object]] = {
    4: {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]},
    6: {"cidr": "::/0", "except": ["fc00::/7"]},
}
"""Addresses of the internet are never the same ones."""
_SHOWN: Final = 5


class Learned(NamedTuple):
    """Of pods with these labels: who uses which of their ports, or whose ports they use."""

    direction: Direction
    labels: dict[str, str]
    rules: list[Object]
    why: tuple[str, ...]


def learned(
    snapshot: Snapshot, made: Iterable[Object], flows: Iterable[Observed], namespace: str, *, egress: bool
) -> Iterator[Learned]:
    """What lacks in the policies that are made so far. egress: whether these close what pods send."""
    directions = (Direction.INGRESS, Direction.EGRESS) if egress else (Direction.INGRESS,)
    ordered = sorted(flows, key=lambda flow: str(flow.key))
    for direction in directions:
        groups: defaultdict[tuple[tuple[str, str], ...], list[Observed]] = defaultdict(list)
        for flow in _refused(snapshot, made, ordered, namespace, direction):
            _, labels, _ = _subject(flow, direction).key
            groups[labels].append(flow)
        for labels, group in sorted(groups.items()):
            yield Learned(direction, dict(labels), _rules(group, direction), tuple(_why(group)))


def _refused(
    snapshot: Snapshot, made: Iterable[Object], flows: list[Observed], namespace: str, direction: Direction
) -> Iterator[Observed]:
    """Those of the namespace that would not pass its end."""
    peers = {peer.key: peer for flow in flows for peer in (flow.source, flow.destination)}
    ends = {key: peer.end(number) for number, (key, peer) in enumerate(peers.items())}
    policies = [msgspec.convert(policy, NetworkPolicy) for policy in made]
    seen = world(
        Snapshot.of([*snapshot.all(Namespace), *policies]),
        also=[end for end in ends.values() if isinstance(end, PodEnd)],
    )
    for flow in flows:
        if _subject(flow, direction).namespace != namespace:
            continue
        verdict = check(seen, Flow(ends[flow.source.key], ends[flow.destination.key]), flow.protocol, flow.port)
        side = verdict.ingress if direction is Direction.INGRESS else verdict.egress
        if not side.passes:
            yield flow


def _rules(group: list[Observed], direction: Direction) -> list[Object]:
    """Peers that use the same ports share a rule."""
    ports: defaultdict[str, set[tuple[Protocol, int]]] = defaultdict(set)
    blocks: dict[str, Object] = {}
    for flow in group:
        peer = _block(flow.source if direction is Direction.INGRESS else flow.destination)
        text = msgspec.json.encode(peer, order="deterministic").decode()
        blocks[text] = peer
        ports[text].add((flow.protocol, flow.port))
    shared: defaultdict[tuple[tuple[Protocol, int], ...], list[Object]] = defaultdict(list)
    for text, numbers in sorted(ports.items()):
        shared[tuple(sorted(numbers))].append(blocks[text])
    key = "from" if direction is Direction.INGRESS else "to"
    return [
        {key: peers, "ports": [{"protocol": protocol.value, "port": port} for protocol, port in numbers]}
        for numbers, peers in sorted(shared.items())
    ]


def _block(peer: Peer) -> Object:
    if peer.namespace:
        selector: Object = {"matchLabels": dict(sorted(peer.labels.items()))} if peer.labels else {}
        return {"namespaceSelector": {"matchLabels": {NAME_LABEL: peer.namespace}}, "podSelector": selector}
    address: Address = ipaddress.ip_address(peer.address)
    if address.is_global:
        return {"ipBlock": _INTERNET[address.version]}
    return {"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}


def _why(group: list[Observed]) -> Iterator[str]:
    yield "seen, and refused without this:"
    for flow in group[:_SHOWN]:
        yield f"  {flow.source} → {flow.destination}, {flow.protocol}:{flow.port}"
    if len(group) > _SHOWN:
        yield f"  and {len(group) - _SHOWN} more"


def _subject(flow: Observed, direction: Direction) -> Peer:
    return flow.destination if direction is Direction.INGRESS else flow.source
