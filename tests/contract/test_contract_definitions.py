"""Custom resource definitions: applied, established, changed, removed with all that they brought."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import Object, definition, text
from tests.waiting import wait_for

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCHEMA: Object = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
}


@pytest.fixture
def group(cluster: Cluster) -> str:
    """An API group that is this test's own."""
    return f"{cluster.namespace}.hearthgate.dev"


def gadget(group: str, name: str, **spec: object) -> Object:
    return {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


@pytest.mark.every_kubectl
def test_the_life_of_a_definition(cluster: Cluster, group: str) -> None:
    name = f"gadgets.{group}"
    wanted = definition(group, "gadgets", "Gadget", SCHEMA)
    assert "created" in cluster.kubectl("apply -f -", stdin=text(wanted))
    cluster.kubectl(f"wait crd/{name} --for=condition=Established --timeout=40s")
    status = cluster.json(f"get crd {name}")["status"]
    assert status["acceptedNames"]["kind"] == "Gadget"
    assert status["storedVersions"] == ["v1"]
    conditions = {held["type"]: held["status"] for held in status["conditions"]}
    assert conditions | {"NamesAccepted": "True", "Established": "True"} == conditions
    assert cluster.rows(f"get crd {name}")[0] == ["NAME", "CREATED", "AT"]
    wait_for(lambda: cluster.http.get(cluster.path(f"{group}/v1/gadgets")).status == 200, within=30)
    made = gadget(group, "one", size=1, colour="red")
    assert "unknown field" in cluster.told("create --validate=warn -f -", stdin=text(made)).err
    assert cluster.json(f"get gadgets.{group} one")["spec"] == {"size": 1}
    # A field more in the schema is a field more in the objects.
    wanted["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"] |= {
        "colour": {"type": "string", "default": "grey"}
    }
    cluster.kubectl("apply -f -", stdin=text(wanted))

    def is_defaulted() -> bool:
        dry = cluster.http.post(cluster.path(f"{group}/v1/gadgets"), gadget(group, "two", size=1), dryRun="All")
        stored = cluster.http.get(cluster.path(f"{group}/v1/gadgets", "one"))
        return [made.body["spec"].get("colour") for made in (dry, stored)] == ["grey", "grey"]

    wait_for(is_defaulted, within=30, what="the new default, also in what was stored before")
    assert cluster.http.patch(cluster.path(f"{group}/v1/gadgets", "one"), {"spec": {"colour": 5}}).status == 422
    cluster.kubectl(f"delete crd {name} --timeout=40s")
    wait_for(lambda: cluster.http.get(cluster.path(f"{group}/v1/gadgets")).status == 404, within=30)
    cluster.kubectl("apply -f -", stdin=text(wanted))
    cluster.kubectl(f"wait crd/{name} --for=condition=Established --timeout=40s")
    wait_for(lambda: cluster.http.get(cluster.path(f"{group}/v1/gadgets")).status == 200, within=30)
    assert cluster.http.get(cluster.path(f"{group}/v1/gadgets")).names == [], (
        "the objects went with the definition"
    )
    cluster.kubectl(f"delete crd {name} --timeout=40s")


def test_finalizers_of_its_objects_hold_a_definition(cluster: Cluster, group: str) -> None:
    name = f"gadgets.{group}"
    cluster.http.post(DEFINITIONS, definition(group, "gadgets", "Gadget", SCHEMA))
    path = cluster.path(f"{group}/v1/gadgets")
    wait_for(lambda: cluster.http.get(path).status == 200, within=30)
    made = gadget(group, "held", size=1)
    made["metadata"]["finalizers"] = ["contract.hearthgate.dev/hold"]
    wait_for(lambda: cluster.http.post(path, made).status in {201, 409}, within=30)
    cluster.http.delete(f"{DEFINITIONS}/{name}")

    def is_marked() -> bool:
        return "deletionTimestamp" in cluster.http.get(f"{path}/held").body["metadata"]

    wait_for(is_marked, within=60, what="the end of the object to begin")
    shown = cluster.http.get(f"{DEFINITIONS}/{name}").body
    assert "customresourcecleanup.apiextensions.k8s.io" in shown["metadata"]["finalizers"]
    cluster.http.patch(f"{path}/held", {"metadata": {"finalizers": None}})
    wait_for(lambda: cluster.http.get(f"{DEFINITIONS}/{name}").status == 404, within=60)


@pytest.mark.every_kubectl
def test_several_versions_of_one_kind(cluster: Cluster, group: str) -> None:
    name = f"gadgets.{group}"
    wanted = definition(group, "gadgets", "Gadget", SCHEMA)
    (first,) = wanted["spec"]["versions"]
    old = first | {"name": "v1beta1", "storage": False, "deprecated": True}
    wanted["spec"]["versions"] = [old, first]
    cluster.kubectl("apply -f -", stdin=text(wanted))
    cluster.kubectl(f"wait crd/{name} --for=condition=Established --timeout=40s")
    older = cluster.path(f"{group}/v1beta1/gadgets")
    wait_for(lambda: cluster.http.get(older).status == 200, within=30)
    made = gadget(group, "one", size=1) | {"apiVersion": f"{group}/v1beta1"}
    wait_for(lambda: cluster.http.post(older, made).status in {201, 409}, within=30)
    assert cluster.json(f"get gadgets.v1.{group} one")["apiVersion"] == f"{group}/v1"
    assert cluster.json(f"get gadgets.v1beta1.{group} one")["apiVersion"] == f"{group}/v1beta1"
    assert "deprecated" in cluster.told(f"get gadgets.v1beta1.{group}").err
    served = cluster.http.get(f"/apis/{group}").body
    assert served["preferredVersion"]["version"] == "v1"
    assert [held["version"] for held in served["versions"]] == ["v1", "v1beta1"]
    cluster.http.delete(f"{DEFINITIONS}/{name}")


def test_what_no_definition_may_be(cluster: Cluster, group: str) -> None:
    wrong_name = definition(group, "gadgets", "Gadget", SCHEMA)
    wrong_name["metadata"]["name"] = f"others.{group}"
    refused = cluster.http.post(DEFINITIONS, wrong_name)
    assert (refused.status, "metadata.name" in refused.causes) == (422, True)
    unstructured = definition(group, "gadgets", "Gadget", {"properties": {"spec": {"properties": {"a": {}}}}})
    assert cluster.http.post(DEFINITIONS, unstructured).status == 422
    stored_nowhere = definition(group, "gadgets", "Gadget", SCHEMA, storage=False)
    assert cluster.http.post(DEFINITIONS, stored_nowhere).status == 422
    schemaless = definition(group, "gadgets", "Gadget", SCHEMA)
    del schemaless["spec"]["versions"][0]["schema"]
    assert cluster.http.post(DEFINITIONS, schemaless).status == 422


def test_rules_in_the_expression_language(cluster: Cluster, group: str) -> None:
    schema: Object = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "low": {"type": "integer"},
                    "high": {"type": "integer"},
                    "fixed": {
                        "type": "string",
                        "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed is fixed"}],
                    },
                },
                "x-kubernetes-validations": [
                    {
                        "rule": "!has(self.low) || !has(self.high) || self.low <= self.high",
                        "message": "low above high",
                    }
                ],
            }
        },
    }
    name = f"gadgets.{group}"
    cluster.http.post(DEFINITIONS, definition(group, "gadgets", "Gadget", schema))
    path = cluster.path(f"{group}/v1/gadgets")
    wait_for(lambda: cluster.http.get(path).status == 200, within=30)
    wait_for(lambda: cluster.http.post(path, gadget(group, "one", fixed="a")).status in {201, 409}, within=30)
    refused = cluster.http.post(path, gadget(group, "two", low=2, high=1))
    assert (refused.status, "low above high" in refused.causes["spec"]) == (422, True)
    refused = cluster.http.patch(f"{path}/one", {"spec": {"fixed": "b"}})
    assert (refused.status, "fixed is fixed" in refused.causes["spec.fixed"]) == (422, True)
    assert cluster.http.patch(f"{path}/one", {"spec": {"low": 1, "high": 2}}).status == 200
    cluster.http.delete(f"{DEFINITIONS}/{name}")


def test_a_cluster_scoped_kind_with_names_and_a_selectable_field(cluster: Cluster, group: str) -> None:
    wanted = definition(group, "gadgets", "Gadget", SCHEMA)
    wanted["spec"]["scope"] = "Cluster"
    wanted["spec"]["names"] |= {"shortNames": [f"gd{cluster.namespace[-5:]}"], "listKind": "GadgetList"}
    cluster.http.post(DEFINITIONS, wanted)
    path = f"/apis/{group}/v1/gadgets"
    wait_for(lambda: cluster.http.get(path).status == 200, within=30)
    wait_for(lambda: cluster.http.post(path, gadget(group, "one", size=1)).status in {201, 409}, within=30)
    listed = cluster.http.get(path).body
    assert (listed["kind"], listed["apiVersion"]) == ("GadgetList", f"{group}/v1")
    assert "namespace" not in listed["items"][0]["metadata"]
    assert cluster.http.get(cluster.path(f"{group}/v1/gadgets")).status == 404
    short = wanted["spec"]["names"]["shortNames"][0]
    assert cluster.kubectl(f"get {short} -o name") == f"gadget.{group}/one\n"
    cluster.http.delete(f"{DEFINITIONS}/gadgets.{group}")


@pytest.mark.parametrize("spec", [{"scope": "Cluster"}, {"names": {"kind": "Gizmo"}}], ids=["scope", "kind"])
def test_what_objects_are_stored_by_does_not_change(cluster: Cluster, group: str, spec: Object) -> None:
    name = f"gadgets.{group}"
    cluster.kubectl("apply -f -", stdin=text(definition(group, "gadgets", "Gadget", SCHEMA)))
    cluster.kubectl(f"wait crd/{name} --for=condition=Established --timeout=40s")
    refused = cluster.http.patch(f"{DEFINITIONS}/{name}", {"spec": spec})
    assert (refused.status, "field is immutable" in str(refused.body)) == (422, True)
