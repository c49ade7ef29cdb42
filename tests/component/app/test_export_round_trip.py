"""Everything out of one API and by the real kubectl into another: what comes out there is the same."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hearthgate.apiserver.server import ApiServer
from hearthgate.app.export.export import manifests, read_export
from hearthgate.app.export.selection import Wish
from hearthgate.model.errors import Permanent
from tests.kubectl import kubectl_path

SHOP = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: shops, singular: shop, kind: Shop, shortNames: [sh]}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {open: {type: string}, stock: {type: integer, default: 1}}
"""

OBJECTS = """
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: a}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: odd, namespace: web}
data: {"yes": "on", number: "1e3", octal: "0o7", time: "12:30:00", lines: "a\\nb\\n", tab: "a\\tb", empty: ""}
---
apiVersion: v1
kind: Secret
metadata: {name: wildcard-tls, namespace: web, annotations: {cert-manager.io/issuer-name: ca}}
type: Opaque
stringData: {key: open-sesame}
---
apiVersion: v1
kind: Service
metadata: {name: blog, namespace: web, annotations: {hearthgate.dev/endpoints: "127.0.0.1:1"}}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: by-hand, namespace: web, labels: {kubernetes.io/service-name: blog}}
addressType: IPv4
endpoints: [{addresses: [192.168.1.20]}]
ports: [{port: 8080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: made
  namespace: web
  labels: {kubernetes.io/service-name: blog, endpointslice.kubernetes.io/managed-by: endpoints.hearthgate.dev}
addressType: IPv4
endpoints: []
ports: []
---
apiVersion: v1
kind: Pod
metadata: {name: part, namespace: web}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: blog, namespace: web, finalizers: [example.org/hold]}
spec:
  routes: [{match: "Host(`blog.example.org`)", kind: Rule, services: [{name: blog, port: 80}]}]
"""
CUSTOM = """
apiVersion: example.org/v1
kind: Shop
metadata: {name: corner, namespace: web}
spec: {open: "08:00"}
"""


async def kubectl(state: Path, home: Path, text: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(kubectl_path()), "apply", "--server-side", "-f", "-",
        env={"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(state / "kubeconfig")},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(30):
        said, _ = await process.communicate(text.encode())
    assert process.returncode == 0, said.decode()


async def filled(state: Path, home: Path) -> None:
    server = ApiServer(state=state, port=0)
    await server.start()
    await kubectl(state, home, SHOP)
    await kubectl(state, home, OBJECTS)
    await kubectl(state, home, CUSTOM)
    await server.stop()


def names(text: str) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in yaml.safe_load_all(text)]


async def test_what_comes_out_goes_in_and_comes_out_the_same(tmp_path: Path) -> None:
    await filled(tmp_path / "a", tmp_path)
    wish = Wish(include_secrets=True)
    at_rest = manifests(await read_export(tmp_path / "a", wish))
    assert names(at_rest) == [
        "Namespace/web", "CustomResourceDefinition/shops.example.org", "ConfigMap/odd", "Secret/wildcard-tls",
        "Service/blog", "EndpointSlice/by-hand", "Shop/corner", "IngressRoute/blog",
    ]  # fmt: skip
    for mark in ("uid", "resourceVersion", "managedFields", "creationTimestamp", "status:", "generation"):
        assert mark not in at_rest
    server = ApiServer(state=tmp_path / "b", port=0)
    await server.start()
    try:
        definitions = manifests(await read_export(tmp_path / "a", Wish(kinds=("crd",))))
        await kubectl(tmp_path / "b", tmp_path, definitions)
        await kubectl(tmp_path / "b", tmp_path, at_rest)
        running = manifests(await read_export(tmp_path / "b", wish))
    finally:
        await server.stop()
    assert running == at_rest


async def test_a_folder_without_state_is_not_made_one(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="holds no state"):
        await read_export(tmp_path / "none", Wish())
    assert not (tmp_path / "none").exists()


def run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "hearthgate"
    command = [str(program), "export", "--state", str(state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_secrets_come_only_when_asked_for_and_into_private_files(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path / "a", tmp_path))
    plain = run(tmp_path / "a", "--namespace", "web")
    assert plain.returncode == 0
    assert "Secret" not in [name.partition("/")[0] for name in names(plain.stdout)]
    assert "left out without --include-secrets: Secrets web/wildcard-tls" in plain.stderr
    assert "b3Blbi1zZXNhbWU=" not in plain.stdout + plain.stderr
    file = tmp_path / "all.yaml"
    done = run(tmp_path / "a", "--include-secrets", "-o", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "b3Blbi1zZXNhbWU=" in file.read_text()
    unknown = run(tmp_path / "a", "--kind", "Ingresroute")
    assert unknown.returncode == 1
    assert "did you mean IngressRoute" in unknown.stderr
