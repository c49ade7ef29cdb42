"""Server-side apply: who owns which field, what happens when two want one, and what an applier leaves out."""

import json
from typing import Any

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import WIDGETS, configmap, service, text, widget

SSA = "apply --server-side -f -"


def owners(obj: dict[str, Any]) -> dict[str, list[str]]:
    """manager -> its operations."""
    found: dict[str, list[str]] = {}
    for entry in obj["metadata"]["managedFields"]:
        found.setdefault(entry["manager"], []).append(entry["operation"])
    return found


def fields(obj: dict[str, Any], manager: str) -> dict[str, Any]:
    (entry,) = (held for held in obj["metadata"]["managedFields"] if held["manager"] == manager)
    owned: dict[str, Any] = entry["fieldsV1"]
    return owned


@pytest.mark.every_kubectl
def test_conflicts(cluster: Cluster, widgets: None) -> None:
    made = text(configmap("cm", {"a": "1"}), widget("one", size=3))
    assert cluster.kubectl(SSA, stdin=made).count("serverside-applied") == 2
    before = cluster.http.get(cluster.path("configmaps", "cm")).version
    cluster.kubectl(SSA, stdin=made)
    assert cluster.http.get(cluster.path("configmaps", "cm")).version == before, "applied again: no write"
    other = text(configmap("cm", {"a": "2"}))
    refused = cluster.refused(f"{SSA} --field-manager=other", stdin=other)
    assert 'conflict with "kubectl"' in refused
    assert ".data.a" in refused
    assert "--force-conflicts" in refused
    cluster.kubectl(f"{SSA} --field-manager=other --force-conflicts", stdin=other)
    shown = cluster.json("get cm cm --show-managed-fields")
    assert shown["data"] == {"a": "2"}
    assert "f:a" in json.dumps(fields(shown, "other"))
    assert "kubectl" not in owners(shown), "who owns nothing more is not listed"
    refused = cluster.refused(f"{SSA} --field-manager=other", stdin=text(widget("one", size=4)))
    assert ".spec.size" in refused
    # The same value is no conflict: both own it then.
    cluster.kubectl(f"{SSA} --field-manager=other", stdin=text(widget("one", size=3)))
    assert owners(cluster.json("get widget one --show-managed-fields")) == {
        "kubectl": ["Apply"],
        "other": ["Apply"],
    }


@pytest.mark.every_kubectl
def test_fields_that_are_applied_no_longer_go(cluster: Cluster, widgets: None) -> None:
    whole = widget("one", note="hello", parts=[{"name": "a"}, {"name": "b", "value": "x"}], tags=["t", "u"])
    cluster.kubectl(SSA, stdin=text(configmap("cm", {"a": "1", "b": "2"}), whole))
    cluster.kubectl("patch cm cm --type=merge -p", '{"data":{"theirs":"3"}}')
    fewer = widget("one", parts=[{"name": "b"}], tags=["u"])
    cluster.kubectl(SSA, stdin=text(configmap("cm", {"a": "1"}), fewer))
    assert cluster.json("get cm cm")["data"] == {"a": "1", "theirs": "3"}
    spec = cluster.json("get widget one")["spec"]
    assert spec["parts"] == [{"name": "b", "weight": 1}]
    assert spec["tags"] == ["u"]
    assert "note" not in spec


@pytest.mark.every_kubectl
def test_items_of_a_keyed_list_have_owners_of_their_own(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl(f"{SSA} --field-manager=one", stdin=text(widget("w", parts=[{"name": "a", "value": "1"}])))
    second = widget("w", parts=[{"name": "b", "value": "2"}])
    cluster.kubectl(f"{SSA} --field-manager=two", stdin=text(second))
    names = cluster.field("widget w", ".spec.parts[*].name")
    assert sorted(names.split()) == ["a", "b"]
    cluster.kubectl(f"{SSA} --field-manager=one", stdin=text(widget("w")))
    assert cluster.field("widget w", ".spec.parts[*].name") == "b"
    two = fields(cluster.json("get widget w --show-managed-fields"), "two")
    assert 'k:{"name":"b"}' in two["f:spec"]["f:parts"]
    # Ports of a Service are keyed by port and protocol.
    http = {"name": "http", "port": 80, "protocol": "TCP"}
    https = {"name": "https", "port": 443, "protocol": "TCP"}
    cluster.kubectl(f"{SSA} --field-manager=one", stdin=text(service("web", http)))
    cluster.kubectl(f"{SSA} --field-manager=two", stdin=text(service("web", https)))
    assert sorted(cluster.field("svc web", ".spec.ports[*].port").split()) == ["443", "80"]
    cluster.kubectl(f"{SSA} --field-manager=one", stdin=text(service("web", https)))
    assert cluster.field("svc web", ".spec.ports[*].port") == "443"
    # A list without keys is one value.
    cluster.kubectl(f"{SSA} --field-manager=one", stdin=text(widget("w", steps=["x"])))
    assert ".spec.steps" in cluster.refused(
        f"{SSA} --field-manager=two", stdin=text(widget("w", steps=["x", "y"]))
    )


@pytest.mark.every_kubectl
def test_from_client_side_to_server_side(cluster: Cluster, widgets: None) -> None:
    made = text(configmap("cm", {"a": "1", "b": "2"}), widget("one", note="hello"))
    cluster.kubectl("apply -f -", stdin=made)
    cluster.kubectl(SSA, stdin=made)
    shown = cluster.json("get cm cm --show-managed-fields")
    assert owners(shown)["kubectl"] == ["Apply"]
    assert "kubectl-client-side-apply" not in owners(shown)
    cluster.kubectl(SSA, stdin=text(configmap("cm", {"a": "1"}), widget("one")))
    assert cluster.json("get cm cm")["data"] == {"a": "1"}, "what was applied on the client's side is let go"
    assert "note" not in cluster.json("get widget one")["spec"]


@pytest.mark.every_kubectl
def test_managed_fields_are_shown_on_request(cluster: Cluster) -> None:
    cluster.kubectl("create configmap cm --from-literal=a=1")
    cluster.kubectl("label cm cm app=web")
    entries = cluster.json("get cm cm --show-managed-fields")["metadata"]["managedFields"]
    by_manager = {entry["manager"]: entry for entry in entries}
    assert {"kubectl-create", "kubectl-label"} <= by_manager.keys()
    created = by_manager["kubectl-create"]
    assert (created["operation"], created["apiVersion"], created["fieldsType"]) == ("Update", "v1", "FieldsV1")
    assert "f:a" in created["fieldsV1"]["f:data"]
    assert created["time"]
    labelled = by_manager["kubectl-label"]["fieldsV1"]["f:metadata"]["f:labels"]
    assert "f:app" in labelled


def test_the_status_is_owned_apart(cluster: Cluster, widgets: None) -> None:
    path = cluster.path(WIDGETS, "one")
    created = cluster.http.apply(path, widget("one") | {"status": {"phase": "Stolen"}}, "user")
    assert created.status == 201
    assert "status" not in created.body
    status = {key: value for key, value in widget("one").items() if key != "spec"} | {"status": {"phase": "Ready"}}
    applied = cluster.http.apply(f"{path}/status", status, "controller")
    assert applied.status == 200
    assert applied.body["status"] == {"phase": "Ready"}
    (entry,) = (held for held in applied.body["metadata"]["managedFields"] if held["manager"] == "controller")
    assert (entry["operation"], entry["subresource"]) == ("Apply", "status")
    assert entry["fieldsV1"] == {"f:status": {"f:phase": {}}}
    again = cluster.http.apply(path, widget("one", note="x"), "user")
    assert again.body["status"] == {"phase": "Ready"}, "the spec's applier does not touch the status"


def test_what_an_apply_insists_on(cluster: Cluster) -> None:
    path = cluster.path("configmaps", "cm")
    unnamed = cluster.http.send("PATCH", path, configmap("cm"), "application/apply-patch+yaml")
    assert unnamed.status == 400
    assert "fieldManager" in unnamed.message
    managed = cluster.http.apply(path, configmap("cm", managedFields=[{"manager": "x"}]), "m")
    assert managed.status in {400, 422}
    assert "managedFields" in managed.message
    created = cluster.http.apply(
        path, "apiVersion: v1\nkind: ConfigMap\ndata: {a: '1'}\nmetadata: {name: cm}", "m"
    )
    assert (created.status, created.body["data"]) == (201, {"a": "1"})
    stale = configmap("cm", {"a": "2"}, resourceVersion="1")
    assert cluster.http.apply(path, stale, "m").reason == "Conflict"
    conflict = cluster.http.apply(path, configmap("cm", {"a": "2"}), "n")
    assert (conflict.status, conflict.reason) == (409, "Conflict")
    cause = conflict.body["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.a")
    assert 'conflict with "m"' in cause["message"]


@pytest.mark.every_kubectl
def test_dry_run_and_plain_updates(cluster: Cluster) -> None:
    cluster.kubectl(SSA, stdin=text(configmap("cm", {"a": "1"})))
    before = cluster.json("get cm cm --show-managed-fields")
    dry = cluster.kubectl(f"{SSA} --dry-run=server", stdin=text(configmap("cm", {"a": "2"})))
    assert dry == "configmap/cm serverside-applied (server dry run)\n"
    assert cluster.json("get cm cm --show-managed-fields") == before
    # A plain update takes the field over without asking.
    cluster.kubectl("patch cm cm --type=merge -p", '{"data":{"a":"3"}}')
    shown = cluster.json("get cm cm --show-managed-fields")
    assert "f:a" in json.dumps(fields(shown, "kubectl-patch"))
    assert 'conflict with "kubectl-patch"' in cluster.refused(SSA, stdin=text(configmap("cm", {"a": "1"})))
