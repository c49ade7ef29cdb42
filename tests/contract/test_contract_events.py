"""Events, and the descriptions that show them."""

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import WIDGETS, Object, configmap, event, ingress, service, text, widget


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
    assert "10.9.8.7:8080" in cluster.kubectl("describe svc web")
