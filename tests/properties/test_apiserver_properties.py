"""What must hold of the embedded API for any objects and any order of writes."""

import asyncio
import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.patches.apply import apply_config
from hearthgate.apiserver.patches.fieldset import from_fields, leaves, to_fields
from hearthgate.apiserver.patches.json_patch import apply_json_patch
from hearthgate.apiserver.patches.managers import Writer, read_managers
from hearthgate.apiserver.patches.merge import merge
from hearthgate.apiserver.patches.strategic import merge_strategic
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.store.history import Event
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Options, Verbs
from hearthgate.apiserver.web.body import decode_object
from hearthgate.apiserver.web.changes import seen
from hearthgate.apiserver.web.protobuf import MEDIA_TYPE
from hearthgate.model.selectors import parse_label_selector
from hearthgate.resources.registry import KINDS

KIND = {kind.kind: kind for kind in KINDS}
CONFIGMAP = KIND["ConfigMap"]
SERVICES = Topology("services")

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab$/", max_size=3), inner, max_size=3),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text("abc", max_size=2), json_values, max_size=4)

ports = st.lists(
    st.fixed_dictionaries(
        {"port": st.integers(1, 5)}, optional={"name": st.sampled_from("xyz"), "protocol": st.just("TCP")}
    ),
    max_size=4,
    unique_by=lambda port: port["port"],
)
services = st.builds(
    lambda labels, found, selector: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", **({"labels": labels} if labels else {})},
        "spec": {"ports": found, **({"selector": selector} if selector else {})},
    },
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3),
    ports,
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=2),
)

operations = st.lists(
    st.tuples(
        st.sampled_from(["apply", "label", "delete", "delete", "restart"]),
        st.sampled_from("abcd"),
        st.sampled_from("xyz"),
    ),
    max_size=25,
)


@contextmanager
def refusals(*statuses: int) -> Iterator[None]:
    """The input may be refused with one of these codes, and nothing else may go wrong."""
    try:
        yield
    except ApiError as error:
        if error.status not in statuses:
            raise


class Mirror:
    """What a client with a label selector would hold after every event it is told."""

    def __init__(self, selector: str) -> None:
        self.selection = Selection(None, parse_label_selector(selector))
        self.held: dict[str, bytes] = {}
        self.revision = 0

    def follow(self, events: list[Event]) -> None:
        for event in events:
            assert event.revision > self.revision, "revisions grow"
            self.revision = event.revision
            change = seen(event, self.selection)
            if change is None:
                continue
            name = msgspec.json.decode(change.raw)["metadata"]["name"]
            if change.type == "DELETED":
                del self.held[name]
            else:
                assert (change.type == "MODIFIED") == (name in self.held)
                self.held[name] = change.raw


async def play(folder: Path, steps: list[tuple[str, str, str]]) -> None:
    store = await Store.open(folder)
    verbs = Verbs(store, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    await verbs.create(KIND["Namespace"], "", {"metadata": {"name": "n"}}, Options())
    mirrors = [Mirror(""), Mirror("l=x"), Mirror("l notin (y)")]
    highest = 0
    for action, name, value in steps:
        if action == "restart":
            await store.close()
            store = await Store.open(folder)
            verbs = Verbs(store, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        elif action == "delete":
            if store.collection(CONFIGMAP.resource).get("n", name):
                await verbs.delete(CONFIGMAP, "n", name, Options())
        else:
            part = {"data": {"v": value}} if action == "apply" else {"metadata": {"labels": {"l": value}}}
            metadata = {"name": name, "namespace": "n", **part.get("metadata", {})}
            obj = {"apiVersion": "v1", "kind": "ConfigMap", **part, "metadata": metadata}
            await verbs.apply(CONFIGMAP, "n", name, obj, Options(manager=action), force=True)
        assert store.revision >= highest
        highest = store.revision
        for mirror in mirrors:
            mirror.follow(store.history(CONFIGMAP.resource).since(mirror.revision))
            listed = {
                entry.name: entry.raw
                for entry in store.collection(CONFIGMAP.resource).entries()
                if mirror.selection.matches(entry.namespace, entry.name, entry.raw)
            }
            assert mirror.held == listed
    await store.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations)
def test_a_watcher_holds_what_a_list_shows_over_restarts(steps: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "s", steps))


def applied(live: dict[str, Any], config: dict[str, Any], manager: str) -> dict[str, Any]:
    writer = Writer(manager, "Apply", "", "v1", "2026-01-01T00:00:00Z")
    return apply_config(live, config, writer, SERVICES, force=True)


EMPTY: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}


@given(st.lists(st.tuples(st.sampled_from("mn"), services), min_size=1, max_size=5))
def test_applying_again_changes_nothing_and_every_field_applied_is_there(
    steps: list[tuple[str, dict[str, Any]]],
) -> None:
    live = EMPTY
    for manager, config in steps:
        before = copy.deepcopy(config)
        live = applied(live, config, manager)
        assert config == before
        assert applied(live, config, manager) == live
        present = leaves(live, SERVICES)
        wanted = {path: value for path, value in leaves(config, SERVICES).items() if value not in ({}, [])}
        assert wanted.items() <= present.items()
        for entry in read_managers(live):
            if entry.manager == manager:
                assert entry.fields == frozenset(leaves(config, SERVICES))


@given(services, services)
def test_one_manager_alone_gets_exactly_what_it_applies(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = applied(applied({**EMPTY, "spec": {}}, first, "m"), second, "m")
    assert live["spec"].get("selector") == second["spec"].get("selector")
    assert live["metadata"].get("labels") == second["metadata"].get("labels")

    def by_number(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda port: int(port["port"]))

    found = by_number(live["spec"].get("ports") or [])
    assert [{k: v for k, v in port.items() if k != "protocol"} for port in found] == [
        {k: v for k, v in port.items() if k != "protocol"} for port in by_number(second["spec"]["ports"])
    ]


@given(services)
def test_field_sets_survive_their_written_form(service: dict[str, Any]) -> None:
    found = frozenset(leaves(service, SERVICES))
    assert from_fields(to_fields(found)) == found
    assert from_fields(msgspec.json.decode(msgspec.json.encode(to_fields(found)))) == found


@given(json_values, json_values)
def test_a_merge_patch_is_idempotent_and_changes_no_input(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    once = merge(target, patch)
    assert merge(once, patch) == once
    assert before == (target, patch)


@given(json_objects, json_values)
def test_any_strategic_patch_merges_or_is_refused(target: dict[str, Any], patch: Any) -> None:
    with refusals(400):
        merge_strategic({"spec": target}, {"spec": patch} if isinstance(patch, dict) else patch, SERVICES)


pointers = st.sampled_from(["", "/a", "/a/0", "/a/-", "/b", "/a/b", "x", "/a~1b", 5])
patch_operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x", None])},
    optional={"path": pointers, "from": pointers, "value": json_values},
)


@given(json_objects, st.lists(patch_operations, max_size=4) | json_values)
def test_any_json_patch_applies_or_is_refused(target: dict[str, Any], patch: Any) -> None:
    before = copy.deepcopy(target)
    with refusals(400, 413, 422):
        apply_json_patch(target, patch)
    assert before == target


@given(
    st.sampled_from(["application/json", "application/yaml", MEDIA_TYPE]), st.binary(max_size=60), st.booleans()
)
def test_any_bytes_are_a_body_or_refused(media: str, body: bytes, magic: bool) -> None:
    with refusals(400, 415):
        decode_object(media, b"k8s\0" + body if magic else body)


@settings(max_examples=40, deadline=None)
@given(json_values, json_values, st.sampled_from(sorted(KIND)))
def test_any_object_is_stored_or_refused(metadata: Any, spec: Any, kind: str) -> None:
    async def run(folder: Path) -> None:
        store = await Store.open(folder)
        verbs = Verbs(store, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        await verbs.create(KIND["Namespace"], "", {"metadata": {"name": "n"}}, Options())
        named = {**metadata, "name": "x"} if isinstance(metadata, dict) else metadata
        place = "n" if KIND[kind].namespaced else ""
        for body in ({"metadata": named, "spec": spec}, {"metadata": {"name": "x"}, "data": spec, "status": spec}):
            with refusals(400, 409, 422):
                await verbs.create(KIND[kind], place, body, Options())
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "s"))
