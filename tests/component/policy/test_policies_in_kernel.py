"""The kernel lets through what the evaluator says, in namespaces, with real connections."""

import asyncio
import itertools
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from hearthgate.policy.controller import told
from hearthgate.policy.nftables import kernel
from hearthgate.policy.nftables.ruleset import State, state_of, transaction
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import Direction
from hearthgate.resources.meta import Resource
from tests.lan import inside
from tests.policy_samples import Lab, app, cluster_policy, crowd, namespace, pod, policy
from tests.properties.test_policy_properties import OBJECTS, PODS, POLICIES, PROBES
from tests.waiting import wait_for
from tests.yard import Yard, yard

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("ip", "nft")),
        reason="needs the Debian packages iproute2, nftables",
    ),
]
ENDS = {**{name: (one["address"],) for name, one in PODS.items()}, "8.8.8.8": ("8.8.8.8",)}


class Kernel:
    """What is in force in the box of a yard."""

    def __init__(self, place: Yard) -> None:
        self.place = place
        self.before: State | None = None

    def put(self, lab: Lab) -> None:
        wanted = state_of(lab.world, lab.world.pods.values())
        self.run(lambda: kernel.apply(transaction(self.before, wanted)))
        self.before = wanted if wanted.chains else None

    def run(self, work: Callable[[], Any]) -> Any:
        with inside(self.place.box):
            return asyncio.run(work())

    def agrees(self, lab: Lab, probes: list[tuple[str, int]], *, version: int = 4) -> None:
        for source, destination in itertools.permutations(self.place.ends, 2):
            for protocol, port in probes:
                expected = lab.passes(source, destination, port, protocol)
                found = self.place.passes(source, destination, protocol, port, expected=expected, version=version)
                assert found is expected, (source, destination, protocol, port)


@pytest.fixture(scope="module")
def made() -> Iterator[Kernel]:
    with yard(ENDS) as place:
        yield Kernel(place)


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(POLICIES)
def test_the_kernel_agrees_with_the_evaluator(made: Kernel, specs: list[tuple[str, dict[str, Any]]]) -> None:
    lab = Lab(*OBJECTS, *(policy(f"{space}/p{i}", **spec) for i, (space, spec) in enumerate(specs)))
    made.put(lab)
    made.agrees(lab, PROBES)


def test_tiers_agree_too(made: Kernel) -> None:
    everyone: dict[str, Any] = {"namespaces": {}}
    rules = [
        {"action": "Accept", "from": [{"namespaces": {"matchLabels": {"team": "red"}}}]},
        {"action": "Pass", "from": [everyone], "protocols": [{"tcp": {"destinationPort": {"number": 80}}}]},
        {"action": "Deny", "from": [everyone]},
    ]
    deny = [{"action": "Deny", "to": [{"networks": ["8.8.8.0/24"]}], "protocols": [{"udp": {}}]}]
    admin = cluster_policy("admin", "Admin", 1, everyone, ingress=rules)
    base = cluster_policy("base", "Baseline", 1, everyone, egress=deny)
    closed = policy("b/closed", podSelector=app("x"))
    lab = Lab(*OBJECTS, admin, base, closed)
    made.put(lab)
    made.agrees(lab, PROBES)


def test_everything_passes_again_and_nothing_is_left(made: Kernel) -> None:
    closed = Lab(*OBJECTS, policy("a/closed"))
    made.put(closed)
    assert not made.place.passes("b/x", "a/x", "TCP", 80, expected=False)
    open_ = Lab(*OBJECTS)
    made.put(open_)
    made.agrees(open_, [("TCP", 80)])
    assert not made.run(kernel.is_there)
    made.put(closed)
    made.run(kernel.remove)
    made.before = None
    assert not made.run(kernel.is_there)


def test_a_restart_takes_over_what_it_finds(made: Kernel) -> None:
    first = Lab(*OBJECTS, policy("a/closed"), policy("c/closed"))
    made.put(first)
    made.before = made.run(kernel.held)
    second = Lab(*OBJECTS, policy("b/closed"), policy("a/open", ingress=[{"ports": [{"port": 80}]}]))
    made.put(second)
    made.agrees(second, [("TCP", 80), ("TCP", 81)])
    assert made.before is not None
    now = made.run(kernel.held)
    assert set(now.chains) == set(made.before.chains)
    assert set(now.sets) == set(made.before.sets)


def test_connections_end_with_their_permission_and_denials_are_counted(made: Kernel) -> None:
    made.put(Lab(*OBJECTS))
    with made.place.connected("b/x", "a/x", 80) as talk:
        talk.settimeout(0.2)
        made.put(Lab(*OBJECTS, policy("a/closed")))
        wait_for(lambda: _is_cut(talk), what="the end of the connection")
    counters = made.run(kernel.denied)
    assert made.before is not None
    mine = [name for name, (whose, _) in made.before.counters.items() if whose == "a/x"]
    assert sum(counters[name] for name in mine) >= 1


def test_what_was_open_is_forgotten_with_the_permission(made: Kernel) -> None:
    """Datagrams of the other end would pass for answers as long as the kernel remembers."""
    made.put(Lab(*OBJECTS))
    members = frozenset(ip_address(one["address"]) for one in PODS.values())
    assert made.place.passes("b/x", "a/x", "UDP", 53, expected=True)
    assert made.place.passes("b/x", "a/y", "UDP", 53, expected=True)
    closed = Lab(*OBJECTS, policy("a/closed", podSelector=app("x")))
    made.put(closed)

    async def forget() -> int:
        return kernel.forget_denied(closed.world, members)

    assert made.run(forget) >= 1
    assert made.run(forget) == 0


def test_both_families() -> None:
    ends = {"a/x": ("10.0.0.1", "fd00::1"), "a/y": ("10.0.0.2", "fd00::2"), "8.8.8.8": ("8.8.8.8", "2001:db8::8")}
    objects: tuple[Resource, ...] = (
        namespace("a"),
        *(pod(name, *addresses) for name, addresses in ends.items() if "/" in name),
        policy(
            "a/p",
            podSelector=app("x"),
            ingress=[{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8::9/128"]}}]}],
        ),
    )
    with yard(ends) as place:
        one = Kernel(place)
        one.put(Lab(*objects))
        for version, expected in ((4, False), (6, True)):
            for protocol, port in (("TCP", 80), ("UDP", 53), ("SCTP", 81)):
                found = place.passes("8.8.8.8", "a/x", protocol, port, expected=expected, version=version)
                assert found is expected, (version, protocol)
        assert not place.passes("a/y", "a/x", "TCP", 80, expected=False, version=6)
        assert place.passes("a/x", "a/y", "UDP", 53, expected=True, version=6)
        whom = {(str(who), protocol, port) for who, _, protocol, port in one.run(kernel.refused)}
        four = {("8.8.8.8", "TCP", 80), ("8.8.8.8", "UDP", 53), ("8.8.8.8", "SCTP", 81)}
        assert whom == {*four, ("fd00::2", "TCP", 80)}
        refused, seen = one.run(kernel.refused), Lab(*objects).world
        assert told(seen, ("a", "x"), Direction.INGRESS, refused)[:2] == [
            "8.8.8.8 → a/x, SCTP:81",
            "8.8.8.8 → a/x, TCP:80",
        ]
        assert not told(seen, ("a", "y"), Direction.INGRESS, refused)
        assert not told(seen, ("a", "x"), Direction.EGRESS, refused)


def test_a_hundred_pods_and_fifty_policies() -> None:
    """Every pair of them."""
    lab = Lab(*crowd(100, 50, 5, port=80))
    ends = {str(end): tuple(map(str, end.addresses)) for end in lab.world.pods.values()}
    with yard(ends) as place:
        one = Kernel(place)
        one.put(lab)
        one.agrees(lab, [("TCP", 80)])


def test_what_nft_says_of_the_refused_is_read() -> None:
    val = {"concat": ["10.0.0.1", "10.0.0.2", 132, 81]}
    assert kernel.read_refused({"elem": {"val": val, "timeout": 60}}) == (
        *(ip_address("10.0.0.1"), ip_address("10.0.0.2")),
        *(Protocol.SCTP, 81),
    )
    assert kernel.read_refused({"elem": {"val": "10.0.0.1"}}) is None
    assert kernel.read_refused("10.0.0.1") is None


def test_no_forbidden_connection_while_rules_are_replaced(made: Kernel) -> None:
    """One is allowed by changing rules, the other never is."""
    labs = [
        Lab(
            *OBJECTS,
            policy("a/p", podSelector=app("x"), ingress=[{"from": [{"podSelector": {}}], "ports": ports}]),
        )
        for ports in ([{"port": 80}], [{"port": 80}, {"port": 81}], [{"port": 79, "endPort": 81}])
    ]
    made.put(labs[0])
    over, leaks, tries = threading.Event(), [0], [0]

    def hammer() -> None:
        while not over.is_set():
            tries[0] += 1
            leaks[0] += made.place.passes("b/x", "a/x", "TCP", 80, expected=False)

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        number = 0
        while number < 60 or tries[0] < 200:
            made.put(labs[number % len(labs)])
            number += 1
            assert made.place.passes("a/y", "a/x", "TCP", 80, expected=True)
    finally:
        over.set()
        thread.join()
    assert leaks[0] == 0


def _is_cut(talk: socket.socket) -> bool:
    """Whether the other end, or a rule in its place, has reset it."""
    try:
        talk.send(b"after")
        talk.recv(1)
    except TimeoutError:
        return False
    except OSError:
        return True
    return False
