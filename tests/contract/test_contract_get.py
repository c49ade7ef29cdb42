"""kubectl get: tables, the other outputs, selections, watches, and what is not there."""

import json

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import Object, configmap, ingress, service, text, widget

LEASE: Object = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "leader"},
    "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15},
}
POLICY: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "quiet"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]},
}
SLICE: Object = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.9.8.7"]}],
    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
}
NO_KEYS: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}


def row(rows: list[list[str]], name: str) -> dict[str, str]:
    """heading -> cell of one object; a heading of two words counts as two."""
    found = next(cells for cells in rows if cells[0] == name)
    return dict(zip(rows[0], found, strict=False))


@pytest.mark.every_kubectl
def test_tables_of_built_in_kinds(cluster: Cluster) -> None:
    made = text(
        configmap("cm", {"a": "1", "b": "2"}),
        NO_KEYS,
        service("web"),
        ingress("web", "web.example.org"),
        LEASE,
        POLICY,
        SLICE,
    )
    cluster.kubectl("apply -f -", stdin=made)
    rows = cluster.rows("get configmap cm")
    assert rows[0] == ["NAME", "DATA", "AGE"]
    assert rows[1][:2] == ["cm", "2"]
    rows = cluster.rows("get secret s")
    assert rows[0] == ["NAME", "TYPE", "DATA", "AGE"]
    assert rows[1][:3] == ["s", "Opaque", "1"]
    rows = cluster.rows("get svc web")
    assert rows[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert row(rows, "web") | {"TYPE": "ClusterIP", "EXTERNAL-IP": "<none>", "PORT(S)": "80/TCP"} == row(
        rows, "web"
    )
    rows = cluster.rows("get svc web -o wide")
    assert (rows[0][-1], rows[1][-1]) == ("SELECTOR", "app=web")
    rows = cluster.rows("get ingress web")
    assert rows[0] == ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"]
    assert rows[1][:3] == ["web", "contract", "web.example.org"]
    assert cluster.rows("get lease leader")[1][:2] == ["leader", "me"]
    rows = cluster.rows("get netpol quiet")
    assert rows[0] == ["NAME", "POD-SELECTOR", "AGE"]
    assert rows[1][:2] == ["quiet", "app=web"]
    rows = cluster.rows("get endpointslice web-1")
    assert rows[0] == ["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"]
    assert rows[1][:4] == ["web-1", "IPv4", "8080", "10.9.8.7"]
    rows = cluster.rows(f"get namespace {cluster.namespace}")
    assert rows[0] == ["NAME", "STATUS", "AGE"]
    assert rows[1][:2] == [cluster.namespace, "Active"]


@pytest.mark.every_kubectl
def test_a_custom_kind_has_its_own_columns_and_names(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("apply -f -", stdin=text(widget("one", size=7)))
    rows = cluster.rows("get widgets")
    assert rows[0] == ["NAME", "SIZE", "PHASE", "AGE"]
    assert rows[1][:2] == ["one", "7"]
    assert cluster.rows("get wdg -o wide")[0] == ["NAME", "SIZE", "PHASE", "COLOUR", "AGE"]
    assert cluster.kubectl("get contract-kinds -o name") == "widget.contract.hearthgate.dev/one\n"
    for named in ("widget", "widget.contract.hearthgate.dev", "widgets.v1.contract.hearthgate.dev"):
        assert cluster.kubectl(f"get {named} one -o name") == "widget.contract.hearthgate.dev/one\n"
    rows = cluster.rows("get widgets -A")
    assert [cluster.namespace, "one", "7"] in [cells[:3] for cells in rows]
    assert rows[0][0] == "NAMESPACE"


@pytest.mark.every_kubectl
def test_other_outputs(cluster: Cluster) -> None:
    labelled = configmap("cm", {"greeting": "hello", "name": "you"}, labels={"app": "web", "tier": "front"})
    cluster.kubectl("apply -f -", stdin=text(labelled))
    assert cluster.kubectl("get cm/cm -o name") == "configmap/cm\n"
    assert cluster.json("get cm cm")["data"] == {"greeting": "hello", "name": "you"}
    assert "managedFields" not in cluster.kubectl("get cm cm -o yaml")
    assert "managedFields" in cluster.kubectl("get cm cm -o yaml --show-managed-fields")
    assert cluster.kubectl("get cm cm -o jsonpath={.data.greeting}") == "hello"
    rows = cluster.rows("get cm cm -o custom-columns=WHO:.metadata.name,SAYS:.data.greeting,NOPE:.data.nope")
    assert rows == [["WHO", "SAYS", "NOPE"], ["cm", "hello", "<none>"]]
    template = "{{range $key, $value := .data}}{{$key}}={{$value}};{{end}}"
    assert cluster.kubectl("get cm cm -o", f"go-template={template}") == "greeting=hello;name=you;"
    listed = cluster.json("get cm -l app=web")
    assert (listed["kind"], [item["metadata"]["name"] for item in listed["items"]]) == ("List", ["cm"])
    assert cluster.rows("get cm cm --no-headers")[0][:2] == ["cm", "2"]
    rows = cluster.rows("get cm cm --show-labels")
    assert (rows[0][-1], rows[1][-1]) == ("LABELS", "app=web,tier=front")
    rows = cluster.rows("get cm cm -L tier")
    assert (rows[0][-1], rows[1][-1]) == ("TIER", "front")
    raw = json.loads(cluster.kubectl(f"get --raw {cluster.path('configmaps', 'cm')}"))
    assert raw["data"]["name"] == "you"


@pytest.mark.every_kubectl
def test_several_kinds_at_once(cluster: Cluster) -> None:
    made = [configmap("web", labels={"app": "web"}), service("web")]
    made[1]["metadata"]["labels"] = {"app": "web"}
    cluster.kubectl("apply -f -", stdin=text(*made))
    assert cluster.kubectl("get svc,cm -l app=web -o name") == "service/web\nconfigmap/web\n"
    firsts = [cells[0] for cells in cluster.rows("get svc,cm -l app=web") if cells]
    assert firsts == ["NAME", "service/web", "NAME", "configmap/web"]
    assert cluster.kubectl("get svc/web cm/web -o name") == "service/web\nconfigmap/web\n"
    assert "service/web" in cluster.kubectl("get all -o name")


@pytest.mark.every_kubectl
def test_what_is_not_there(cluster: Cluster) -> None:
    said = cluster.told("get cm nope", code=1)
    assert (said.out, said.err) == ("", 'Error from server (NotFound): configmaps "nope" not found\n')
    assert cluster.told("get cm nope --ignore-not-found") == ("", "")
    empty = cluster.told("get ingress")
    assert (empty.out, empty.err) == ("", f"No resources found in {cluster.namespace} namespace.\n")
    assert "doesn't have a resource type" in cluster.refused("get nonsense")
    cluster.kubectl("apply -f -", stdin=text(configmap("there")))
    both = cluster.told("get cm there nope", code=1)
    assert "there" in both.out
    assert "NotFound" in both.err
    assert "NotFound" in cluster.refused("get --raw /api/v1/namespaces/default/configmaps/nope-nope")
    assert "the server could not find the requested resource" in cluster.refused("get --raw /apis/nope.dev/v1")


def test_selections(cluster: Cluster) -> None:
    made = [
        configmap("a", {"rank": "3"}, labels={"app": "web", "tier": "front"}),
        configmap("b", {"rank": "1"}, labels={"app": "web", "tier": "back"}),
        configmap("c", {"rank": "2"}, labels={"app": "mail"}),
    ]
    cluster.kubectl("apply -f -", stdin=text(*made))
    expected = {
        "app=web": "a b",
        "app==web": "a b",
        "app=web,tier=back": "b",
        "app!=web": "c",
        "app in (web, mail),tier": "a b",
        "tier notin (front),app": "b c",
        "app,!tier": "c",
    }
    for selector, names in expected.items():
        found = cluster.http.get(cluster.path("configmaps"), labelSelector=selector).names
        assert [name for name in found if name in "abc"] == names.split(), selector
    assert cluster.kubectl("get cm -o name -l", "app in (web),tier!=front") == "configmap/b\n"
    assert "unable to parse requirement" in cluster.refused("get cm -l", "app in web")
    ordered = cluster.kubectl("get cm -l app -o name --sort-by=.data.rank")
    assert ordered.split() == ["configmap/b", "configmap/c", "configmap/a"]
    rows = cluster.rows("get cm -l app --sort-by={.data.rank}")
    assert [cells[0] for cells in rows] == ["NAME", "b", "c", "a"]


def test_field_selections(cluster: Cluster) -> None:
    cluster.kubectl("create secret generic plain --from-literal=a=b")
    cluster.kubectl("create secret generic typed --from-literal=a=b --type=contract.hearthgate.dev/typed")
    assert cluster.kubectl("get secret -o name --field-selector metadata.name=plain") == "secret/plain\n"
    assert (
        cluster.kubectl("get secret -o name --field-selector type=contract.hearthgate.dev/typed")
        == "secret/typed\n"
    )
    mine = f"metadata.namespace={cluster.namespace},metadata.name!=plain,type!=kubernetes.io/service-account-token"
    assert cluster.kubectl("get secret -A -o name --field-selector", mine) == "secret/typed\n"
    assert "field label not supported" in cluster.refused("get secret --field-selector metadata.colour=red")


def test_a_list_in_chunks_is_whole(cluster: Cluster) -> None:
    cluster.kubectl(
        "create -f -", stdin=text(*(configmap(f"c{number}", labels={"set": "x"}) for number in range(7)))
    )
    assert cluster.kubectl("get cm -l set -o name --chunk-size=2").split() == [f"configmap/c{n}" for n in range(7)]
    rows = cluster.rows("get cm -l set --chunk-size=3")
    assert [cells[0] for cells in rows] == ["NAME", *(f"c{number}" for number in range(7))]


@pytest.mark.every_kubectl
def test_the_status_subresource(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("apply -f -", stdin=text(widget("one")))
    assert cluster.kubectl("get widget one --subresource=status -o jsonpath={.spec.size}") == "3"
    assert "NotFound" in cluster.refused("get cm one --subresource=status")


@pytest.mark.every_kubectl
def test_a_watch_shows_each_change(cluster: Cluster) -> None:
    cluster.kubectl("create configmap early --from-literal=a=b")
    path = cluster.path("configmaps", "early")
    others = "--field-selector=metadata.name!=kube-root-ca.crt"
    with (
        cluster.running("get cm -w") as table,
        cluster.running("get cm -w --output-watch-events", others) as events,
        cluster.running("get cm early -w", "-o", 'jsonpath={.data.a}{.data.c}{"\\n"}') as data,
    ):
        table.until("early", "1")
        assert events.line().split()[:2] == ["EVENT", "NAME"]
        assert events.line().split()[:2] == ["ADDED", "early"]
        assert data.line() == "b"
        cluster.http.patch(path, {"data": {"c": "d"}})
        assert events.line().split()[:3] == ["MODIFIED", "early", "2"]
        assert data.line() == "bd"
        table.until("early", "2")
        cluster.http.delete(path)
        assert events.line().split()[:2] == ["DELETED", "early"]
        table.until("early", "2")


def test_a_watch_of_changes_only_starts_with_the_first(cluster: Cluster) -> None:
    cluster.kubectl("create configmap early --from-literal=a=b")
    with cluster.running("get cm --watch-only -o name -l contract") as watching:
        for turn in range(400):
            # Whether it listens already cannot be seen from outside: changes go on until it tells of one.
            labels = {"metadata": {"labels": {"contract": f"turn{turn}"}}}
            cluster.http.patch(cluster.path("configmaps", "early"), labels)
            if watching.has_lines:
                break
        assert watching.line() == "configmap/early"


def test_a_selector_may_be_long(cluster: Cluster) -> None:
    cluster.kubectl("create configmap chosen --from-literal=a=b")
    cluster.kubectl("label configmap chosen app=v2999")
    values = ",".join(f"v{number}" for number in range(3000))
    found = cluster.http.get(cluster.path("configmaps"), labelSelector=f"app in ({values})")
    assert (found.status, found.names) == (200, ["chosen"])
