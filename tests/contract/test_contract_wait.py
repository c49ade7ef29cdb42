"""kubectl wait: for a condition, a field, the end and the beginning of an object; and when none comes."""

import time

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import WIDGETS, configmap, text, widget

READY = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Done", "message": ""}]}}


@pytest.mark.every_kubectl
def test_for_a_condition(cluster: Cluster, widgets: None) -> None:
    cluster.kubectl("create -f -", stdin=text(widget("one"), widget("two")))
    status = f"{cluster.path(WIDGETS, 'one')}/status"
    with cluster.running("wait widget/one --for=condition=Ready --timeout=40s") as waiting:
        cluster.http.patch(status, READY)
        assert waiting.line() == "widget.contract.hearthgate.dev/one condition met"
        assert waiting.ended() == 0
    assert "condition met" in cluster.kubectl("wait widget/one --for=condition=ready=true --timeout=40s")
    late = cluster.refused("wait widget --all --for=condition=Ready --timeout=1s")
    assert "widget.contract.hearthgate.dev/one condition met" in late
    assert "timed out waiting for the condition on widgets/two" in late


@pytest.mark.every_kubectl
def test_for_a_field(cluster: Cluster) -> None:
    cluster.kubectl("create configmap cm --from-literal=phase=young")
    with cluster.running("wait cm/cm --for=jsonpath={.data.phase}=old --timeout=40s") as waiting:
        cluster.http.patch(cluster.path("configmaps", "cm"), {"data": {"phase": "old"}})
        assert waiting.line() == "configmap/cm condition met"
    assert "NotFound" in cluster.refused("wait cm/nope --for=jsonpath={.data.phase}=old --timeout=1s")
    assert "no matching resources found" in cluster.refused("wait cm -l no=such --for=condition=x --timeout=1s")


@pytest.mark.every_kubectl
def test_for_the_end(cluster: Cluster) -> None:
    cluster.kubectl("create -f -", stdin=text(configmap("cm", finalizers=["contract.hearthgate.dev/hold"])))
    path = cluster.path("configmaps", "cm")
    with cluster.running("wait cm/cm --for=delete --timeout=40s") as waiting:
        cluster.http.delete(path)
        cluster.http.patch(path, {"metadata": {"finalizers": None}})
        assert waiting.ended() == 0
    cluster.kubectl("wait cm/cm --for=delete --timeout=5s")
    cluster.kubectl("create configmap other")
    assert "timed out" in cluster.refused("wait cm/other --for=delete --timeout=1s")


@pytest.mark.kubectl_from(31)
def test_for_the_beginning(cluster: Cluster) -> None:
    with cluster.running("wait cm/cm --for=create --timeout=40s") as waiting:
        cluster.http.post(cluster.path("configmaps"), configmap("cm"))
        assert waiting.line() == "configmap/cm condition met"
    started = time.monotonic()
    assert "timed out" in cluster.refused("wait cm/late --for=create --timeout=1s")
    assert time.monotonic() - started < 20
