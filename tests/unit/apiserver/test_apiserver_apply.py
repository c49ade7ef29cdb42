"""Server-side apply and managedFields: what merges, what goes, what conflicts, who owns what."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.patches.apply import apply_config
from hearthgate.apiserver.patches.fieldset import from_fields, leaves, to_fields
from hearthgate.apiserver.patches.managers import Writer, read_managers, track_update
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.resources.structural.schema import Structural

SERVICES = Topology("services")
Object = dict[str, Any]


def writer(manager: str, operation: str = "Apply", time: str = "2026-01-01T00:00:00Z") -> Writer:
    return Writer(manager, operation, "", "v1", time)


def service(*ports: Object, **labels: str) -> Object:
    metadata: Object = {"name": "web", **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": list(ports)}}


def apply(live: Object, config: Object, manager: str, *, force: bool = False) -> Object:
    return apply_config(live, config, writer(manager), SERVICES, force=force)


def owned(obj: Object, manager: str) -> set[str]:
    return {".".join(path) for entry in read_managers(obj) if entry.manager == manager for path in entry.fields}


EMPTY: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}


def test_two_managers_share_a_keyed_list() -> None:
    live = apply(EMPTY, service({"port": 80}), "a")
    live = apply(live, service({"port": 443, "name": "https"}), "b")
    assert live["spec"]["ports"] == [{"port": 80}, {"port": 443, "name": "https"}]
    assert owned(live, "a") == {
        'f:spec.f:ports.k:{"port":80,"protocol":"TCP"}',
        'f:spec.f:ports.k:{"port":80,"protocol":"TCP"}.f:port',
    }


def test_what_a_manager_no_longer_applies_goes() -> None:
    live = apply(EMPTY, service({"port": 80}, {"port": 81}, a="1", b="2"), "a")
    live = apply(live, service({"port": 80}, a="1"), "a")
    assert live["spec"]["ports"] == [{"port": 80}]
    assert live["metadata"]["labels"] == {"a": "1"}


def test_a_map_that_is_left_empty_goes_too() -> None:
    live = apply(apply(EMPTY, service({"port": 80}, a="1"), "a"), service({"port": 80}), "a")
    assert "labels" not in live["metadata"]


def test_a_default_in_a_removed_item_goes_with_it() -> None:
    live = apply(EMPTY, service({"port": 80}, {"port": 81}), "a")
    live["spec"]["ports"][0] |= {"protocol": "TCP", "targetPort": 80}
    assert apply(live, service({"port": 81}), "a")["spec"]["ports"] == [{"port": 81}]


def test_what_another_manages_stays() -> None:
    live = apply(apply(EMPTY, service({"port": 80}, a="1"), "a"), service({"port": 80}, a="1"), "b")
    live = apply(live, service({"port": 80}), "a")
    assert live["metadata"]["labels"] == {"a": "1"}


def test_another_value_of_anothers_field_is_a_conflict() -> None:
    live = apply(EMPTY, service({"port": 80, "name": "x"}), "a")
    with pytest.raises(ApiError) as refused:
        apply(live, service({"port": 80, "name": "y"}), "b")
    assert refused.value.reason == "Conflict"
    assert refused.value.causes[0].reason == "FieldManagerConflict"
    assert refused.value.causes[0].field == '.spec.ports[port=80,protocol="TCP"].name'
    assert "a" in refused.value.causes[0].message


def test_force_takes_the_field_over() -> None:
    live = apply(EMPTY, service({"port": 80, "name": "x"}), "a")
    live = apply(live, service({"port": 80, "name": "y"}), "b", force=True)
    assert live["spec"]["ports"] == [{"port": 80, "name": "y"}]
    assert not any(field.endswith("f:name") for field in owned(live, "a"))
    assert any(field.endswith("f:name") for field in owned(live, "b"))


def test_the_same_config_again_changes_nothing() -> None:
    live = apply(EMPTY, service({"port": 80}, a="1"), "a")
    later = writer("a", time="2027-01-01T00:00:00Z")
    assert apply_config(live, service({"port": 80}, a="1"), later, SERVICES, force=False) == live


def test_managers_that_take_turns_change_nothing() -> None:
    live = apply(apply(EMPTY, service({"port": 80}), "a"), service({"port": 81}), "b")
    assert apply(live, service({"port": 80}), "a") == live
    assert apply(live, service({"port": 81}), "b") == live


def test_lists_without_keys_are_replaced() -> None:
    routes = Topology("ingressroutes.traefik.io")
    live = {**EMPTY, "spec": {"routes": [{"match": "a"}, {"match": "b"}]}}
    config = {**EMPTY, "spec": {"routes": [{"match": "c"}]}}
    assert apply_config(live, config, writer("a"), routes, force=False)["spec"] == config["spec"]


def test_an_update_takes_the_fields_it_changes() -> None:
    live = apply(EMPTY, service({"port": 80}, a="1", b="2"), "a")
    new = {**live, "metadata": {**live["metadata"], "labels": {"a": "9", "b": "2", "c": "3"}}}
    new = track_update(live, new, writer("kubectl-edit", "Update"), SERVICES)
    assert owned(new, "kubectl-edit") == {"f:metadata.f:labels.f:a", "f:metadata.f:labels.f:c"}
    assert "f:metadata.f:labels.f:a" not in owned(new, "a")
    assert "f:metadata.f:labels.f:b" in owned(new, "a")


def test_an_update_that_removes_a_field_takes_it_from_all() -> None:
    live = apply(EMPTY, service({"port": 80}, a="1"), "a")
    new = {**live, "metadata": {key: value for key, value in live["metadata"].items() if key != "labels"}}
    new = track_update(live, new, writer("x", "Update"), SERVICES)
    assert "f:metadata.f:labels.f:a" not in owned(new, "a")
    assert [entry.manager for entry in read_managers(new)] == ["a"]


def test_at_most_ten_updaters_are_kept() -> None:
    live = EMPTY
    for number in range(15):
        labels = {**live["metadata"].get("labels", {}), f"l{number:02}": "x"}
        new = {**live, "metadata": {**live["metadata"], "labels": labels}}
        live = track_update(live, new, writer(f"m{number}", "Update", f"2026-01-{number + 1:02}"), SERVICES)
    managers = read_managers(live)
    assert len(managers) == 10
    assert managers[0].manager == "ancient-changes"
    assert frozenset().union(*(entry.fields for entry in managers)) == {
        ("f:metadata", "f:labels", f"f:l{number:02}") for number in range(15)
    }


@pytest.mark.parametrize("junk", ["x", [], {"f:a": "x"}, {"f:a": []}, None, 5])
def test_what_is_no_field_set_owns_nothing(junk: object) -> None:
    assert from_fields(junk) == frozenset()


def test_field_sets_survive_their_written_form() -> None:
    obj = service({"port": 80, "name": "x"}, a="1")
    obj["metadata"]["finalizers"] = ["a/b"]
    obj["spec"]["selector"] = {}
    found = frozenset(leaves(obj, SERVICES))
    assert ("f:spec", "f:selector") in found
    assert ("f:metadata", "f:finalizers", 'v:"a/b"') in found
    assert from_fields(to_fields(found)) == found


def test_the_schema_of_a_definition_says_what_has_one_manager() -> None:
    text = {"type": "object", "additionalProperties": {"type": "string"}}
    conditions = {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {"loose": text, "whole": {**text, "x-kubernetes-map-type": "atomic"}}
    schema, mistakes = Structural.compile(
        {
            "type": "object",
            "properties": {
                "spec": {"type": "object", "properties": spec},
                "status": {"type": "object", "properties": {"conditions": conditions}},
            },
        }
    )
    topology = Topology("widgets.example.org", schema)
    assert not mistakes
    obj = {"spec": {"loose": {"a": "1"}, "whole": {"a": "1"}}, "status": {"conditions": [{"type": "Ready"}]}}
    assert {".".join(path) for path in leaves(obj, topology)} == {
        "f:spec.f:loose.f:a",
        "f:spec.f:whole",
        "f:status.f:conditions",
    }
    live = apply_config(
        {"metadata": {"name": "w"}, **obj}, {"metadata": {}, **obj}, writer("a"), topology, force=False
    )
    other = {"metadata": {}, "spec": {"whole": {"b": "2"}}}
    with pytest.raises(ApiError, match="1 conflict"):
        apply_config(live, other, writer("b"), topology, force=False)
    assert apply_config(live, other, writer("b"), topology, force=True)["spec"]["whole"] == {"b": "2"}
