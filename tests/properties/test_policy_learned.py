"""Policies learned from what was seen: all of that passes, and of one namespace's own little else."""

import itertools
from ipaddress import ip_address
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.netfilter.conntrack import End, Entry
from hearthgate.policy.observed import lines, observed, read_lines
from hearthgate.policy.suggest import suggest
from hearthgate.policy.world import world
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import NetworkPolicy
from tests.policy_samples import Lab
from tests.properties.test_policy_properties import ENDS, OBJECTS, PODS

NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}
Seen = tuple[str, str, str, int]
FLOWS = st.lists(
    st.tuples(
        st.sampled_from(ENDS),
        st.sampled_from(ENDS),
        st.sampled_from(sorted(NUMBERS)),
        st.sampled_from([53, 80, 99]),
    ).filter(lambda flow: flow[0] != flow[1] and ("/" in flow[0] or "/" in flow[1])),
    max_size=8,
)


def entry(flow: Seen, *, is_answered: bool = True) -> Entry:
    source, destination = (ip_address(PODS[one]["address"] if one in PODS else one) for one in flow[:2])
    end = End(destination, flow[3])
    return Entry(NUMBERS[flow[2]], End(source, 40000), end, end, is_answered, b"")


@given(FLOWS, st.booleans())
def test_what_was_seen_passes(flows: list[Seen], egress: bool) -> None:
    before = world(Snapshot.of(OBJECTS))
    recorded = lines(observed(before, map(entry, flows)))
    seen = read_lines(recorded, "file")
    made: list[Resource] = []
    for namespace in ("a", "b", "c"):
        found = suggest(Snapshot.of(OBJECTS), before, namespace, egress=egress, observed=seen)
        made += (msgspec.convert(each.policy, NetworkPolicy) for each in found)
    after = Lab(*OBJECTS, *made)
    for source, destination, protocol, port in flows:
        assert after.passes(source, destination, port, protocol)
    for source, destination in itertools.permutations(PODS, 2):
        if not any(_alike(one[0], source) and _alike(one[1], destination) for one in flows):
            assert not after.passes(source, destination, 80, "TCP"), "nobody has seen that"


def _alike(one: str, other: str) -> bool:
    return (
        one in PODS
        and other in PODS
        and one.partition("/")[0] == other.partition("/")[0]
        and _labels(one) == _labels(other)
    )


def _labels(end: str) -> Any:
    return PODS[end]["labels"]
