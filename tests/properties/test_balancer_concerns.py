"""What is said to move no announcement moves none."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.balancer.speaker.concern import concerns
from hearthgate.balancer.speaker.layer2 import place
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.balancer.speaker.speaker import KINDS
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.resources.meta import Resource
from tests.unit.balancer.test_speaker_layer2 import ad, endpoints, node, pool, service

NAMES = st.sampled_from(["web", "db"])
OBJECTS = st.one_of(
    st.builds(
        lambda address, name, kind, policy: service(address, name, type=kind, externalTrafficPolicy=policy),
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        NAMES,
        st.sampled_from(["LoadBalancer", "ClusterIP"]),
        st.sampled_from(["Local", "Cluster"]),
    ),
    st.builds(
        lambda nodes, name, ready: endpoints(*nodes, name=name, ready=ready),
        st.sets(st.sampled_from("ab")),
        NAMES,
        st.booleans(),
    ),
    st.builds(lambda name, cut_off: node(name, cut_off=cut_off), st.sampled_from("ab"), st.booleans()),
    st.sampled_from([pool("10.0.0.0/24"), pool("10.0.0.0/31"), ad()]),
)
STEP = st.tuples(OBJECTS, st.booleans())


def _after(collections: dict[type[Resource], Collection], steps: list[tuple[Any, bool]]) -> None:
    for one, gone in steps:
        known = collections.get(type(one), Collection({}))
        collections[type(one)] = known.changed({one.key: None if gone else one})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(STEP, max_size=2), max_size=5))
def test_what_concerns_nobody_changes_no_placement(rounds: list[list[tuple[Any, bool]]]) -> None:
    objects = [pool("10.0.0.0/24"), ad(), service("10.0.0.1"), endpoints("a", "b"), node("a"), node("b")]
    collections: dict[type[Resource], Collection] = {}
    _after(collections, [(one, False) for one in objects])
    seen, alive = Snapshot(1, collections), frozenset("ab")
    for number, steps in enumerate(rounds, 2):
        _after(collections, steps)
        snapshot = Snapshot(number, collections)
        if concerns(seen, snapshot, KINDS[:-1]):
            seen = snapshot
        assert place(seen, nodes_of(seen, alive)) == place(snapshot, nodes_of(snapshot, alive))


def test_endpoints_of_services_without_a_balancer_concern_nobody() -> None:
    plain = service("10.0.0.9", "plain", type="ClusterIP")
    old = Snapshot.of([pool("10.0.0.0/24"), service("10.0.0.1"), plain, endpoints("a", name="plain")])
    moved = endpoints("b", name="plain")
    kind = type(moved)
    new = old.replaced({kind: old.collection(kind).changed({moved.key: moved})})
    assert not concerns(old, new, KINDS)
    balanced = endpoints("b")
    assert concerns(old, old.replaced({kind: Collection({balanced.key: balanced})}), KINDS)
