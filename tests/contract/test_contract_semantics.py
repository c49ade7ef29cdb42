"""What every object of a Kubernetes API promises, in plain requests."""

import re

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import WIDGETS, Object, configmap, service, widget
from tests.contract.plain_http import JSON_PATCH, PARTIAL, PARTIAL_LIST, STRATEGIC, TABLE

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def path(cluster: Cluster) -> str:
    return cluster.path("configmaps")


def test_the_server_gives_the_metadata(cluster: Cluster, path: str) -> None:
    asked = configmap("cm", {"a": "b"})
    claimed = {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 9, "selfLink": "/x"}
    asked["metadata"] |= claimed
    made = cluster.http.post(path, asked)
    assert made.status == 201
    metadata = made.body["metadata"]
    assert UID.fullmatch(metadata["uid"])
    assert TIME.fullmatch(metadata["creationTimestamp"])
    assert not metadata["creationTimestamp"].startswith("2001")
    assert (metadata["namespace"], metadata["resourceVersion"].isdigit()) == (cluster.namespace, True)
    assert "selfLink" not in metadata
    changed = cluster.http.patch(f"{path}/cm", {"metadata": {"creationTimestamp": None, "generation": 5}})
    assert changed.body["metadata"]["creationTimestamp"] == metadata["creationTimestamp"]
    refused = cluster.http.patch(f"{path}/cm", {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}})
    assert refused.status in {409, 422}
    versioned = configmap("other", resourceVersion="5")
    assert cluster.http.post(path, versioned).status >= 400, "no version before it exists"
    assert cluster.http.post(path, configmap("cm")).reason == "AlreadyExists"


def test_the_version_is_a_lock(cluster: Cluster, path: str) -> None:
    first = cluster.http.post(path, configmap("cm", {"a": "1"})).body
    second = cluster.http.put(f"{path}/cm", first | {"data": {"a": "2"}})
    assert second.status == 200
    assert int(second.version) > int(first["metadata"]["resourceVersion"])
    stale = cluster.http.put(f"{path}/cm", first | {"data": {"a": "3"}})
    assert (stale.status, stale.reason) == (409, "Conflict")
    assert "the object has been modified" in stale.message
    lock = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"a": "4"}}
    assert cluster.http.patch(f"{path}/cm", lock).status == 409
    assert cluster.http.patch(f"{path}/cm", lock, STRATEGIC).status == 409
    steps = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/a"}]
    assert cluster.http.patch(f"{path}/cm", steps, JSON_PATCH).status == 422
    assert cluster.http.get(f"{path}/cm").body["data"] == {"a": "2"}
    assert cluster.http.put(f"{path}/nope", configmap("nope")).status == 404
    assert cluster.http.put(f"{path}/cm", configmap("another")).status == 400


def test_a_write_that_changes_nothing_is_none(cluster: Cluster, path: str) -> None:
    made = cluster.http.post(path, configmap("cm", {"a": "1"}))
    with cluster.http.watch(path, resourceVersion=made.version, labelSelector="!never") as frames:
        shown = cluster.http.get(f"{path}/cm").body
        for answer in (
            cluster.http.put(f"{path}/cm", shown),
            cluster.http.patch(f"{path}/cm", {"data": {"a": "1"}}),
            cluster.http.patch(f"{path}/cm", {"data": {"a": "1"}}, STRATEGIC),
            cluster.http.patch(f"{path}/cm", [{"op": "replace", "path": "/data/a", "value": "1"}], JSON_PATCH),
        ):
            assert (answer.status, answer.version) == (200, made.version)
        changed = cluster.http.patch(f"{path}/cm", {"data": {"a": "2"}})
        assert frames.next()["object"]["metadata"]["resourceVersion"] == changed.version


def test_a_dry_run_changes_nothing(cluster: Cluster, path: str) -> None:
    dry = cluster.http.post(path, configmap("cm", {"a": "1"}), dryRun="All")
    assert (dry.status, dry.body["metadata"].get("resourceVersion", "")) == (201, "")
    assert cluster.http.get(f"{path}/cm").status == 404
    made = cluster.http.post(path, configmap("cm", {"a": "1"}))
    for answer in (
        cluster.http.put(f"{path}/cm", configmap("cm", {"a": "2"}), dryRun="All"),
        cluster.http.patch(f"{path}/cm", {"data": {"a": "2"}}, dryRun="All"),
        cluster.http.apply(f"{path}/cm", configmap("cm", {"a": "2"}), "m", force="true", dryRun="All"),
    ):
        assert (answer.status, answer.body["data"]) == (200, {"a": "2"})
    assert cluster.http.delete(f"{path}/cm", dryRun="All").status == 200
    assert cluster.http.get(f"{path}/cm").body == made.body
    assert cluster.http.post(path, configmap("x"), dryRun="Some").status in {400, 422}


def test_generation_counts_changes_of_the_spec(cluster: Cluster, widgets: None) -> None:
    widgets_path = cluster.path(WIDGETS)
    path = f"{widgets_path}/one"

    def generation(answer_body: Object) -> int:
        return int(answer_body["metadata"]["generation"])

    assert generation(cluster.http.post(widgets_path, widget("one")).body) == 1
    assert generation(cluster.http.patch(path, {"spec": {"size": 4}}).body) == 2
    assert generation(cluster.http.patch(path, {"metadata": {"labels": {"a": "b"}}}).body) == 2
    assert generation(cluster.http.patch(path, {"spec": {"size": 4}}).body) == 2
    assert generation(cluster.http.patch(f"{path}/status", {"status": {"phase": "x"}}).body) == 2
    assert generation(cluster.http.patch(path, {"spec": {"note": "x"}, "metadata": {"generation": 9}}).body) == 3


def test_the_status_is_a_world_of_its_own(cluster: Cluster, widgets: None) -> None:
    widgets_path = cluster.path(WIDGETS)
    path = f"{widgets_path}/one"
    made = cluster.http.post(widgets_path, widget("one") | {"status": {"phase": "Mine"}}).body
    assert "status" not in made
    changed = made | {"spec": {"size": 9}, "status": {"phase": "Ready"}}
    held = cluster.http.put(f"{path}/status", changed).body
    assert (held["spec"]["size"], held["status"]) == (3, {"phase": "Ready"})
    held = cluster.http.put(path, held | {"spec": {"size": 8}, "status": {"phase": "Gone"}}).body
    assert (held["spec"]["size"], held["status"]) == (8, {"phase": "Ready"})
    assert cluster.http.get(f"{path}/status").body == held
    assert cluster.http.get(f"{cluster.path('configmaps', 'x')}/status").status == 404
    point = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    # A class of nobody keeps the load balancers of a real cluster out of it.
    balanced = service("web", type="LoadBalancer", loadBalancerClass="contract.hearthgate.dev/nobody")
    cluster.http.post(cluster.path("services"), balanced)
    web = cluster.path("services", "web")
    cluster.http.patch(web, point)
    assert not cluster.http.get(web).body["status"].get("loadBalancer", {}).get("ingress")
    shown = cluster.http.patch(f"{web}/status", point).body
    assert shown["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.7"


def test_pages_show_one_moment(cluster: Cluster, path: str) -> None:
    ours = {"labelSelector": "ours"}
    for number in range(5):
        cluster.http.post(path, configmap(f"c{number}", labels={"ours": "yes"}))
    first = cluster.http.get(path, limit="2", **ours)
    assert first.names == ["c0", "c1"]
    again = first.body["metadata"]["continue"]
    cluster.http.delete(f"{path}/c2")
    cluster.http.post(path, configmap("c1-new", labels={"ours": "yes"}))
    cluster.http.post(path, configmap("c5", labels={"ours": "yes"}))
    second = cluster.http.get(path, limit="2", **ours, **{"continue": again})
    third = cluster.http.get(path, limit="2", **ours, **{"continue": second.body["metadata"]["continue"]})
    assert second.names + third.names == ["c2", "c3", "c4"], "as it was at the first page"
    assert first.version == second.version == third.version
    assert not third.body["metadata"].get("continue")
    assert cluster.http.get(path, **ours).names == ["c0", "c1", "c1-new", "c3", "c4", "c5"]
    assert cluster.http.get(path, limit="2", **{"continue": "nonsense"}).status == 400


def test_other_forms_of_an_answer(cluster: Cluster, path: str) -> None:
    made = cluster.http.post(path, configmap("cm", {"a": "1"}, labels={"ours": "yes"})).body
    whole = cluster.http.get(f"{path}/cm", PARTIAL).body
    assert (whole["kind"], whole["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert whole["metadata"]["uid"] == made["metadata"]["uid"]
    assert "data" not in whole
    listed = cluster.http.get(path, PARTIAL_LIST, labelSelector="ours").body
    assert listed["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in listed["items"]] == ["cm"]
    table = cluster.http.get(path, TABLE, labelSelector="ours", includeObject="Object").body
    assert (table["kind"], table["rows"][0]["object"]["data"]) == ("Table", {"a": "1"})
    bare = cluster.http.get(f"{path}/cm", TABLE, includeObject="None").body
    assert bare["rows"][0]["cells"][:2] == ["cm", 1]
    assert not bare["rows"][0].get("object")
    plain = cluster.http.get(path, f"{TABLE},application/json", labelSelector="ours").body
    assert plain["kind"] == "Table", "the first form that the server knows"
    assert cluster.http.get(f"{path}/cm", "text/html").status == 406


def test_a_refusal_is_a_status(cluster: Cluster, path: str) -> None:
    missing = cluster.http.get(f"{path}/nope")
    assert (missing.status, missing.body["kind"], missing.body["status"]) == (404, "Status", "Failure")
    assert (missing.reason, missing.body["code"]) == ("NotFound", 404)
    assert missing.message == 'configmaps "nope" not found'
    assert missing.body["details"] == {"name": "nope", "kind": "configmaps"}
    assert cluster.http.get(cluster.path("nonsense")).status == 404
    assert cluster.http.send("POST", f"{path}/cm", configmap("cm")).status == 405
    assert cluster.http.post(path, "{").status == 400
    assert cluster.http.send("POST", path, "x", "text/csv").status == 415
    assert cluster.http.post(path, service("web")).status == 400, "another kind than the address takes"
    assert cluster.http.post(path, configmap("cm", namespace="elsewhere")).status == 400
    bad = cluster.http.post(path, configmap("Not_A_Name"))
    assert (bad.status, bad.reason) == (422, "Invalid")
    assert "metadata.name" in bad.causes
    bad = cluster.http.post(path, configmap("cm", labels={"a b": "c"}))
    assert (bad.status, "metadata.labels" in bad.causes) == (422, True)


def test_bodies_of_an_immutable_object(cluster: Cluster, path: str) -> None:
    frozen = configmap("cm", {"a": "1"}) | {"immutable": True}
    cluster.http.post(path, frozen)
    refused = cluster.http.patch(f"{path}/cm", {"data": {"a": "2"}})
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "field is immutable" in refused.message
    assert cluster.http.patch(f"{path}/cm", {"metadata": {"labels": {"a": "b"}}}).status == 200
    secrets = cluster.path("secrets")
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = cluster.http.post(secrets, secret)
    assert (made.body["type"], made.body["data"]) == ("Opaque", {"a": "Yg=="})
    assert "stringData" not in made.body
    typed = cluster.http.patch(f"{secrets}/s", {"type": "kubernetes.io/tls"})
    assert (typed.status, "field is immutable" in typed.message) == (422, True)


def test_defaults_of_built_in_kinds(cluster: Cluster) -> None:
    made = cluster.http.post(cluster.path("services"), service("web", {"port": 80})).body["spec"]
    assert (made["type"], made["sessionAffinity"]) == ("ClusterIP", "None")
    (port,) = made["ports"]
    assert (port["port"], port["targetPort"], port["protocol"]) == (80, 80, "TCP")
    policies = cluster.path("networking.k8s.io/v1/networkpolicies")
    policy: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {}, "egress": [{}]},
    }
    assert cluster.http.post(policies, policy).body["spec"]["policyTypes"] == ["Ingress", "Egress"]
    clash = service("two", {"name": "a", "port": 80}, {"name": "a", "port": 81})
    refused = cluster.http.post(cluster.path("services"), clash)
    assert (refused.status, "spec.ports[1].name" in refused.causes) == (422, True)
