"""The real kubectl against the embedded API: what its users type first."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.kubectl import kubectl_path

DEADLINE = 30.0

BLOG = """
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: blog
  namespace: web
  labels: {app: blog}
spec:
  entryPoints: [websecure]
  routes:
    - match: Host(`blog.example.org`)
      services: [{name: blog, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: blog, namespace: web}
spec:
  ports:
    - {name: http, port: 80, targetPort: 8080}
    - {name: metrics, port: 9090}
"""


class Kubectl:
    """Runs kubectl with the server's kubeconfig and a home of its own."""

    def __init__(self, server: ApiServer, home: Path) -> None:
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(server.kubeconfig),
            "KUBE_EDITOR": "sed -i s/8080/8081/",
            **{key: value for key, value in os.environ.items() if key.startswith("HEARTHGATE_TEST")},
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(kubectl_path()),
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        process = await self.start(*arguments)
        async with asyncio.timeout(DEADLINE):
            output, _ = await process.communicate(stdin.encode())
        assert process.returncode == code, f"kubectl {' '.join(arguments)}: {output.decode()}"
        return output.decode()

    async def __call__(self, line: str, *, stdin: str = "", code: int = 0) -> str:
        return await self.run(*line.split(), stdin=stdin, code=code)


@pytest.fixture
async def kubectl(server: ApiServer, tmp_path: Path) -> Kubectl:
    home = tmp_path / "home"
    home.mkdir()
    made = Kubectl(server, home)
    await made("create namespace web")
    return made


def columns(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


async def test_apply_get_and_delete(kubectl: Kubectl) -> None:
    assert columns(await kubectl("apply -f -", stdin=BLOG)) == [
        ["ingressroute.traefik.io/blog", "created"],
        ["service/blog", "created"],
    ]
    assert "unchanged" in await kubectl("apply -f -", stdin=BLOG)
    table = columns(await kubectl("get ingressroute -A"))
    assert table[0] == ["NAMESPACE", "NAME", "READY", "AGE"]
    assert table[1][:2] == ["web", "blog"]
    wide = await kubectl("get ingressroute -A -o wide")
    assert "Host(`blog.example.org`)" in wide
    table = columns(await kubectl("get services -n web"))
    assert table[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert table[1][:5] == ["blog", "ClusterIP", "<none>", "<none>", "80/TCP,9090/TCP"]
    yaml = await kubectl("get ingressroute blog -n web -o yaml")
    assert "match: Host(`blog.example.org`)" in yaml
    assert await kubectl("get svc blog -n web -o jsonpath={.spec.ports[1].targetPort}") == "9090"
    assert await kubectl("get svc -A -l nope=1") == "No resources found\n"
    assert await kubectl("get svc -n web -o name --field-selector metadata.name=blog") == "service/blog\n"
    assert columns(await kubectl("delete -f -", stdin=BLOG))[0][:2] == ["ingressroute.traefik.io", '"blog"']
    assert "NotFound" in await kubectl("get ingressroute blog -n web", code=1)


async def test_a_changed_manifest(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    changed = BLOG.replace("blog.example", "news.example").replace("    - {name: metrics, port: 9090}\n", "")
    difference = await kubectl("diff -f -", stdin=changed, code=1)
    assert "+  - match: Host(`news.example.org`)" in difference
    assert "-    port: 9090" in difference
    assert (await kubectl("apply -f -", stdin=changed)).count("configured") == 2
    assert await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].port}") == "80"
    assert await kubectl("get ingressroute blog -n web -o jsonpath={.metadata.generation}") == "2"
    assert await kubectl("diff -f -", stdin=changed) == ""


async def test_server_side_apply(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    assert (await kubectl("apply --server-side -f -", stdin=BLOG)).count("serverside-applied") == 2
    shown = await kubectl("get svc blog -n web -o json --show-managed-fields")
    managers = {entry["manager"]: entry["operation"] for entry in json.loads(shown)["metadata"]["managedFields"]}
    assert managers["kubectl"] == "Apply"
    fewer = BLOG.replace("    - {name: metrics, port: 9090}\n", "")
    await kubectl("apply --server-side -f -", stdin=fewer)
    assert await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].port}") == "80"
    other = BLOG.replace("8080", "8082")
    refused = await kubectl("apply --server-side --field-manager=other -f -", stdin=other, code=1)
    assert 'conflict with "kubectl"' in refused
    await kubectl("apply --server-side --field-manager=other --force-conflicts -f -", stdin=other)
    assert "8082" in await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].targetPort}")
    dry = await kubectl("apply --server-side --dry-run=server --field-manager=other -f -", stdin=BLOG)
    assert "server dry run" in dry
    assert "8082" in await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].targetPort}")


async def test_patch_label_annotate_edit_and_replace(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    await kubectl.run("patch", "svc", "blog", "-n", "web", "-p", '{"spec":{"ports":[{"port":80,"name":"web"}]}}')
    assert await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].name}") == "web metrics"
    merge = '{"spec":{"entryPoints":["web"]}}'
    await kubectl.run("patch", "ingressroute", "blog", "-n", "web", "--type", "merge", "-p", merge)
    add = '[{"op":"add","path":"/spec/entryPoints/-","value":"x"}]'
    await kubectl.run("patch", "ingressroute", "blog", "-n", "web", "--type", "json", "-p", add)
    assert await kubectl("get ingressroute blog -n web -o jsonpath={.spec.entryPoints}") == '["web","x"]'
    refused = await kubectl.run("patch", "ingressroute", "blog", "-n", "web", "-p", merge, code=1)
    assert "application/json-patch+json" in refused or "strategic" in refused
    await kubectl("label ingressroute blog -n web tier=front app-")
    assert await kubectl("get ingressroute blog -n web -o jsonpath={.metadata.labels}") == '{"tier":"front"}'
    await kubectl("annotate svc blog -n web hearthgate.dev/endpoints=10.0.0.1:80")
    assert "edited" in await kubectl("edit svc blog -n web")
    assert "8081" in await kubectl("get svc blog -n web -o jsonpath={.spec.ports[*].targetPort}")
    shown = await kubectl("get svc blog -n web -o json")
    await kubectl("replace -f -", stdin=shown.replace("9090", "9091"))
    assert "has been modified" in await kubectl("replace -f -", stdin=shown, code=1)


async def test_typed_creates_in_protobuf(kubectl: Kubectl) -> None:
    await kubectl("create secret generic s -n web --from-literal=password=hunter2")
    assert await kubectl("get secret s -n web -o jsonpath={.data.password}") == "aHVudGVyMg=="
    await kubectl("create configmap c -n web --from-literal=a=b")
    assert await kubectl("get cm c -n web -o jsonpath={.data.a}") == "b"
    await kubectl("create service clusterip s -n web --tcp=80:8080")
    assert await kubectl("get svc s -n web -o jsonpath={.spec.ports[0].targetPort}") == "8080"
    await kubectl("create service externalname e -n web --external-name nas.lan")
    assert columns(await kubectl("get svc e -n web"))[1][1:5] == ["ExternalName", "<none>", "nas.lan", "<none>"]
    await kubectl("create service loadbalancer l -n web --tcp=443")
    assert columns(await kubectl("get svc l -n web"))[1][3] == "<pending>"
    assert "AlreadyExists" in await kubectl("create namespace web", code=1)


async def test_describe(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    uid = await kubectl("get ingressroute blog -n web -o jsonpath={.metadata.uid}")
    about = {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "name": "blog", "namespace": "web"}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "blog.1", "namespace": "web"},
        "involvedObject": {**about, "uid": uid},
        "reason": "MiddlewareNotFound",
        "message": "middleware auth is not there",
        "type": "Warning",
        "source": {"component": "hearthgate"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2999-01-01T00:00:00Z",
        "count": 1,
    }
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "blog-1", "namespace": "web", "labels": {"kubernetes.io/service-name": "blog"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.9"]}],
        "ports": [{"name": "http", "port": 8080}],
    }
    await kubectl("create -f -", stdin=json.dumps(event))
    await kubectl("create -f -", stdin=json.dumps(slice_))
    text = await kubectl("describe ingressroute blog -n web")
    assert "Host(`blog.example.org`)" in text
    assert "MiddlewareNotFound" in text
    assert "10.0.0.9:8080" in await kubectl("describe svc blog -n web")
    assert "MiddlewareNotFound" in await kubectl("events -n web --for ingressroute/blog")
    assert columns(await kubectl("get events -n web"))[1][1:4] == [
        "Warning",
        "MiddlewareNotFound",
        "ingressroute/blog",
    ]


async def test_watch(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    process = await kubectl.start("get", "ingressroute", "-n", "web", "-w", "-o", "wide")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            assert b"NAME" in await process.stdout.readline()
            assert b"blog.example" in await process.stdout.readline()
            await kubectl("apply -f -", stdin=BLOG.replace("blog.example", "news.example"))
            assert b"news.example" in await process.stdout.readline()
            await kubectl("delete -f -", stdin=BLOG)
            assert b"news.example" in await process.stdout.readline()
    finally:
        process.kill()
        await process.wait()


async def test_wait_and_delete_a_namespace(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=BLOG)
    waiting = await kubectl.start(
        "wait", "ingressroute/blog", "-n", "web", "--for=condition=Accepted", f"--timeout={DEADLINE:.0f}s"
    )
    status = '{"status":{"conditions":[{"type":"Accepted","status":"True"}]}}'
    await kubectl.run(
        "patch", "ingressroute", "blog", "-n", "web", "--subresource=status", "--type=merge", "-p", status
    )
    async with asyncio.timeout(DEADLINE):
        output, _ = await waiting.communicate()
    assert b"condition met" in output
    assert columns(await kubectl("get ingressroute -n web"))[1][1] == "True"
    assert "deleted" in await kubectl("delete namespace web")
    assert await kubectl("get ingressroute,svc,secret -A") == "No resources found\n"


async def test_mistakes_are_explained(kubectl: Kubectl) -> None:
    unknown = BLOG.replace("entryPoints", "entrypoints")
    assert 'unknown field "spec.entrypoints" (did you mean' in await kubectl("apply -f -", stdin=unknown, code=1)
    wrong = BLOG.replace("entryPoints: [websecure]", "entryPoints: websecure").replace("port: 80}]", "prt: 80}]")
    said = await kubectl("apply --validate=warn -f -", stdin=wrong, code=1)
    assert 'The IngressRoute "blog" is invalid' in said
    assert "spec.entryPoints: Invalid value: must be a list" in said
    elsewhere = BLOG.replace("namespace: web", "namespace: nope")
    assert 'namespaces "nope" not found' in await kubectl("apply -f -", stdin=elsewhere, code=1)
    traced = BLOG.replace("      services:", "      observability: {tracing: true}\n      services:")
    said = await kubectl("apply -f -", stdin=traced)
    assert "Warning: spec.routes[0].observability.tracing" in said
    assert "ingressroute.traefik.io/blog created" in said


async def test_discovery_explain_and_auth(kubectl: Kubectl) -> None:
    assert "ingressroutes" in await kubectl("api-resources --api-group=traefik.io -o name")
    assert "traefik.io/v1alpha1" in await kubectl("api-versions")
    assert "match" in await kubectl("explain ingressroute.spec.routes")
    assert "sourceRange" in await kubectl("explain middleware.spec.ipAllowList")
    assert "hearthgate-admin" in await kubectl("auth whoami")
    assert await kubectl("auth can-i get secrets -A") == "yes\n"
    assert "Server Version: v1." in await kubectl("version")
    assert await kubectl("get --raw /readyz") == "ok"
