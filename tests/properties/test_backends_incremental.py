"""An Upkeep that follows every change equals one that sees the last snapshot alone."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.backends.annotation import ANNOTATION
from hearthgate.backends.mirror import UPSTREAM_MANAGER
from hearthgate.backends.upkeep import Upkeep
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.resources.core import Endpoints, Service
from hearthgate.resources.discovery import MANAGED_BY_LABEL, SERVICE_NAME_LABEL, EndpointSlice
from hearthgate.resources.meta import Resource

NAMES = st.sampled_from(["a", "b"])
KINDS = (Service, Endpoints, EndpointSlice)


def _service(name: str, text: str, spec: dict[str, Any]) -> Service:
    metadata = {"name": name, "namespace": "n", "uid": name, "annotations": {ANNOTATION: text} if text else {}}
    return msgspec.convert({"metadata": metadata, "spec": {"ports": [{"port": 80}], **spec}}, Service)


def _endpoints(name: str, address: str) -> Endpoints:
    metadata = {"name": name, "namespace": "n", "uid": "e"}
    subsets = [{"addresses": [{"ip": address}], "ports": [{"port": 8080}]}]
    return msgspec.convert({"metadata": metadata, "subsets": subsets}, Endpoints)


def _slice(name: str, labels: dict[str, str]) -> EndpointSlice:
    return msgspec.convert({"metadata": {"name": name, "namespace": "n", "labels": labels}}, EndpointSlice)


SERVICES = st.builds(
    _service,
    NAMES,
    st.sampled_from(["", "10.0.0.1:1", "10.0.0.1:2,[fd00::1]:2", "nonsense:x"]),
    st.sampled_from([{}, {"selector": {"a": "b"}}, {"type": "ExternalName", "externalName": "x"}]),
)
FOREIGN = st.builds(
    _slice,
    st.sampled_from(["x", "y"]),
    st.fixed_dictionaries(
        {},
        optional={SERVICE_NAME_LABEL: NAMES, MANAGED_BY_LABEL: st.sampled_from([UPSTREAM_MANAGER, "somebody"])},
    ),
)
STEPS = st.lists(
    st.one_of(
        SERVICES,
        st.builds(_endpoints, NAMES, st.sampled_from(["10.0.0.3", "fd00::3"])),
        FOREIGN,
        st.tuples(st.just("delete"), st.sampled_from(KINDS), st.integers(0, 9)),
        st.tuples(st.just("relabel"), NAMES, st.integers(0, 9)),
        st.tuples(st.just("write"), st.booleans(), st.integers(0, 9)),
    ),
    max_size=8,
)


class World:
    """What an API server holds; what does not change is the same object."""

    def __init__(self) -> None:
        self.collections: dict[type[Resource], Collection] = {kind: Collection({}) for kind in KINDS}

    def change(self, step: Any, upkeep: Upkeep) -> None:
        if isinstance(step, Resource):
            self._put(step)
            return
        what, detail, number = step
        if what == "write":
            self._write(upkeep, number, deletes=detail)
            return
        known = self.collections[detail if what == "delete" else EndpointSlice].ordered
        if not known:
            return
        chosen = known[number % len(known)]
        if what == "delete":
            self.collections[detail] = self.collections[detail].changed({chosen.key: None})
        else:
            labels = {**chosen.metadata.labels, SERVICE_NAME_LABEL: detail}
            metadata = msgspec.structs.replace(chosen.metadata, labels=labels)
            self._put(msgspec.structs.replace(chosen, metadata=metadata))

    def _write(self, upkeep: Upkeep, number: int, *, deletes: bool) -> None:
        """Does some of what is to do."""
        for key in sorted(upkeep.steps)[: number + 1]:
            for one in upkeep.steps[key].apply:
                self._put(one.resource())
            gone = upkeep.steps[key].delete if deletes else ()
            slices = self.collections[EndpointSlice]
            self.collections[EndpointSlice] = slices.changed({(one.namespace, one.name): None for one in gone})

    def _put(self, resource: Resource) -> None:
        kind = type(resource)
        self.collections[kind] = self.collections[kind].changed({resource.key: resource})


def _serve(name: str, world: World, upkeep: Upkeep) -> None:
    """One Service with its slices: where most that is worth a test begins."""
    world.change(_service(name, "10.0.0.1:1", {}), upkeep)
    upkeep.take(Snapshot(1, world.collections))
    world.change(("write", True, 0), upkeep)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=6), st.booleans())
def test_incremental_equals_fresh(rounds: list[list[Any]], mirrors: bool) -> None:
    world, upkeep = World(), Upkeep(mirrors=mirrors)
    _serve("a", world, upkeep)
    for number, steps in enumerate(rounds, 2):
        for step in steps:
            world.change(step, upkeep)
        snapshot = Snapshot(number, world.collections)
        before = dict(upkeep.steps)
        touched = upkeep.take(snapshot)
        fresh = Upkeep(mirrors=mirrors)
        fresh.take(snapshot)
        assert upkeep.wanted == fresh.wanted
        assert upkeep.steps == fresh.steps
        assert upkeep.problems == fresh.problems
        new = {key for key, diff in upkeep.steps.items() if before.get(key) != diff}
        assert new <= set(touched), "nobody would be told to do it"


@settings(max_examples=100, deadline=None)
@given(STEPS, st.booleans())
def test_doing_what_is_to_do_leaves_nothing_to_do(steps: list[Any], mirrors: bool) -> None:
    world, upkeep = World(), Upkeep(mirrors=mirrors)
    for step in steps:
        world.change(step, upkeep)
    upkeep.take(Snapshot(1, world.collections))
    world.change(("write", True, 9), upkeep)
    upkeep.take(Snapshot(2, world.collections))
    assert upkeep.steps == {}
