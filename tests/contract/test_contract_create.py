"""kubectl create: from files and from arguments, with dry runs; run, expose and their like are for workloads."""

import base64
import json
from pathlib import Path

import pytest

from tests.contract.contract_cluster import Cluster
from tests.contract.contract_objects import configmap, text, widget


@pytest.mark.every_kubectl
def test_secrets(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.kubectl("create secret generic s --from-literal=password=hunter2") == "secret/s created\n"
    held = cluster.json("get secret s")
    assert (held["type"], held["data"]) == ("Opaque", {"password": "aHVudGVyMg=="})
    registry = "--docker-server=registry.example.org --docker-username=me --docker-password=pw"
    cluster.kubectl(f"create secret docker-registry pull {registry}")
    held = cluster.json("get secret pull")
    assert held["type"] == "kubernetes.io/dockerconfigjson"
    config = json.loads(base64.b64decode(held["data"][".dockerconfigjson"]))
    assert config["auths"]["registry.example.org"]["username"] == "me"
    certificate, key = certificate_pair(tmp_path)
    cluster.kubectl(f"create secret tls tls --cert={certificate} --key={key}")
    held = cluster.json("get secret tls")
    assert (held["type"], sorted(held["data"])) == ("kubernetes.io/tls", ["tls.crt", "tls.key"])
    assert base64.b64decode(held["data"]["tls.crt"]) == certificate.read_bytes()
    text_data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain"}, "stringData": {"a": "b"}}
    cluster.kubectl("create -f -", stdin=text(text_data))
    assert cluster.json("get secret plain")["data"] == {"a": "Yg=="}
    assert "already exists" in cluster.refused("create secret generic s")


def certificate_pair(folder: Path) -> tuple[Path, Path]:
    from tests.contract.certificates import self_signed

    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate_text, key_text = self_signed("web.example.org")
    certificate.write_bytes(certificate_text)
    key.write_bytes(key_text)
    return certificate, key


@pytest.mark.every_kubectl
def test_configmaps(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "env").write_text("ONE=1\nTWO=2\n")
    sources = f"--from-file={tmp_path}/a.txt --from-file=renamed={tmp_path}/bytes --from-literal=k=v"
    assert cluster.kubectl(f"create configmap cm {sources}") == "configmap/cm created\n"
    held = cluster.json("get cm cm")
    assert held["data"] == {"a.txt": "hello\n", "k": "v"}
    assert held["binaryData"] == {"renamed": "//4="}
    cluster.kubectl(f"create configmap env --from-env-file={tmp_path}/env")
    assert cluster.json("get cm env")["data"] == {"ONE": "1", "TWO": "2"}


@pytest.mark.every_kubectl
def test_services_of_each_type(cluster: Cluster) -> None:
    cluster.kubectl("create service clusterip plain --tcp=80:8080 --tcp=443:https")
    (first, second) = cluster.json("get svc plain")["spec"]["ports"]
    assert (first["name"], first["port"], first["targetPort"], first["protocol"]) == ("80-8080", 80, 8080, "TCP")
    assert second["targetPort"] == "https"
    cluster.kubectl("create service clusterip headless --clusterip=None")
    assert cluster.field("svc headless", ".spec.clusterIP") == "None"
    cluster.kubectl("create service nodeport node --tcp=80")
    cluster.kubectl("create service loadbalancer balanced --tcp=80")
    cluster.kubectl("create service externalname away --external-name=nas.example.org")
    types = {cells[0]: cells[1] for cells in cluster.rows("get svc")[1:]}
    assert types == {
        "plain": "ClusterIP",
        "headless": "ClusterIP",
        "node": "NodePort",
        "balanced": "LoadBalancer",
        "away": "ExternalName",
    }
    assert cluster.rows("get svc away")[1][3] == "nas.example.org"


@pytest.mark.every_kubectl
def test_ingress_service_account_and_namespace(cluster: Cluster) -> None:
    rule = "web.example.org/api*=web:80,tls=web-tls"
    cluster.kubectl(f"create ingress web --class=contract --rule={rule} --annotation=a=b")
    spec = cluster.json("get ingress web")["spec"]
    path = spec["rules"][0]["http"]["paths"][0]
    assert (path["path"], path["pathType"]) == ("/api", "Prefix")
    assert path["backend"]["service"] == {"name": "web", "port": {"number": 80}}
    assert spec["tls"] == [{"hosts": ["web.example.org"], "secretName": "web-tls"}]
    cluster.kubectl("create ingress whole --default-backend=web:http")
    backend = cluster.json("get ingress whole")["spec"]["defaultBackend"]
    assert backend == {"service": {"name": "web", "port": {"name": "http"}}}
    assert cluster.kubectl("create serviceaccount robot") == "serviceaccount/robot created\n"
    assert cluster.kubectl("get sa robot -o name") == "serviceaccount/robot\n"
    name = f"{cluster.namespace}-more"
    assert cluster.kubectl(f"create namespace {name}") == f"namespace/{name} created\n"
    labels = cluster.json(f"get ns {name}")["metadata"]["labels"]
    assert labels["kubernetes.io/metadata.name"] == name
    assert "already exists" in cluster.refused(f"create namespace {name}")
    cluster.kubectl(f"delete namespace {name} --wait=false")


@pytest.mark.every_kubectl
def test_from_documents(cluster: Cluster, widgets: None) -> None:
    made = text(configmap("a", {"x": "1"}), widget("w", parts=[{"name": "p"}]))
    assert cluster.kubectl("create -f -", stdin=made).splitlines() == [
        "configmap/a created",
        "widget.contract.hearthgate.dev/w created",
    ]
    again = cluster.refused("create -f -", stdin=made)
    assert again.count("AlreadyExists") == 2
    spec = cluster.json("get widget w")["spec"]
    assert spec == {"size": 3, "colour": "red", "parts": [{"name": "p", "weight": 1}]}
    generated = configmap("", labels={"generated": "yes"})
    generated["metadata"] = {"generateName": "many-", "labels": {"generated": "yes"}}
    for _ in range(2):
        assert cluster.kubectl("create -f -", stdin=text(generated)).startswith("configmap/many-")
    names = cluster.kubectl("get cm -l generated -o name").split()
    assert len(set(names)) == 2
    assert all(len(name) == len("configmap/many-") + 5 for name in names)
    assert "cannot be used with generateName" not in cluster.kubectl("create -f - -o name", stdin=text(generated))


@pytest.mark.every_kubectl
def test_dry_runs_create_nothing(cluster: Cluster, widgets: None) -> None:
    client = cluster.kubectl("create configmap cm --from-literal=a=b --dry-run=client -o yaml")
    assert "kind: ConfigMap" in client
    assert "uid" not in client
    server = cluster.kubectl("create configmap cm --from-literal=a=b --dry-run=server -o yaml")
    assert "uid: " in server
    assert "resourceVersion" not in server
    assert cluster.kubectl("create svc clusterip web --tcp=80 --dry-run=server") == (
        "service/web created (server dry run)\n"
    )
    said = cluster.kubectl("create --dry-run=server -o json -f -", stdin=text(widget("one")))
    assert json.loads(said)["spec"]["colour"] == "red", "a dry run on the server sets defaults"
    assert "spec.size" in cluster.refused("create --dry-run=server -f -", stdin=text(widget("one", size=99)))
    for target in ("cm cm", "svc web", "widget one"):
        assert "NotFound" in cluster.refused(f"get {target}")


def test_names_and_places_that_cannot_be(cluster: Cluster) -> None:
    assert "Invalid" in cluster.refused("create configmap Bad_Name").replace("is invalid", "Invalid")
    said = cluster.refused("create -f -", stdin=text(configmap("x", namespace="contract-elsewhere")))
    assert "does not match the namespace" in said
    said = cluster.refused("create configmap x -n contract-elsewhere-not-there")
    assert 'namespaces "contract-elsewhere-not-there" not found' in said
    unknown = {"apiVersion": "contract.nowhere.dev/v1", "kind": "Nothing", "metadata": {"name": "x"}}
    assert 'no matches for kind "Nothing"' in cluster.refused("create -f -", stdin=text(unknown))
    nameless = configmap("x")
    del nameless["metadata"]["name"]
    assert "name or generateName is required" in cluster.refused("create -f -", stdin=text(nameless))
