"""What is served: api-resources, api-versions, version, cluster-info, explain, and the documents behind them."""

import pytest

from tests.contract.contract_cluster import Cluster

GROUP = "contract.hearthgate.dev"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@pytest.mark.every_kubectl
def test_resources_and_versions(cluster: Cluster, widgets: None) -> None:
    rows = {cells[0]: cells for cells in cluster.rows("api-resources")}
    assert rows["services"] == ["services", "svc", "v1", "true", "Service"]
    assert rows["namespaces"] == ["namespaces", "ns", "v1", "false", "Namespace"]
    assert rows["widgets"] == ["widgets", "wdg", f"{GROUP}/v1", "true", "Widget"]
    assert cluster.kubectl(f"api-resources --api-group={GROUP} -o name") == f"widgets.{GROUP}\n"
    names = cluster.kubectl("api-resources --namespaced=false --verbs=list,watch -o name").split()
    assert "namespaces" in names
    assert "services" not in names
    wide = cluster.kubectl(f"api-resources --api-group={GROUP} -o wide")
    for verb in ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"):
        assert verb in wide
    assert "contract-kinds" in wide
    versions = cluster.kubectl("api-versions").split()
    wanted = {"v1", "networking.k8s.io/v1", "discovery.k8s.io/v1", "coordination.k8s.io/v1", f"{GROUP}/v1"}
    assert wanted <= set(versions)


@pytest.mark.every_kubectl
def test_version_and_cluster_info(cluster: Cluster) -> None:
    assert "Server Version: " in cluster.kubectl("version")
    said = cluster.json("version")
    assert said["serverVersion"]["gitVersion"].startswith("v1.")
    assert cluster.http.url in cluster.kubectl("cluster-info")
    for path in ("/healthz", "/livez", "/readyz"):
        assert cluster.kubectl(f"get --raw {path}") == "ok"


@pytest.mark.every_kubectl
def test_explain(cluster: Cluster, widgets: None) -> None:
    said = cluster.kubectl("explain configmap")
    assert "ConfigMap" in said
    assert "binaryData" in said
    assert "targetPort" in cluster.kubectl("explain service.spec.ports")
    assert "pathType" in cluster.kubectl("explain ingress.spec.rules.http.paths")
    assert "pathType" in cluster.kubectl("explain ingress --recursive --api-version=networking.k8s.io/v1")
    said = cluster.kubectl("explain widget")
    assert "A thing for the tests of the API." in said
    said = cluster.kubectl("explain widget.spec")
    assert "How large it is, from one to nine." in said
    assert "-required-" in said
    said = cluster.kubectl("explain widget.spec.size")
    assert "<integer>" in said
    said = cluster.kubectl("explain widget --recursive")
    assert "weight" in said
    assert "does not exist" in cluster.refused("explain widget.spec.nope")
    assert "resource type" in cluster.refused("explain nonsense")


def test_documents(cluster: Cluster, widgets: None) -> None:
    groups = cluster.http.get("/apis").body
    assert groups["kind"] == "APIGroupList"
    group = next(held for held in groups["groups"] if held["name"] == GROUP)
    assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    assert cluster.http.get("/api").body["versions"] == ["v1"]
    listed = cluster.http.get(f"/apis/{GROUP}/v1").body
    found = {held["name"]: held for held in listed["resources"]}
    assert listed["groupVersion"] == f"{GROUP}/v1"
    assert (found["widgets"]["kind"], found["widgets"]["singularName"]) == ("Widget", "widget")
    assert sorted(found["widgets/status"]["verbs"]) == ["get", "patch", "update"]
    core = {held["name"]: held for held in cluster.http.get("/api/v1").body["resources"]}
    assert core["configmaps"]["shortNames"] == ["cm"]
    assert "services/status" in core
    aggregated = cluster.http.get("/apis", AGGREGATED).body
    if aggregated["kind"] == "APIGroupDiscoveryList":
        item = next(held for held in aggregated["items"] if held["metadata"]["name"] == GROUP)
        (resource,) = item["versions"][0]["resources"]
        assert (resource["resource"], resource["scope"]) == ("widgets", "Namespaced")
        assert resource["subresources"][0]["subresource"] == "status"
    assert cluster.http.get("/apis/nonsense.example.org/v1").status == 404


def test_openapi(cluster: Cluster, widgets: None) -> None:
    paths = cluster.http.get("/openapi/v3").body["paths"]
    address = paths[f"apis/{GROUP}/v1"]["serverRelativeURL"]
    document = cluster.http.get(address).body
    assert document["openapi"].startswith("3.")
    schemas = document["components"]["schemas"]
    found = [
        schema
        for schema in schemas.values()
        if {"group": GROUP, "version": "v1", "kind": "Widget"} in schema.get("x-kubernetes-group-version-kind", [])
    ]
    assert found[0]["properties"]["spec"]["properties"]["size"]["maximum"] == 9
    item = document["paths"][f"/apis/{GROUP}/v1/namespaces/{{namespace}}/widgets/{{name}}"]
    names = {held.get("name") for held in item["patch"]["parameters"]}
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= names
