"""The way out that is offered is one: what was refused passes after it, and nothing that passed is closed."""

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.misses import Opening, misses, opening
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import Direction
from hearthgate.resources.networking import NetworkPolicy
from tests.policy_samples import Lab, policy
from tests.properties.test_policy_properties import ENDS, OBJECTS, POLICIES, PROBES

Specs = dict[tuple[str, str], dict[str, Any]]


def lab(specs: Specs) -> tuple[Lab, dict[Any, NetworkPolicy]]:
    made = [policy("/".join(key), **spec) for key, spec in specs.items()]
    return Lab(*OBJECTS, *made), {one.ref: one for one in made}


@given(POLICIES, st.sampled_from(PROBES), st.integers(0, len(ENDS) ** 2 - 1))
def test_opens_what_it_says(
    given_specs: list[tuple[str, dict[str, Any]]], probe: tuple[str, int], choice: int
) -> None:
    specs: Specs = {(space, f"p{i}"): spec for i, (space, spec) in enumerate(given_specs)}
    protocol, port = Protocol(probe[0]), probe[1]
    before, written = lab(specs)
    pairs = [(one, other) for one in ENDS for other in ENDS]
    refused = [pair for pair in pairs if not before.passes(*pair, port, protocol.value)]
    if not refused:
        return
    source, destination = refused[choice % len(refused)]
    verdict = check(before.world, before.flow(source, destination), protocol, port)
    after = copy.deepcopy(specs)
    for direction, side in ((Direction.EGRESS, verdict.egress), (Direction.INGRESS, verdict.ingress)):
        if not side.passes:
            flow: Flow = before.flow(source, destination)
            near = misses(before.world, written, flow, direction, at=(protocol, port))
            _apply(opening(near[0], flow, protocol, port), after)
    opened, _ = lab(after)
    assert opened.passes(source, destination, port, protocol.value)
    for pair in pairs:
        assert pair in refused or opened.passes(*pair, port, protocol.value)


def _apply(found: Opening, specs: Specs) -> None:
    """RFC 6902, as far as it is used."""
    if found.beside is not None:
        metadata = found.beside["metadata"]
        specs[metadata["namespace"], metadata["name"]] = dict(found.beside["spec"])
        return
    (step,) = found.patch
    place: Any = {"spec": specs[found.policy.namespace, found.policy.name]}
    *path, last = str(step["path"]).strip("/").split("/")
    for part in path:
        place = place[int(part)] if isinstance(place, list) else place[part]
    assert step["op"] == "add"
    if isinstance(place, Mapping):
        place[last] = step["value"]  # type: ignore[index]
    else:
        assert last == "-"
        place.append(step["value"])
