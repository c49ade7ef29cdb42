"""What is refused, what is warned about: unknown and doubled fields, wrong types, the schema of a custom kind."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import WIDGETS, configmap, service, text, widget

STRANGE = {"dat": {"a": "b"}}


@pytest.mark.every_kubectl
def test_unknown_fields(cluster: Cluster, widgets: None) -> None:
    strange = text(configmap("cm") | STRANGE)
    refused = cluster.refused("apply -f -", stdin=strange)
    assert "strict decoding error" in refused
    assert 'unknown field "dat"' in refused
    warned = cluster.told("apply --validate=warn -f -", stdin=strange)
    assert 'Warning: unknown field "dat"' in warned.err
    assert "dat" not in cluster.json("get cm cm")
    ignored = cluster.told("create --validate=ignore -f -", stdin=text(configmap("quiet") | STRANGE))
    assert ignored.err == ""
    inner = service("web")
    inner["spec"]["ports"][0]["prot"] = "TCP"
    assert 'unknown field "spec.ports[0].prot"' in cluster.refused("create -f -", stdin=text(inner))
    mine = text(widget("one", sice=3))
    assert 'unknown field "spec.sice"' in cluster.refused("apply -f -", stdin=mine)
    warned = cluster.told("create --validate=warn -f -", stdin=mine)
    assert 'Warning: unknown field "spec.sice"' in warned.err
    assert "sice" not in cluster.json("get widget one")["spec"], "what the schema does not know is not stored"
    kept = cluster.http.post(cluster.path(WIDGETS), widget("free", free={"any": {"thing": 1}})).body
    assert kept["spec"]["free"] == {"any": {"thing": 1}}


def test_doubled_fields(cluster: Cluster, widgets: None) -> None:
    body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"cm"},"data":{"x":"1"},"data":{"x":"2"}}'
    path = cluster.path("configmaps")
    refused = cluster.http.post(path, body, fieldValidation="Strict")
    assert refused.status == 400
    assert 'duplicate field "data"' in refused.message
    warned = cluster.http.post(path, body, fieldValidation="Warn")
    assert warned.status == 201
    assert 'duplicate field \\"data\\"' in warned.headers["Warning"]
    assert warned.body["data"]["x"] == "2"
    body = '{"apiVersion":"contract.hearthgate.dev/v1","kind":"Widget","metadata":{"name":"w"},'
    body += '"spec":{"size":1,"size":2}}'
    refused = cluster.http.post(cluster.path(WIDGETS), body, fieldValidation="Strict")
    assert (refused.status, "duplicate field" in refused.message) == (400, True)


def test_wrong_types_of_built_in_kinds(cluster: Cluster) -> None:
    for obj in (
        configmap("cm") | {"data": {"a": 1}},
        configmap("cm") | {"data": "text"},
        configmap("cm", labels={"a": True}),
    ):
        refused = cluster.http.post(cluster.path("configmaps"), obj)
        assert refused.status in {400, 422}, obj
    wrong = service("web")
    wrong["spec"]["ports"][0]["port"] = "eighty"
    assert cluster.http.post(cluster.path("services"), wrong).status in {400, 422}
    high = cluster.http.post(cluster.path("services"), service("web", {"port": 70000}))
    assert (high.status, "spec.ports[0].port" in high.causes) == (422, True)
    strange = cluster.http.post(cluster.path("services"), service("web", type="Nonsense"))
    assert (strange.status, "spec.type" in strange.causes) == (422, True)


@pytest.mark.every_kubectl
def test_the_schema_of_a_custom_kind(cluster: Cluster, widgets: None) -> None:
    bad = widget("one", size=10, colour="pink", note="NO", parts=[{"value": "x"}])
    said = cluster.refused("create -f -", stdin=text(bad))
    assert 'The Widget "one" is invalid' in said
    assert "* spec.size: Invalid value: 10" in said
    assert '* spec.colour: Unsupported value: "pink": supported values: "red", "green", "blue"' in said
    assert "* spec.note: Invalid value: " in said
    assert "* spec.parts[0].name: Required value" in said
    assert "NotFound" in cluster.refused("get widget one")


def test_causes_name_every_mistake(cluster: Cluster, widgets: None) -> None:
    path = cluster.path(WIDGETS)

    def refused(**spec: object) -> dict[str, str]:
        answer = cluster.http.post(path, widget("one", **spec))
        assert (answer.status, answer.reason) == (422, "Invalid"), answer
        assert answer.body["details"]["kind"] == "Widget"
        return answer.causes

    assert "must be of type integer" in refused(size="three")["spec.size"]
    assert "spec.size" in refused(size=None)
    assert "Duplicate value" in refused(parts=[{"name": "a"}, {"name": "a"}])["spec.parts[1]"]
    assert "Duplicate value" in refused(tags=["a", "a"])["spec.tags[1]"]
    assert "should be less than or equal to 9" in refused(size=10)["spec.size"]
    assert "spec.note" in refused(note="x" * 41)
    made = cluster.http.post(path, widget("one"))
    assert made.status == 201
    broken = cluster.http.patch(f"{path}/one", {"spec": {"size": 0}})
    assert (broken.status, "spec.size" in broken.causes) == (422, True)
    status = cluster.http.patch(f"{path}/one/status", {"status": {"phase": 5}})
    assert (status.status, "status.phase" in status.causes) == (422, True)
    assert cluster.http.get(f"{path}/one").body == made.body
