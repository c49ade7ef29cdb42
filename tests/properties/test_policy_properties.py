"""The evaluator against another one, written from the API's documentation without any index or set."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.policy.evaluate import reach
from hearthgate.policy.ports import PortSet, Protocol, ports
from hearthgate.resources.meta import Resource
from tests.policy_samples import Lab, namespace, pod, policy

SPACES = {"a": {"team": "red"}, "b": {"team": "blue"}, "c": {}}
PODS: dict[str, dict[str, Any]] = {
    f"{space}/{name}": {
        "labels": {"app": name, **({"tier": "front"} if name == "x" else {})},
        "address": f"10.0.{place}.{number}",
        "ports": [("http", "TCP", 80 + number), ("dns", "UDP", 53)],
    }
    for place, space in enumerate(SPACES)
    for number, name in enumerate(("x", "y"), 1)
}
ENDS = (*PODS, "8.8.8.8", "192.168.1.1")
OBJECTS: tuple[Resource, ...] = (
    *(namespace(name, **labels) for name, labels in SPACES.items()),
    *(pod(name, one["address"], labels=one["labels"], ports=one["ports"]) for name, one in PODS.items()),
)
PROBES = [("TCP", 80), ("TCP", 81), ("TCP", 82), ("UDP", 53), ("SCTP", 81)]

EXPRESSION = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": sorted(values)},
        st.sampled_from(["app", "tier", "team"]),
        st.sampled_from(["In", "NotIn"]),
        st.sets(st.sampled_from(["x", "y", "front", "red"]), min_size=1),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator},
        st.sampled_from(["app", "tier", "team"]),
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
)
SELECTOR = st.one_of(
    st.just({}),
    st.builds(lambda name: {"matchLabels": {"app": name}}, st.sampled_from(["x", "y", "z"])),
    st.builds(lambda team: {"matchLabels": {"team": team}}, st.sampled_from(["red", "blue"])),
    st.builds(lambda one: {"matchExpressions": [one]}, EXPRESSION),
)
BLOCK = st.builds(
    lambda cidr, excepts: {"cidr": cidr, **({"except": [excepts]} if excepts else {})},
    st.sampled_from(["0.0.0.0/0", "10.0.0.0/16", "8.8.8.0/24", "10.0.1.1/32", "::/0"]),
    st.sampled_from(["", "10.0.0.0/24", "10.0.1.1/32"]),
)
PEER = st.one_of(
    st.builds(lambda selector: {"podSelector": selector}, SELECTOR),
    st.builds(lambda selector: {"namespaceSelector": selector}, SELECTOR),
    st.builds(lambda spaces, pods: {"namespaceSelector": spaces, "podSelector": pods}, SELECTOR, SELECTOR),
    st.builds(lambda block: {"ipBlock": block}, BLOCK),
)
PORT = st.one_of(
    st.builds(lambda protocol: {"protocol": protocol}, st.sampled_from(["TCP", "UDP", "SCTP"])),
    st.builds(lambda number: {"port": number}, st.sampled_from([80, 81, 82])),
    st.builds(lambda name: {"port": name}, st.sampled_from(["http", "dns"])),
    st.just({"port": 80, "endPort": 81}),
    st.just({"port": "dns", "protocol": "UDP"}),
)


def _rule(key: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda peers, listed: {key: peers, "ports": listed},
        st.lists(PEER, max_size=2),
        st.lists(PORT, max_size=2),
    )


POLICY = st.fixed_dictionaries(
    {"podSelector": SELECTOR},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "ingress": st.lists(_rule("from"), max_size=2),
        "egress": st.lists(_rule("to"), max_size=2),
    },
)
POLICIES = st.lists(st.tuples(st.sampled_from(sorted(SPACES)), POLICY), max_size=4)


@given(POLICIES)
def test_equals_the_plain_reading_of_the_api(specs: list[tuple[str, dict[str, Any]]]) -> None:
    one = Lab(*OBJECTS, *(policy(f"{space}/p{i}", **spec) for i, (space, spec) in enumerate(specs)))
    for source in ENDS:
        for destination in ENDS:
            reached = reach(one.world, one.flow(source, destination))
            for protocol, port in PROBES:
                wanted = _plain(specs, source, destination, protocol, port)
                assert one.passes(source, destination, port, protocol) is wanted, (
                    source,
                    destination,
                    protocol,
                    port,
                )
                assert reached.holds(Protocol(protocol), port) is wanted, (source, destination, protocol, port)


RANGES = st.lists(st.tuples(st.sampled_from(list(Protocol)), st.integers(0, 20), st.integers(0, 20)), max_size=5)


@given(RANGES, RANGES)
def test_sets_of_ports_are_sets(
    one: list[tuple[Protocol, int, int]], other: list[tuple[Protocol, int, int]]
) -> None:
    left, right = _made(one), _made(other)
    for protocol in Protocol:
        for port in range(22):
            a, b = left.holds(protocol, port), right.holds(protocol, port)
            assert (left | right).holds(protocol, port) is (a or b)
            assert (left & right).holds(protocol, port) is (a and b)
            assert (~left).holds(protocol, port) is (not a)
    assert ~~left == left


def _made(ranges: list[tuple[Protocol, int, int]]) -> PortSet:
    made = PortSet()
    for protocol, first, last in ranges:
        made = made | ports(protocol, min(first, last), max(first, last))
    return made


def _plain(
    specs: list[tuple[str, dict[str, Any]]], source: str, destination: str, protocol: str, port: int
) -> bool:
    if source == destination:
        return True
    return _side(specs, "egress", "to", source, destination, destination, protocol, port) and _side(
        specs, "ingress", "from", destination, source, destination, protocol, port
    )


def _side(
    specs: list[tuple[str, dict[str, Any]]],
    direction: str,
    key: str,
    subject: str,
    peer: str,
    destination: str,
    protocol: str,
    port: int,
) -> bool:
    if subject not in PODS:
        return True
    isolated = False
    for space, spec in specs:
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        if direction.capitalize() not in types:
            continue
        if subject.split("/", maxsplit=1)[0] != space or not _selects(
            spec["podSelector"], PODS[subject]["labels"]
        ):
            continue
        isolated = True
        for rule in spec.get(direction, []):
            peers = rule[key]
            if peers and not any(_is_peer(one, space, peer) for one in peers):
                continue
            if not rule["ports"] or any(_is_port(one, destination, protocol, port) for one in rule["ports"]):
                return True
    return not isolated


def _is_peer(wanted: dict[str, Any], space: str, peer: str) -> bool:
    if "ipBlock" in wanted:
        block = wanted["ipBlock"]
        address = ipaddress.ip_address(PODS[peer]["address"] if peer in PODS else peer)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(one) for one in block.get("except", []))
    if peer not in PODS:
        return False
    own = peer.split("/", maxsplit=1)[0]
    if "namespaceSelector" in wanted:
        labels = {**SPACES[own], "kubernetes.io/metadata.name": own}
        if not _selects(wanted["namespaceSelector"], labels):
            return False
    elif own != space:
        return False
    return _selects(wanted.get("podSelector", {}), PODS[peer]["labels"])


def _is_port(wanted: dict[str, Any], destination: str, protocol: str, port: int) -> bool:
    if wanted.get("protocol", "TCP") != protocol:
        return False
    number = wanted.get("port")
    if number is None:
        return True
    if isinstance(number, int):
        return bool(number <= port <= wanted.get("endPort", number))
    named = PODS[destination]["ports"] if destination in PODS else []
    return (number, protocol, port) in named


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if key not in labels or labels[key] != value:
            return False
    for one in selector.get("matchExpressions", []):
        present, key = one["key"] in labels, one["key"]
        match one["operator"]:
            case "In":
                fits = present and labels[key] in one["values"]
            case "NotIn":
                fits = not present or labels[key] not in one["values"]
            case "Exists":
                fits = present
            case _:
                fits = not present
        if not fits:
            return False
    return True
