"""kubectl's own constructors: the newest sends protobuf, the oldest JSON, and the API stores the same.

Each command runs with both, each in a namespace of its own; the objects may differ in nothing but what the
server gives.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.kubectl_versions import Kubectl
from tests.component.ingress.certificates import self_signed
from tests.kubectl import NEWEST, OLDEST

Object = dict[str, Any]

INGRESS = "--rule=a.example.org/=web:80,tls=cert --rule=a.example.org/api/*=api:http --rule=*.example.org/x=web:80"
COMMANDS: dict[str, tuple[str, str]] = {
    "a secret": ("create secret generic x --from-literal=a=b --from-literal=empty=", "secret/x"),
    "a secret of a type": ("create secret generic t --type=example.org/t --from-literal=a=b", "secret/t"),
    "a certificate": ("create secret tls c --cert={cert} --key={key}", "secret/c"),
    "a registry": (
        "create secret docker-registry d --docker-username=u --docker-password=p --docker-email=e@example.org",
        "secret/d",
    ),
    "a config map": ("create configmap m --from-literal=a=b --from-file=bin={binary}", "configmap/m"),
    "a service inside": ("create service clusterip ci --tcp=80:8080 --tcp=53", "service/ci"),
    "a headless service": ("create service clusterip h --clusterip=None", "service/h"),
    "a service on nodes": ("create service nodeport np --tcp=80 --node-port=30080", "service/np"),
    "a balanced service": ("create service loadbalancer lb --tcp=443:https", "service/lb"),
    "a service outside": ("create service externalname en --external-name nas.lan --tcp=80", "service/en"),
    "an ingress": (f"create ingress i --class=traefik --annotation a/b=c {INGRESS}", "ingress/i"),
    "an ingress with a default": ("create ingress j --default-backend=web:http", "ingress/j"),
    "an account": ("create serviceaccount s", "serviceaccount/s"),
    "a pod": ("run p --image=nginx:1 --port=80 --env=A=b --labels=app=p,tier=web -- --flag value", "pod/p"),
}


class Versions(NamedTuple):
    """kubectl by the namespace it works in, and the files that commands name."""

    kubectls: dict[str, Kubectl]
    files: dict[str, str]

    async def run(self, command: str, code: int = 0) -> list[str]:
        line = command.format(**self.files)
        return [await kubectl(f"-n {name} {line}", code=code) for name, kubectl in self.kubectls.items()]

    async def stored(self, what: str) -> list[Object]:
        """The object as each version made it, without what differs by place and time."""
        return [await _stored(kubectl, name, what) for name, kubectl in self.kubectls.items()]


async def _stored(kubectl: Kubectl, namespace: str, what: str) -> Object:
    obj: Object = json.loads(await kubectl(f"-n {namespace} get {what} -o json --show-managed-fields"))
    assert obj["metadata"].pop("namespace") == namespace
    for field in ("uid", "creationTimestamp", "resourceVersion"):
        del obj["metadata"][field]
    for manager in obj["metadata"].get("managedFields", []):
        del manager["time"]
    return obj


@pytest.fixture
async def versions(server: ApiServer, tmp_path: Path) -> Versions:
    kubectls = {f"v{minor}": Kubectl(server, tmp_path / f"v{minor}", minor) for minor in (OLDEST, NEWEST)}
    for namespace, kubectl in kubectls.items():
        await kubectl(f"create namespace {namespace}")
    pair = self_signed("a.example.org")
    contents = {"cert": pair.chain, "key": pair.key, "binary": b"\xff\x00\xfe"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return Versions(kubectls, {name: str(tmp_path / name) for name in contents})


async def test_the_same_is_stored_from_json_and_from_protobuf(versions: Versions) -> None:
    for command, what in COMMANDS.values():
        await versions.run(command)
        oldest, newest = await versions.stored(what)
        assert oldest == newest, command


async def test_what_constructors_make(versions: Versions) -> None:
    await versions.run(COMMANDS["an ingress"][0])
    (_, ingress) = await versions.stored("ingress/i")
    first, wild = ingress["spec"]["rules"]
    assert [path["pathType"] for path in first["http"]["paths"]] == ["Exact", "Prefix"]
    assert wild["host"] == "*.example.org"
    assert ingress["spec"]["tls"] == [{"hosts": ["a.example.org"], "secretName": "cert"}]
    await versions.run(COMMANDS["a config map"][0])
    (_, held) = await versions.stored("configmap/m")
    assert (held["data"], held["binaryData"]) == ({"a": "b"}, {"bin": "/wD+"})
    await versions.run(COMMANDS["a service outside"][0])
    (_, outside) = await versions.stored("service/en")
    assert (outside["spec"]["type"], outside["spec"]["externalName"]) == ("ExternalName", "nas.lan")


async def test_a_pod_is_exposed_by_its_labels(versions: Versions) -> None:
    await versions.run(COMMANDS["a pod"][0])
    await versions.run("expose pod p --name=e --port=80 --target-port=8080")
    oldest, newest = await versions.stored("service/e")
    assert oldest == newest
    assert newest["spec"]["selector"] == {"app": "p", "tier": "web"}
    assert newest["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 8080}]


async def test_strategic_patches_of_a_service(versions: Versions) -> None:
    await versions.run(COMMANDS["a service inside"][0])
    await versions.run('patch service ci -p {{"spec":{{"ports":[{{"port":53,"$patch":"delete"}}]}}}}')
    (service, _) = await versions.stored("service/ci")
    assert [port["port"] for port in service["spec"]["ports"]] == [80]
    await versions.run("set selector service ci app=other")
    (service, _) = await versions.stored("service/ci")
    assert service["spec"]["selector"] == {"app": "other"}


async def test_typos_are_refused_or_told(versions: Versions) -> None:
    patch = 'patch service ci --type=merge -p {{"spec":{{"taregtPort":1}}}}'
    await versions.run(COMMANDS["a service inside"][0])
    for kubectl in versions.kubectls.values():
        manifest = json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "typo"},
                "spec": {"ports": [{"port": 80, "taregtPort": 1}]},
            }
        )
        said = await kubectl("create -f -", stdin=manifest, code=1)
        assert 'strict decoding error: unknown field "spec.ports[0].taregtPort"' in said
        said = await kubectl("create -f - --validate=warn --dry-run=server -o json", stdin=manifest)
        assert 'Warning: unknown field "spec.ports[0].taregtPort"' in said
        assert json.loads(said[said.index("{") :])["spec"]["ports"] == [
            {"port": 80, "protocol": "TCP", "targetPort": 80}
        ]
    for said in await versions.run(patch):
        assert 'Warning: unknown field "spec.taregtPort"' in said


async def test_a_refusal_names_every_mistake(versions: Versions) -> None:
    manifest = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: bad}
spec:
  rules:
  - host: 10.0.0.1
    http:
      paths:
      - path: x
        pathType: Prefix
        backend: {service: {name: web}}
"""
    for kubectl in versions.kubectls.values():
        said = await kubectl("create -f -", stdin=manifest, code=1)
        assert re.search(r"spec\.rules\[0\]\.host: Invalid value: .*must be a DNS name", said)
        assert "must be an absolute path" in said
        assert "spec.rules[0].http.paths[0].backend: Required value: port name or number is required" in said


async def test_reviews_in_protobuf(versions: Versions) -> None:
    for kubectl in versions.kubectls.values():
        assert await kubectl("auth can-i get services") == "yes\n"
        assert "Resources" in await kubectl("auth can-i --list")
        assert "Username" in await kubectl("auth whoami")
