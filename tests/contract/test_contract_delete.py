"""Deleting: by name, label and all; finalizers, dependents, namespaces."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import Object, configmap, owned_by, service, text, widget
from tests.waiting import wait_for

HOLD = "contract.hearthgate.dev/hold"
CONFIGMAPS = "configmaps"


def created(cluster: Cluster, obj: Object) -> Object:
    answer = cluster.http.post(cluster.path(CONFIGMAPS), obj)
    assert answer.status == 201, answer
    body: Object = answer.body
    return body


def release(cluster: Cluster, name: str) -> None:
    cluster.http.patch(cluster.path(CONFIGMAPS, name), {"metadata": {"finalizers": None}})


def is_gone(cluster: Cluster, name: str) -> bool:
    return cluster.http.get(cluster.path(CONFIGMAPS, name)).status == 404


@pytest.mark.every_kubectl
def test_by_name_label_and_all(cluster: Cluster, widgets: None) -> None:
    made = [configmap(name, labels={"set": "x"}) for name in ("a", "b")]
    more = [configmap("c"), service("web"), widget("one"), widget("two")]
    cluster.kubectl("create -f -", stdin=text(*made, *more))
    assert cluster.kubectl("delete cm c") == 'configmap "c" deleted\n'
    assert "NotFound" in cluster.refused("delete cm c")
    assert cluster.kubectl("delete cm c --ignore-not-found") == ""
    assert cluster.kubectl("delete cm -l set=x").count("deleted") == 2
    assert cluster.kubectl("delete svc/web -o name") == "service/web\n"
    said = cluster.kubectl("delete widgets --all")
    assert said.count("deleted") == 2
    assert cluster.kubectl("get widgets -o name") == ""
    assert cluster.kubectl("delete widgets --all") == "No resources found\n"


@pytest.mark.every_kubectl
def test_a_dry_run_and_not_waiting(cluster: Cluster) -> None:
    cluster.kubectl("create -f -", stdin=text(configmap("cm"), configmap("held", finalizers=[HOLD])))
    assert cluster.kubectl("delete cm cm --dry-run=server") == 'configmap "cm" deleted (server dry run)\n'
    assert cluster.kubectl("delete cm cm --dry-run=client") == 'configmap "cm" deleted (dry run)\n'
    assert cluster.kubectl("get cm cm -o name") == "configmap/cm\n"
    assert cluster.kubectl("delete cm held --wait=false") == 'configmap "held" deleted\n'
    assert cluster.json("get cm held")["metadata"]["deletionTimestamp"]
    assert "timed out waiting for the condition" in cluster.refused("delete cm held --timeout=1s")
    release(cluster, "held")
    assert "NotFound" in cluster.refused("get cm held")
    said = cluster.told("delete cm cm --grace-period=0 --force")
    assert "deleted" in said.out
    assert "NotFound" in cluster.refused("get cm cm")


def test_finalizers_hold_an_object(cluster: Cluster) -> None:
    path = cluster.path(CONFIGMAPS, "held")
    held = created(cluster, configmap("held", finalizers=[HOLD, f"{HOLD}2"]))
    answer = cluster.http.delete(path)
    assert answer.status == 200
    marked = answer.body["metadata"]
    assert marked["deletionTimestamp"]
    assert marked["uid"] == held["metadata"]["uid"]
    again = cluster.http.delete(path)
    assert again.status == 200
    assert again.body["metadata"]["deletionTimestamp"] == marked["deletionTimestamp"]
    assert cluster.http.post(cluster.path(CONFIGMAPS), configmap("held")).reason == "AlreadyExists"
    more = cluster.http.patch(path, {"metadata": {"finalizers": [HOLD, f"{HOLD}3"]}})
    assert more.status == 422
    assert "metadata.finalizers" in more.causes
    assert cluster.http.patch(path, {"data": {"still": "writable"}}).status == 200
    assert cluster.http.patch(path, {"metadata": {"finalizers": [HOLD]}}).status == 200
    assert not is_gone(cluster, "held")
    assert cluster.http.patch(path, {"metadata": {"finalizers": []}}).status == 200
    assert is_gone(cluster, "held")


@pytest.mark.every_kubectl
def test_dependents_follow_in_the_background(cluster: Cluster) -> None:
    owner, other = created(cluster, configmap("owner")), created(cluster, configmap("other"))
    child = created(cluster, configmap("child", ownerReferences=[owned_by(owner)]))
    created(cluster, configmap("grandchild", ownerReferences=[owned_by(child)]))
    created(cluster, configmap("shared", ownerReferences=[owned_by(owner), owned_by(other)]))
    cluster.kubectl("delete cm owner --cascade=background")
    wait_for(lambda: is_gone(cluster, "child") and is_gone(cluster, "grandchild"), within=60)

    def owners() -> list[str]:
        references = cluster.http.get(cluster.path(CONFIGMAPS, "shared")).body["metadata"]["ownerReferences"]
        return [held["name"] for held in references]

    wait_for(lambda: owners() == ["other"], within=60, what="the reference to the owner that is gone to go")


@pytest.mark.every_kubectl
def test_the_owner_goes_last_in_the_foreground(cluster: Cluster) -> None:
    owner = created(cluster, configmap("owner"))
    reference = owned_by(owner, blockOwnerDeletion=True)
    created(cluster, configmap("child", ownerReferences=[reference], finalizers=[HOLD]))
    cluster.kubectl("delete cm owner --cascade=foreground --wait=false")
    path = cluster.path(CONFIGMAPS, "owner")
    held = cluster.http.get(path).body["metadata"]
    assert "foregroundDeletion" in held["finalizers"]
    assert held["deletionTimestamp"]

    def is_marked() -> bool:
        return "deletionTimestamp" in cluster.http.get(cluster.path(CONFIGMAPS, "child")).body["metadata"]

    wait_for(is_marked, within=60, what="the end of the child to begin")
    assert not is_gone(cluster, "owner"), "the child still holds it"
    release(cluster, "child")
    wait_for(lambda: is_gone(cluster, "owner"), within=60, what="the owner to follow its child")


@pytest.mark.every_kubectl
def test_orphans_stay(cluster: Cluster) -> None:
    owner = created(cluster, configmap("owner"))
    created(cluster, configmap("child", ownerReferences=[owned_by(owner)]))
    cluster.kubectl("delete cm owner --cascade=orphan")
    wait_for(lambda: is_gone(cluster, "owner"), within=60)

    def is_free() -> bool:
        return "ownerReferences" not in cluster.http.get(cluster.path(CONFIGMAPS, "child")).body["metadata"]

    wait_for(is_free, within=60, what="the reference of the orphan to go")


def test_what_a_delete_insists_on(cluster: Cluster) -> None:
    made = created(cluster, configmap("cm"))
    path = cluster.path(CONFIGMAPS, "cm")

    def insisting(**wanted: str) -> Object:
        return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": wanted}

    for wanted in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
        refused = cluster.http.delete(path, insisting(**wanted))
        assert (refused.status, refused.reason) == (409, "Conflict"), wanted
    cluster.http.patch(path, {"data": {"a": "b"}})
    stale = cluster.http.delete(path, insisting(resourceVersion=made["metadata"]["resourceVersion"]))
    assert stale.status == 409
    done = cluster.http.delete(path, insisting(uid=made["metadata"]["uid"]))
    assert (done.status, done.body["status"]) == (200, "Success")
    assert done.body["details"]["uid"] == made["metadata"]["uid"]
    assert cluster.http.delete(path).reason == "NotFound"


def test_a_collection(cluster: Cluster) -> None:
    for name, labels in (("a", {"set": "x"}), ("b", {"set": "x"}), ("c", {"set": "y"}), ("d", {"set": "y"})):
        created(cluster, configmap(name, labels=labels))
    collection = cluster.path(CONFIGMAPS)
    assert cluster.http.delete(collection, labelSelector="set=x", dryRun="All").status == 200
    assert cluster.http.get(collection, labelSelector="set").names == ["a", "b", "c", "d"]
    assert cluster.http.delete(collection, labelSelector="set=x").status == 200
    assert cluster.http.get(collection, labelSelector="set").names == ["c", "d"]
    assert cluster.http.delete(collection, labelSelector="set", fieldSelector="metadata.name=d").status == 200
    assert cluster.http.get(collection, labelSelector="set").names == ["c"]


@pytest.mark.every_kubectl
def test_a_namespace_is_emptied_and_takes_nothing_new(cluster: Cluster, widgets: None) -> None:
    name = f"{cluster.namespace}-ending"
    cluster.kubectl(f"create namespace {name}")
    made = text(configmap("held", finalizers=[HOLD]), configmap("free"), widget("one"))
    cluster.kubectl(f"create -n {name} -f -", stdin=made)
    cluster.kubectl(f"delete namespace {name} --wait=false")
    assert cluster.field(f"ns {name}", ".status.phase") == "Terminating"
    refused = cluster.refused(f"create configmap late -n {name}")
    assert "is forbidden" in refused
    assert "because it is being terminated" in refused
    configmaps = cluster.path(CONFIGMAPS, namespace=name)

    def only_held() -> bool:
        left = [held for held in cluster.http.get(configmaps).names if held != "kube-root-ca.crt"]
        return left == ["held"] and not cluster.kubectl(f"get widgets -n {name} -o name")

    wait_for(only_held, within=60, what="the namespace to be emptied")
    assert cluster.http.get(f"/api/v1/namespaces/{name}").status == 200, "a finalizer holds it"
    cluster.http.patch(f"{configmaps}/held", {"metadata": {"finalizers": None}})
    cluster.kubectl(f"wait --for=delete namespace/{name} --timeout=40s")
    assert cluster.http.get(configmaps).body["items"] == []
