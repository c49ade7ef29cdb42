"""Why a policy does not let a connection through, rule by rule: the nearest miss first. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.model.refs import ObjectRef
from hearthgate.policy.compiled import Rule
from hearthgate.policy.ends import NAME_LABEL, End, Outside, PodEnd, addresses_of, lasting
from hearthgate.policy.evaluate import Flow
from hearthgate.policy.ports import ALL, Protocol
from hearthgate.policy.world import Direction, World, rules_of
from hearthgate.resources.networking import NetworkPolicy, PolicyPeer
from hearthgate.resources.scalars import Selector

_NO_RULES: Final = 100
"""Further away than any rule: a policy without rules is there to close."""


class Miss(NamedTuple):
    """A rule that nearly matches. place: its number in the policy's list; None for a policy without rules in the
    direction. peers, ports: what does not fit; empty where it does. is_wide: the rule is about other pods too, or
    about all ports, so that more would be open with what does not fit in it."""

    policy: ObjectRef
    direction: Direction
    place: int | None
    peers: tuple[str, ...] = ()
    ports: str = ""
    is_wide: bool = False

    @property
    def distance(self) -> tuple[int, bool, bool]:
        parts = len(self.peers) + bool(self.ports) + _NO_RULES * (self.place is None)
        return parts, self.is_wide, bool(self.ports)

    @property
    def field(self) -> str:
        return f"spec.{self.direction}" if self.place is None else f"spec.{self.direction}[{self.place}]"


def misses(
    world: World,
    policies: Mapping[ObjectRef, NetworkPolicy],
    flow: Flow,
    direction: Direction,
    *,
    at: tuple[Protocol, int],
) -> tuple[Miss, ...]:
    """Of the policies that isolate the pod, by their distance. at: the port that is wanted."""
    subject = flow.subject(direction)
    if not isinstance(subject, PodEnd):
        return ()
    found: list[Miss] = []
    for policy in world.isolates(direction, subject.key):
        rules = rules_of(policy, direction) or ()
        written = policies[policy.ref]
        if not rules:
            found.append(Miss(policy.ref, direction, None))
        has_others = any(not _same(world.pods[key], subject) for key in policy.pods)
        for rule in rules:
            spec = written.spec
            listed = (
                spec.ingress[rule.place].from_ if direction is Direction.INGRESS else spec.egress[rule.place].to
            )
            peers = _peers(world, rule, listed, written.metadata.namespace, flow.peer(direction))
            ports = _ports(rule, flow.destination, *at)
            is_wide = has_others or (bool(peers) and rule.numbers == ALL)
            found.append(Miss(policy.ref, direction, rule.place, peers, ports, is_wide))
    return tuple(sorted(found, key=lambda miss: (miss.distance, miss.policy, miss.place or 0)))


class Opening(NamedTuple):
    """What would let a connection through, and as little else as labels can say: a JSON patch of a policy, or else
    a policy beside it."""

    policy: ObjectRef
    patch: tuple[Mapping[str, Any], ...] = ()
    beside: Mapping[str, Any] | None = None


def opening(miss: Miss, flow: Flow, protocol: Protocol, port: int) -> Opening:
    """One part that does not fit is put into the rule, unless that opens more; where more is amiss, the rule is
    about something else."""
    key = "from" if miss.direction is Direction.INGRESS else "to"
    entry = {"protocol": protocol.value, "port": port}
    peer = _peer(flow.peer(miss.direction))
    if miss.place is not None and not (miss.peers and miss.ports) and not miss.is_wide:
        path, value = (f"{key}/-", peer) if miss.peers else ("ports/-", entry)
        step = {"op": "add", "path": f"/spec/{miss.direction}/{miss.place}/{path}", "value": value}
        return Opening(miss.policy, (step,))
    subject = flow.subject(miss.direction)
    labels = lasting(subject.labels) if isinstance(subject, PodEnd) else {}
    name = f"allow-{_word(flow.peer(miss.direction))}-{port}"
    spec = {
        "podSelector": {"matchLabels": labels} if labels else {},
        "policyTypes": [miss.direction.value.capitalize()],
        miss.direction.value: [{key: [peer], "ports": [entry]}],
    }
    metadata = {"name": name, "namespace": miss.policy.namespace}
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    return Opening(miss.policy, beside=made)


def _same(pod: PodEnd, subject: PodEnd) -> bool:
    """Whether a policy that selects the subject by its labels has this pod, too."""
    return lasting(subject.labels).items() <= pod.labels.items()


def _word(end: End) -> str:
    """What stands for an end in a name."""
    if isinstance(end, PodEnd):
        return end.workload or end.name
    return "internet" if end.is_internet else str(end.address).replace(":", "-").replace(".", "-").strip("-")


def _peers(world: World, rule: Rule, peers: tuple[PolicyPeer, ...], namespace: str, end: End) -> tuple[str, ...]:
    """What keeps the end from being the peer that fits it best."""
    if rule.knows(end):
        return ()
    tried = (tuple(_unfit(world, peer, namespace, end)) for peer in peers)
    return min(tried, key=len)


def _unfit(world: World, peer: PolicyPeer, namespace: str, end: End) -> Iterator[str]:
    if peer.ip_block is not None:
        shown = ", ".join(map(str, addresses_of(end))) or f"{end}, whose address is not known,"
        excepts = f" but for {', '.join(peer.ip_block.except_)}" if peer.ip_block.except_ else ""
        yield f"ipBlock {peer.ip_block.cidr}{excepts} does not hold {shown}"
        return
    if not isinstance(end, PodEnd):
        yield f"selectors select pods, and {end} is none: an ipBlock would hold it"
        return
    if end.host_network:
        yield f"{end} has its node's address (hostNetwork): selectors do not see it, an ipBlock would hold it"
        return
    if peer.namespace_selector is None:
        if end.namespace != namespace:
            yield f"without a namespaceSelector pods of {namespace} are meant, and {end} is in {end.namespace}"
    else:
        labels = world.selection.namespaces.get(end.namespace, {NAME_LABEL: end.namespace})
        yield from _lacking("namespaceSelector", peer.namespace_selector, labels, f"namespace {end.namespace}")
    if peer.pod_selector is not None:
        yield from _lacking("podSelector", peer.pod_selector, end.labels, f"pod {end}")


def _lacking(field: str, selector: Selector, labels: Mapping[str, str], who: str) -> Iterator[str]:
    for key, value in sorted(selector.match_labels.items()):
        if labels.get(key) != value:
            has = f"has {labels[key]}" if key in labels else "has no such label"
            yield f"{field} wants {key}={value}, and {who} {has}"
    for each in selector.match_expressions:
        if not each.matches(labels):
            values = f" ({', '.join(each.values)})" if each.values else ""
            has = f"has {labels[each.key]}" if each.key in labels else "has no such label"
            yield f"{field} wants {each.key} {each.operator}{values}, and {who} {has}"


def _ports(rule: Rule, destination: End, protocol: Protocol, port: int) -> str:
    let = rule.ports_at(destination)
    if let.holds(protocol, port):
        return ""
    names = _names(rule, destination)
    return f"ports are {let}{names}, not {protocol}:{port}"


def _names(rule: Rule, destination: End) -> str:
    """Names of ports that the destination does not know."""
    known = {port.name for port in destination.ports} if isinstance(destination, PodEnd) else set()
    unknown = [each.name for each in rule.named if each.name not in known]
    return f" ({destination} names no port {', '.join(unknown)})" if unknown else ""


def _peer(end: End) -> dict[str, Any]:
    if isinstance(end, Outside) and end.is_internet:
        return {"ipBlock": {"cidr": "0.0.0.0/0"}}
    if not isinstance(end, PodEnd) or end.host_network:
        address = next(iter(addresses_of(end)), None)
        bits = "" if address is None else f"/{address.max_prefixlen}"
        return {"ipBlock": {"cidr": f"{address}{bits}" if address is not None else "NODE-ADDRESS/32"}}
    labels = lasting(end.labels)
    return {
        "namespaceSelector": {"matchLabels": {NAME_LABEL: end.namespace}},
        "podSelector": {"matchLabels": labels} if labels else {},
    }
