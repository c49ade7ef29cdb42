"""patch of every type, label, annotate, replace, edit."""

import json

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import configmap, service, text, widget


@pytest.mark.every_kubectl
def test_json_and_merge_patches(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("create -f -", stdin=text(configmap("cm", {"a": "1", "b": "2"}), widget("one", steps=["x"])))
    said = cluster.kubectl("patch cm cm --type=merge -p", '{"data":{"a":"9","b":null,"c":"3"}}')
    assert said == "configmap/cm patched\n"
    assert cluster.json("get cm cm")["data"] == {"a": "9", "c": "3"}
    steps = '[{"op":"test","path":"/spec/size","value":3},{"op":"add","path":"/spec/steps/-","value":"y"}]'
    cluster.kubectl("patch widget one --type=json -p", steps)
    assert cluster.json("get widget one")["spec"]["steps"] == ["x", "y"]
    cluster.kubectl("patch widget one --type=merge -p", '{"spec":{"steps":["z"]}}')
    assert cluster.json("get widget one")["spec"]["steps"] == ["z"]
    failed = '[{"op":"test","path":"/spec/size","value":4},{"op":"remove","path":"/spec/steps"}]'
    assert "test" in cluster.refused("patch widget one --type=json -p", failed)
    assert (
        "error"
        in cluster.refused("patch widget one --type=json -p", '[{"op":"remove","path":"/spec/no"}]').lower()
    )
    assert cluster.kubectl("patch widget one --type=merge -p", '{"spec":{"size":3}}') == (
        "widget.contract.hearthgate.dev/one patched (no change)\n"
    )


@pytest.mark.every_kubectl
def test_strategic_patches_are_for_built_in_kinds(cluster: Cluster, widgets: None) -> None:
    ports = [{"name": "http", "port": 80}, {"name": "https", "port": 443}]
    made = service("web", *ports)
    made["metadata"]["finalizers"] = ["contract.hearthgate.dev/hold"]
    cluster.kubectl("create -f -", stdin=text(made, widget("one")))
    cluster.kubectl("patch svc web -p", '{"spec":{"ports":[{"port":443,"targetPort":8443}]}}')
    held = {port["name"]: port["targetPort"] for port in cluster.json("get svc web")["spec"]["ports"]}
    assert held == {"http": 80, "https": 8443}, "merged by port"
    cluster.kubectl("patch svc web -p", '{"spec":{"ports":[{"$patch":"delete","port":80}]}}')
    assert cluster.field("svc web", ".spec.ports[*].port") == "443"
    cluster.kubectl("patch svc web -p", '{"spec":{"selector":{"$patch":"replace","tier":"front"}}}')
    assert cluster.json("get svc web")["spec"]["selector"] == {"tier": "front"}
    gone = '{"metadata":{"$deleteFromPrimitiveList/finalizers":["contract.hearthgate.dev/hold"]}}'
    cluster.kubectl("patch svc web -p", gone)
    assert "finalizers" not in cluster.json("get svc web")["metadata"]
    refused = cluster.refused("patch widget one -p", '{"spec":{"size":4}}')
    assert "application/merge-patch+json" in refused


@pytest.mark.every_kubectl
def test_the_status_subresource_is_patched_apart(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("create -f -", stdin=text(widget("one")))
    both = '{"spec":{"size":5},"status":{"phase":"Ready"}}'
    cluster.kubectl("patch widget one --type=merge -p", both)
    held = cluster.json("get widget one")
    assert (held["spec"]["size"], held.get("status", {}).get("phase")) == (5, None)
    cluster.kubectl("patch widget one --subresource=status --type=merge -p", both.replace("5", "6"))
    held = cluster.json("get widget one")
    assert (held["spec"]["size"], held["status"]["phase"]) == (5, "Ready")
    assert cluster.rows("get widget one")[1][:3] == ["one", "5", "Ready"]
    assert held["metadata"]["generation"] == 2, "a status makes no new generation"


@pytest.mark.every_kubectl
def test_labels_and_annotations(cluster: Cluster) -> None:
    cluster.kubectl("create configmap cm --from-literal=a=b")
    assert cluster.kubectl("label cm cm app=web tier=front") == "configmap/cm labeled\n"
    assert "already has a value (web)" in cluster.refused("label cm cm app=mail")
    cluster.kubectl("label cm cm app=mail tier- --overwrite")
    assert cluster.json("get cm cm")["metadata"]["labels"] == {"app": "mail"}
    assert cluster.kubectl("label cm cm --list") == "app=mail\n"
    assert cluster.kubectl("annotate cm cm note='some words'").startswith("configmap/cm annotate")
    assert cluster.field("cm cm", ".metadata.annotations.note") == "some words"
    cluster.kubectl("annotate cm -l app=mail note-")
    assert "annotations" not in cluster.json("get cm cm")["metadata"]
    version = cluster.json("get cm cm")["metadata"]["resourceVersion"]
    cluster.kubectl(f"label cm cm one=1 --resource-version={version}")
    stale = cluster.refused(f"label cm cm two=2 --resource-version={version}")
    assert "the object has been modified" in stale
    assert "a valid label" in cluster.refused("label cm cm bad=-x-")


@pytest.mark.every_kubectl
def test_replace(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("create -f -", stdin=text(configmap("cm", {"a": "1"}), widget("one")))
    shown = cluster.kubectl("get cm cm -o json")
    changed = shown.replace('"a": "1"', '"a": "2"')
    assert cluster.kubectl("replace -f -", stdin=changed) == "configmap/cm replaced\n"
    refused = cluster.refused("replace -f -", stdin=changed.replace('"a": "2"', '"a": "3"'))
    assert "the object has been modified" in refused
    assert "Conflict" in refused
    cluster.kubectl("replace -f -", stdin=text(configmap("cm", {"b": "4"})))
    assert cluster.json("get cm cm")["data"] == {"b": "4"}, "without a version it replaces whatever is there"
    assert "NotFound" in cluster.refused("replace -f -", stdin=text(configmap("nope")))
    first = json.loads(shown)["metadata"]["uid"]
    cluster.kubectl("replace --force -f -", stdin=text(configmap("cm", {"c": "5"})))
    held = cluster.json("get cm cm")
    assert held["data"] == {"c": "5"}
    assert held["metadata"]["uid"] != first
    current = cluster.json("get widget one")
    current |= {"status": {"phase": "Done"}}
    cluster.kubectl("replace --subresource=status -f -", stdin=text(current))
    assert cluster.field("widget one", ".status.phase") == "Done"


@pytest.mark.every_kubectl
def test_edit(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("create -f -", stdin=text(configmap("cm", {"a": "before"}), widget("one", note="before")))
    editor = {"KUBE_EDITOR": "sed -i s/before/after/"}
    assert cluster.kubectl("edit cm cm", env=editor) == "configmap/cm edited\n"
    assert cluster.json("get cm cm")["data"] == {"a": "after"}
    assert "edited" in cluster.kubectl("edit widget one", env=editor)
    assert cluster.field("widget one", ".spec.note") == "after"
    untouched = cluster.told("edit cm cm", env=editor)
    assert "no changes made" in untouched.out + untouched.err
