"""Events, and the descriptions that show them."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import (
    WIDGETS,
    Object,
    configmap,
    event,
    ingress,
    owned_by,
    service,
    text,
    widget,
)


def warned(cluster: Cluster, about: Object, reason: str, message: str = "it is broken") -> None:
    name = f"{about['metadata']['name']}.{reason.lower()}"
    answer = cluster.http.post(cluster.path("events"), event(name, about, reason, message))
    assert answer.status == 201, answer


@pytest.mark.every_kubectl
def test_events_of_an_object(cluster: Cluster, widgets: None) -> None:
    one = cluster.http.post(cluster.path(WIDGETS), widget("one")).body
    two = cluster.http.post(cluster.path("configmaps"), configmap("two")).body
    warned(cluster, one, "Broken")
    warned(cluster, two, "Odd")
    rows = cluster.rows("get events --field-selector involvedObject.name=one")
    assert rows[0] == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert [cells[1:4] for cells in rows[1:]] == [["Warning", "Broken", "widget/one"]]
    chosen = "involvedObject.kind=ConfigMap,involvedObject.namespace={ns},reason=Odd,type=Warning"
    selector = f"--field-selector={chosen.format(ns=cluster.namespace)}"
    assert cluster.kubectl("get events -o name", selector) == "event/two.odd\n"
    said = cluster.kubectl("events --for=widget/one")
    assert "Broken" in said
    assert "Odd" not in said
    assert "Odd" in cluster.kubectl("events --for=configmap/two --types=Warning")
    assert len(cluster.rows("events")) == 3


def test_both_groups_of_events_show_the_same(cluster: Cluster) -> None:
    about = cluster.http.post(cluster.path("configmaps"), configmap("cm")).body
    warned(cluster, about, "Odd", "it is odd")
    newer = cluster.path("events.k8s.io/v1/events")
    shown = cluster.http.get(f"{newer}/cm.odd").body
    assert (shown["reason"], shown["note"], shown["regarding"]["name"]) == ("Odd", "it is odd", "cm")
    made: Object = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "cm.new"},
        "regarding": {**owned_by(about), "namespace": cluster.namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "contract.hearthgate.dev/suite",
        "reportingInstance": "suite-1",
        "action": "Trying",
        "reason": "New",
        "note": "it is new",
        "type": "Normal",
    }
    answer = cluster.http.post(newer, made)
    assert answer.status == 201, answer
    older = cluster.http.get(cluster.path("events", "cm.new")).body
    assert (older["involvedObject"]["name"], older["message"]) == ("cm", "it is new")
    assert sorted(cluster.kubectl("get events -o name").split()) == ["event/cm.new", "event/cm.odd"]
    rows = cluster.rows("get events.events.k8s.io")
    assert {cells[2] for cells in rows[1:]} == {"Odd", "New"}


@pytest.mark.every_kubectl
def test_descriptions(cluster: Cluster, widgets: None) -> None:
    made = cluster.http.post(cluster.path(WIDGETS), widget("one", note="hello", parts=[{"name": "p"}])).body
    warned(cluster, made, "Broken", "a wheel is missing")
    said = cluster.kubectl("describe widget one")
    for part in ("Name:", "Namespace:", "API Version:", "contract.hearthgate.dev/v1", "Note:", "hello", "Broken"):
        assert part in said
    assert "a wheel is missing" in said
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"key": "hidden"},
    }
    more = [configmap("cm", {"greeting": "hello"}), secret, service("web"), ingress("web", "web.example.org")]
    cluster.kubectl("create -f -", stdin=text(*more))
    said = cluster.kubectl("describe cm cm")
    assert "greeting:" in said
    assert "hello" in said
    said = cluster.kubectl("describe secret s")
    assert "6 bytes" in said
    assert "hidden" not in said
    said = cluster.kubectl("describe svc web")
    assert "Selector:" in said
    assert "80/TCP" in said
    said = cluster.kubectl("describe ingress web")
    assert "web.example.org" in said
    assert "Status:       Active" in cluster.kubectl(f"describe ns {cluster.namespace}")
    assert "greeting:" in cluster.kubectl("describe cm c"), "the beginning of a name is enough"
    assert "NotFound" in cluster.refused("describe cm nope")


@pytest.mark.kubectl_from(31)
def test_a_service_is_described_with_its_endpoints(cluster: Cluster) -> None:
    cluster.kubectl(
        "create -f -", stdin=text(service("web") | {"spec": {"ports": [{"name": "http", "port": 80}]}})
    )
    slice_: Object = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.9.8.7"], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
    cluster.kubectl("create -f -", stdin=text(slice_))
    # Older ones look at Endpoints, which nobody makes of an EndpointSlice.
    assert "10.9.8.7:8080" in cluster.kubectl("describe svc web")
