"""kubectl apply without --server-side, and what goes with it: prune, ApplySet, kustomize, diff."""

from pathlib import Path

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import Object, configmap, service, text, widget

LAST = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.every_kubectl
def test_created_unchanged_configured(cluster: Cluster, widgets: None) -> None:
    first = text(configmap("cm", {"a": "1", "b": "2"}), service("web"), widget("one", note="hello"))
    said = cluster.kubectl("apply -f -", stdin=first)
    assert said.splitlines() == [
        "configmap/cm created",
        "service/web created",
        "widget.contract.hearthgate.dev/one created",
    ]
    before = cluster.http.get(cluster.path("services", "web")).version
    assert cluster.kubectl("apply -f -", stdin=first).count("unchanged") == 3
    assert cluster.http.get(cluster.path("services", "web")).version == before
    # Somebody else's field stays, a field that is applied no longer goes, one that was never ours stays.
    cluster.kubectl("annotate svc web owner=somebody")
    cluster.kubectl("patch cm cm --type=merge -p", '{"data":{"theirs":"3"}}')
    second = text(
        configmap("cm", {"a": "9"}),
        service("web", {"name": "https", "port": 443, "targetPort": 8443}),
        widget("one", colour="blue"),
    )
    assert cluster.kubectl("apply -f -", stdin=second).count("configured") == 3
    held = cluster.json("get cm cm")
    assert held["data"] == {"a": "9", "theirs": "3"}
    assert '"a":"9"' in held["metadata"]["annotations"][LAST]
    web = cluster.json("get svc web")
    assert [(port["name"], port["port"]) for port in web["spec"]["ports"]] == [("https", 443)]
    assert web["metadata"]["annotations"]["owner"] == "somebody"
    made = cluster.json("get widget one")
    assert (made["spec"].get("note"), made["spec"]["colour"]) == (None, "blue")


@pytest.mark.every_kubectl
def test_what_was_applied_last_can_be_seen_and_set(cluster: Cluster) -> None:
    manifest = text(configmap("cm", {"a": "1"}))
    assert "create the resource" not in cluster.kubectl("create --save-config -f -", stdin=manifest)
    assert 'a: "1"' in cluster.kubectl("apply view-last-applied cm cm")
    assert "unchanged" in cluster.kubectl("apply -f -", stdin=manifest)
    cluster.kubectl("apply set-last-applied -f -", stdin=text(configmap("cm", {"a": "2"})))
    assert 'a: "2"' in cluster.kubectl("apply view-last-applied cm cm")


def test_adopting_what_was_created_otherwise_warns(cluster: Cluster) -> None:
    cluster.kubectl("create configmap cm --from-literal=a=1")
    said = cluster.told("apply -f -", stdin=text(configmap("cm", {"b": "2"})))
    assert f"missing the {LAST} annotation" in said.err
    assert cluster.json("get cm cm")["data"] == {"a": "1", "b": "2"}


@pytest.mark.every_kubectl
def test_prune_by_label(cluster: Cluster) -> None:
    made = [configmap(name, labels={"set": "one"}) for name in ("keep", "drop")]
    cluster.kubectl("apply -f -", stdin=text(*made, configmap("other", labels={"set": "two"})))
    prune = "apply --prune -l set=one --prune-allowlist=core/v1/ConfigMap -f -"
    assert "configmap/drop pruned" in cluster.kubectl(prune, stdin=text(made[0]))
    names = cluster.kubectl("get cm -l set -o name").split()
    assert names == ["configmap/keep", "configmap/other"]


@pytest.mark.every_kubectl
def test_an_apply_set_prunes_what_left_it(cluster: Cluster, widgets: None) -> None:
    alpha = {"KUBECTL_APPLYSET": "true"}
    command = "apply --prune --applyset=configmaps/set -f -"
    made = [configmap("keep"), configmap("drop"), widget("drop")]
    cluster.kubectl(command, stdin=text(*made), env=alpha)
    said = cluster.kubectl(command, stdin=text(made[0]), env=alpha)
    assert "configmap/drop pruned" in said
    assert "widget.contract.hearthgate.dev/drop pruned" in said
    assert "NotFound" in cluster.refused("get cm drop")
    parent = cluster.json("get cm set")["metadata"]
    assert parent["labels"]["applyset.kubernetes.io/id"].startswith("applyset-")
    assert cluster.json("get cm keep")["metadata"]["labels"]["applyset.kubernetes.io/part-of"]


@pytest.mark.every_kubectl
def test_kustomize(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "cm.yaml").write_text(text(configmap("cm", {"a": "1"})))
    kustomization = """
resources: [cm.yaml]
namePrefix: my-
commonAnnotations: {made: by-kustomize}
configMapGenerator: [{name: generated, literals: [x=y]}]
patches:
  - target: {kind: ConfigMap, name: cm}
    patch: '[{"op": "replace", "path": "/data/a", "value": "2"}]'
"""
    (tmp_path / "kustomization.yaml").write_text(kustomization)
    said = cluster.kubectl(f"apply -k {tmp_path}")
    assert "configmap/my-cm created" in said
    held = cluster.json("get cm my-cm")
    assert (held["data"], held["metadata"]["annotations"]["made"]) == ({"a": "2"}, "by-kustomize")
    assert cluster.kubectl(f"diff -k {tmp_path}") == ""
    assert cluster.kubectl(f"delete -k {tmp_path}").count("deleted") == 2


@pytest.mark.every_kubectl
@pytest.mark.parametrize("flags", ["", "--server-side"], ids=["client", "server"])
def test_diff(cluster: Cluster, widgets: None, flags: str) -> None:
    def manifest(value: str, size: int) -> str:
        return text(configmap("cm", {"a": value}), widget("one", size=size))

    missing = cluster.refused(f"diff {flags} -f -", stdin=manifest("1", 3))
    assert '+  a: "1"' in missing
    cluster.kubectl(f"apply {flags} -f -", stdin=manifest("1", 3))
    assert cluster.kubectl(f"diff {flags} -f -", stdin=manifest("1", 3)) == ""
    changed = cluster.refused(f"diff {flags} -f -", stdin=manifest("2", 4)).splitlines()
    for line in ('-  a: "1"', '+  a: "2"', "-  size: 3", "+  size: 4"):
        assert line in changed
    assert cluster.json("get cm cm")["data"] == {"a": "1"}, "a diff changes nothing"


@pytest.mark.every_kubectl
def test_folders_and_several_documents(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text(text(configmap("a"), configmap("b")))
    (tmp_path / "deep" / "c.json").write_text(text(configmap("c")))
    assert cluster.kubectl(f"apply -f {tmp_path}").count("created") == 2
    assert cluster.kubectl(f"apply -R -f {tmp_path}").splitlines()[-1] == "configmap/c created"
    listed: Object = {"apiVersion": "v1", "kind": "List", "items": [configmap("d"), configmap("e")]}
    assert cluster.kubectl("apply -f -", stdin=text(listed)).count("created") == 2
    assert cluster.kubectl(f"get -R -f {tmp_path} -o name").split() == [
        "configmap/a",
        "configmap/b",
        "configmap/c",
    ]
    assert cluster.kubectl(f"delete -R -f {tmp_path}").count("deleted") == 3
    elsewhere = text(configmap("x", namespace="contract-no-such-namespace"))
    assert "not match the namespace" in cluster.refused("apply -f -", stdin=elsewhere)
    said = cluster.refused("apply -n contract-no-such-namespace -f -", stdin=elsewhere)
    assert 'namespaces "contract-no-such-namespace" not found' in said
    broken = text(configmap("good")) + "\n---\n{"
    assert "error" in cluster.refused("apply -f -", stdin=broken)
