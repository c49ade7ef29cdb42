"""A reporter that follows every outcome says what one says that sees the last alone, and tells news once."""

from collections.abc import Iterable, Set
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.cluster.documents import StatusDocument
from hearthgate.cluster.snapshot import Snapshot, Subject
from hearthgate.ingress.controller import Outcome
from hearthgate.ingress.reporter import Reporter
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.model import Built, RoutingModel
from hearthgate.ingress.routing.status import ACCEPTED
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition, ObjectMeta
from hearthgate.resources.traefik.tls import TLSStore, TLSStoreSpec
from tests.properties.test_gateway_incremental import CHANGES as GATEWAY_CHANGES
from tests.properties.test_gateway_incremental import CLASS
from tests.properties.test_routing_incremental import CHANGES, SETTINGS, World


class Wishes:
    """What is wanted of every object at last, whoever asked how often."""

    def __init__(self) -> None:
        self.wanted: dict[ObjectRef, Any] = {}

    def want(self, subject: Subject, wish: StatusDocument | Iterable[Condition]) -> None:
        self.wanted[subject.ref] = (subject, wish)

    def retain(self, refs: Set[ObjectRef]) -> None:
        self.wanted = {ref: wish for ref, wish in self.wanted.items() if ref in refs}


class Heard:
    """The Events of one report."""

    def __init__(self) -> None:
        self.events: set[tuple[ObjectRef, str, str]] = set()

    def emit(self, subject: Subject, reason: str, message: str, *, type: str = "Warning") -> None:  # noqa: A002
        event = (subject.ref, reason, message)
        assert event not in self.events
        self.events.add(event)


def _news(before: Outcome | None, now: Outcome) -> set[tuple[ObjectRef, str, str]]:
    """What the Events of an outcome should say, found by a look at everything."""
    told = set(before.problems) if before is not None else set()
    serving = {ref for ref, wanted in _serving(before)} if before is not None else set()
    fresh = {*now.problems} - told
    new = [(one.ref, one.reason.value, f"{one.field}: {one.message}".removeprefix(": ")) for one in fresh]
    if before is not None:
        new += [(ref, ACCEPTED, "in service") for ref, _ in _serving(now) if ref not in serving]
    return {event for event in new if now.snapshot.subject(event[0]) is not None}


def _serving(outcome: Outcome) -> list[tuple[ObjectRef, Any]]:
    return [
        (ref, wanted)
        for ref, wanted in outcome.conditions().items()
        if outcome.snapshot.subject(ref) is not None
        and any(one.type == ACCEPTED and one.status == "True" for one in wanted)
    ]


ROUND = st.tuples(
    st.one_of(CHANGES, GATEWAY_CHANGES),
    st.lists(st.integers(0, 99), max_size=2),
    st.booleans(),
    st.sampled_from([("192.0.2.1",), ("192.0.2.1", "192.0.2.2")]),
)
"""What changes, which objects get another version alone, whether the proxy confirms, and where it is reached."""


@settings(max_examples=150, deadline=None)
@given(st.lists(ROUND, min_size=1, max_size=6))
def test_following_equals_looking_at_the_last(
    rounds: list[tuple[list[Any], list[int], bool, tuple[str, ...]]],
) -> None:
    world, builders = World(), dict[tuple[str, ...], RoutingBuilder]()
    world.put(CLASS)
    statuses, documents, heard = Wishes(), Wishes(), Heard()
    reporter = Reporter(statuses, documents, heard)
    last: Outcome | None = None
    for number, (steps, touched, programmed, addresses) in enumerate(rounds, 1):
        for step in steps:
            if isinstance(step, dict):
                world.put(step)
            else:
                world.remove(lambda known, key=step: known.key == key)
        for which in touched:
            world.touch(which, version=str(number))
        snapshot = world.snapshot(number)
        builder = builders.setdefault(addresses, RoutingBuilder(SETTINGS, addresses=addresses))
        built = builder.build(snapshot)
        outcome = Outcome(snapshot, built, built.problems, programmed)
        heard.events.clear()
        reporter.report(outcome)
        assert heard.events == _news(last, outcome)
        fresh_statuses, fresh_documents = Wishes(), Wishes()
        Reporter(fresh_statuses, fresh_documents, Heard()).report(outcome)
        assert statuses.wanted == fresh_statuses.wanted
        assert documents.wanted == fresh_documents.wanted
        last = outcome


def test_an_object_that_is_ours_again_is_in_service_again() -> None:
    """Nothing about the object itself has changed, only whose it is."""
    store = TLSStore(metadata=ObjectMeta(name="m", namespace="n"), spec=TLSStoreSpec())
    snapshot = Snapshot.of([store])
    ours, others = (Built(RoutingModel(), {}, (), owned) for owned in ((store.ref,), ()))
    statuses, heard = Wishes(), Heard()
    reporter = Reporter(statuses, Wishes(), heard)
    for built in (ours, others):
        reporter.report(Outcome(snapshot, built, (), programmed=True))
    assert (statuses.wanted, heard.events) == ({}, set())
    reporter.report(Outcome(snapshot, ours, (), programmed=True))
    assert heard.events == {(store.ref, ACCEPTED, "in service")}


def test_an_ingress_that_serves_no_more_is_told_no_addresses() -> None:
    world, documents, builder = World(), Wishes(), RoutingBuilder(SETTINGS, addresses=("192.0.2.1",))
    reporter = Reporter(Wishes(), documents, Heard())
    metadata = {"name": "m", "namespace": "n"}
    backend = {"service": {"name": "m", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    world.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}})
    world.put(
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {"rules": [rule]}}
    )
    told = []
    for number in (1, 2):
        snapshot = world.snapshot(number)
        built = builder.build(snapshot)
        reporter.report(Outcome(snapshot, built, built.problems, programmed=True))
        told.append([ref.kind for ref in documents.wanted])
        world.remove(lambda known: known.ref.kind == "Service")
    assert told == [["Ingress"], []]
