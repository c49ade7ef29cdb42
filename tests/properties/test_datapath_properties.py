"""What the text for nft leads to, read back as the kernel would: every server that is ready, and nothing else."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.datapath.rules import rules
from hearthgate.balancer.datapath.ruleset import REMOVAL, ruleset
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.core import Service
from hearthgate.resources.discovery import EndpointSlice
from tests.service_samples import service, slice_of

NAMES = st.sampled_from(["web", "dns", "game"])
PORT = st.sampled_from([("a", "TCP", 80), ("b", "UDP", 53), ("c", "SCTP", 9)])
TARGETS = [("a", "TCP", 8080), ("b", "UDP", 5353), ("c", "SCTP", 9)]
ADDRESSES = {"web": ("10.0.0.1", "fd00::1"), "dns": ("10.0.0.2",), "game": ("fd00::3",)}
SERVICE = st.builds(
    lambda name, ports, local, sticky: service(
        name,
        ADDRESSES[name],
        sorted(ports),
        externalTrafficPolicy="Local" if local else "Cluster",
        sessionAffinity="ClientIP" if sticky else "None",
    ),
    NAMES,
    st.sets(PORT, min_size=1),
    st.booleans(),
    st.booleans(),
)
SLICE = st.builds(
    lambda name, version, numbers, ready, node: slice_of(
        name,
        sorted(f"172.16.0.{n}" if version == 4 else f"fd16::{n}" for n in numbers),
        TARGETS,
        family=f"IPv{version}",
        conditions={"ready": ready},
        **({"nodeName": node} if node else {}),
    ),
    NAMES,
    st.sampled_from([4, 6]),
    st.sets(st.integers(1, 5), max_size=4),
    st.booleans(),
    st.sampled_from(["box", "pi", ""]),
)
OBJECTS = st.lists(SERVICE | SLICE, max_size=12)

Place = tuple[str, str, str]
"""Address, protocol, port."""


class Kernel(NamedTuple):
    """What the text says. leads: targets by place. masqueraded: place's address, target, protocol, port."""

    leads: dict[Place, tuple[tuple[str, str], ...]]
    masqueraded: frozenset[tuple[str, ...]]
    refused: frozenset[Place]


def read(text: str) -> Kernel:
    """As the kernel looks things up: the chain of the place, a number below its modulus, the map of targets."""
    elements = {
        name: [line.strip() for line in body.strip().split(",\n")]
        for name, body in re.findall(r"(?:map|set) (\w+) \{[^{}]*elements = \{([^{}]*)\}", text)
    }
    leads: dict[Place, tuple[tuple[str, str], ...]] = {}
    for version in (4, 6):
        targets = dict(line.split(" : ") for line in elements.get(f"targets{version}", ()))
        for line in elements.get(f"services{version}", ()):
            place, chain = line.split(" : goto ")
            rule = re.search(rf"chain {chain} \{{\n (.*)\n", text)
            assert rule is not None
            modulus = int(re.findall(r" mod (\d+)", rule[1])[0])
            address, protocol, port = place.split(" . ")
            found = [targets.pop(f"{place} . {number}").split(" . ") for number in range(modulus)]
            leads[address, protocol, port] = tuple((one, number) for one, number in found)
        assert not targets, "nobody looks these up"
    sets = {name: frozenset(tuple(line.split(" . ")) for line in lines) for name, lines in elements.items()}
    nothing: frozenset[Any] = frozenset()
    return Kernel(
        leads,
        sets.get("masquerade4", nothing) | sets.get("masquerade6", nothing),
        sets.get("refused4", nothing) | sets.get("refused6", nothing),
    )


def expected(objects: Iterable[Service | EndpointSlice]) -> tuple[dict[Place, set[tuple[str, str]]], set[Place]]:
    """Told for each endpoint alone, from the objects: where places lead, and which refuse."""
    known = {(type(one), one.key): one for one in objects}.values()
    leads: dict[Place, set[tuple[str, str]]] = {}
    refused: set[Place] = set()
    for one in known:
        if not isinstance(one, Service):
            continue
        slices = [s for s in known if isinstance(s, EndpointSlice) and s.service_key == one.key]
        local = one.spec.external_traffic_policy == "Local"
        for port in one.spec.ports:
            number = next(str(n) for name, _, n in TARGETS if name == port.name)
            for address in ADDRESSES[one.metadata.name]:
                place = (address, port.protocol.lower(), str(port.port))
                ready = [
                    (text, endpoint.node_name)
                    for s in slices
                    for endpoint in s.endpoints or ()
                    for text in endpoint.addresses
                    if endpoint.conditions.ready and (":" in text) == (":" in address)
                ]
                here = {(text, number) for text, node in ready if not local or node in (None, "box")}
                if here:
                    leads[place] = here
                elif not ready and slices:
                    refused.add(place)
    return leads, refused


@given(OBJECTS)
def test_places_lead_to_every_server_that_is_ready_and_to_no_other(objects: list[Service | EndpointSlice]) -> None:
    found = read(ruleset(rules(Snapshot.of(objects), "box").rules))
    leads, refused = expected(objects)
    assert {place: set(targets) for place, targets in found.leads.items()} == leads
    assert all(len(targets) == len(set(targets)) for targets in found.leads.values()), "each gets its share"
    assert found.refused == refused
    policies = {one.metadata.name: one.spec.external_traffic_policy for one in objects if isinstance(one, Service)}
    local = {a for name, addresses in ADDRESSES.items() if policies.get(name) == "Local" for a in addresses}
    assert found.masqueraded == {
        (address, target, protocol, number)
        for (address, protocol, _), targets in leads.items()
        if address not in local
        for target, number in targets
    }


@given(OBJECTS.flatmap(lambda objects: st.tuples(st.just(objects), st.permutations(objects))))
def test_order_does_not_matter(both: tuple[list[Any], list[Any]]) -> None:
    unique = {(type(one), one.key): one for one in both[0]}
    again = {(type(one), one.key): unique[type(one), one.key] for one in both[1]}
    texts = {ruleset(rules(Snapshot.of(known.values()), "box").rules) for known in (unique, again)}
    assert len(texts) == 1


@given(OBJECTS)
def test_without_services_there_is_no_table(objects: list[Any]) -> None:
    slices = [one for one in objects if isinstance(one, EndpointSlice)]
    assert ruleset(rules(Snapshot.of(slices), "box").rules) == REMOVAL
