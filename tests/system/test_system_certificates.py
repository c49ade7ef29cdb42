"""The homelab's certificates through the whole program: a wildcard by DNS-01 at Cloudflare, mirrored to the other
namespaces, served, replaced under load, and found again after kills. The CA is Pebble."""

import asyncio
import base64
import contextlib
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from examples.up import DOMAIN, NAMESPACES
from hearthgate.certificates.served.probe import served_serial
from tests.acme.cloudflare import Cloudflare, run_cloudflare, to_pebble
from tests.acme.pebble import Pebble, run_pebble
from tests.ports import free_port
from tests.system.running import Hearthgate, homelab_folder, playing
from tests.waiting import eventually

MAIL = "me@my-homelab.party"
SECRET = "wildcard-tls"
HOST = f"grafana.{DOMAIN}"
REFLECTOR = "reflector.v1.k8s.emberstack.com/"
OTHERS = tuple(sorted(set(NAMESPACES) - {"infra"}))


class Lab:
    """Everything that runs. zone: at Cloudflare. metrics: the port of their page."""

    def __init__(
        self, gateway: Hearthgate, pebble: Pebble, cloudflare: Cloudflare, *, zone: str, metrics: int
    ) -> None:
        self.gateway = gateway
        self.pebble = pebble
        self.cloudflare = cloudflare
        self.zone = zone
        self.metrics = metrics

    async def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return await asyncio.to_thread(self.gateway.kubectl, *words, stdin=stdin)

    async def get(self, kind: str, name: str, namespace: str = "infra") -> dict[str, Any]:
        text = await self.kubectl("get", kind, "-n", namespace, "--ignore-not-found", "-o", "json", name)
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    async def held(self, namespace: str = "infra", name: str = SECRET) -> int | None:
        """The serial number in a Secret."""
        text = (await self.get("secret", name, namespace)).get("data", {}).get("tls.crt")
        return x509.load_pem_x509_certificate(base64.b64decode(text)).serial_number if text else None

    async def served(self, host: str = HOST) -> int | None:
        return await served_serial("127.0.0.1", self.gateway.https, host)

    async def until_ready(self, name: str, revision: int) -> None:
        async def is_ready() -> bool:
            status = (await self.get("certificate", name)).get("status", {})
            ready = [one["status"] for one in status.get("conditions", []) if one["type"] == "Ready"]
            return status.get("revision", 0) >= revision and ready == ["True"]

        await eventually(is_ready, within=40, what=f"Certificate {name} at revision {revision}")

    def launch(self) -> None:
        self.gateway.launch_with({"CLOUDFLARE_BASE_URL": self.cloudflare.url})

    async def restart(self, by: signal.Signals) -> None:
        await asyncio.to_thread(self.gateway.stop, by)
        self.launch()
        await eventually(self.gateway.is_ready, within=40, what="readiness")


def objects(pebble: Pebble, token: str) -> list[dict[str, Any]]:
    """What the owner of the homelab has in a folder for cert-manager."""
    solver = {
        "dns01": {
            "cloudflare": {"email": MAIL, "apiTokenSecretRef": {"name": "cloudflare-token", "key": "token"}}
        },
        "selector": {"dnsZones": [DOMAIN]},
    }
    names = ",".join(OTHERS)
    marks = {
        f"{REFLECTOR}reflection-allowed": "true",
        f"{REFLECTOR}reflection-allowed-namespaces": names,
        f"{REFLECTOR}reflection-auto-enabled": "true",
        f"{REFLECTOR}reflection-auto-namespaces": names,
    }
    bundle = base64.b64encode(pebble.ca.encode()).decode()
    acme = {
        "server": pebble.directory,
        "email": MAIL,
        "caBundle": bundle,
        "privateKeySecretRef": {"name": "letsencrypt-production"},
        "solvers": [solver, {"http01": {"ingress": {}}}],
    }
    wildcard = {
        "secretName": SECRET,
        "commonName": f"*.{DOMAIN}",
        "dnsNames": [f"*.{DOMAIN}"],
        "issuerRef": {"name": "letsencrypt-issuer", "kind": "ClusterIssuer"},
        "secretTemplate": {"annotations": marks},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cloudflare-token", "namespace": "infra"},
            "stringData": {"token": token},
        },
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "ClusterIssuer",
            "metadata": {"name": "letsencrypt-issuer"},
            "spec": {"acme": acme},
        },
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": "cluster-certificate", "namespace": "infra"},
            "spec": wildcard,
        },
    ]


@contextlib.contextmanager
def gateway_of(folder: Path, pebble: Pebble, metrics: int) -> Iterator[Hearthgate]:
    """Not started yet. metrics: the port of their page."""
    settings = {
        "entryPoints.traefik.address": f"127.0.0.1:{metrics}",
        "metrics.prometheus": "{}",
        "certificates.clusterResourceNamespace": "infra",
        "certificates.acmeDNS01Config.recursiveNameservers": f'["{pebble.dns}"]',
        "certificates.acmeDNS01Config.recursiveNameserversOnly": "true",
    }
    arguments = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    gateway = Hearthgate(folder, arguments=tuple(arguments))
    homelab_folder(gateway)
    with playing(gateway.manifests):
        try:
            yield gateway
        finally:
            gateway.stop()


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    with run_pebble() as pebble:
        yield pebble


@pytest.fixture
async def lab(pebble: Pebble, tmp_path: Path) -> AsyncIterator[Lab]:
    async with run_cloudflare(to_pebble(pebble)) as cloudflare:
        zone = cloudflare.add_zone(DOMAIN)
        token = cloudflare.add_token(zones=[zone])
        metrics = free_port()
        with gateway_of(tmp_path, pebble, metrics) as gateway:
            content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects(pebble, token)})
            (gateway.manifests / "certificates.json").write_text(content)
            running = Lab(gateway, pebble, cloudflare, zone=zone, metrics=metrics)
            running.launch()
            await eventually(gateway.is_ready, within=40, what="readiness")
            yield running


async def test_the_wildcard_of_the_homelab(lab: Lab) -> None:
    await lab.until_ready("cluster-certificate", 1)
    first = await lab.held()
    await eventually(lambda: _is(lab.served, first), what="the certificate at the door")
    await _until_mirrored(lab, first)
    assert lab.cloudflare.records(lab.zone) == [], "no record stays"

    async with _load(lab) as failures:
        await lab.kubectl("delete", "secret", "-n", "infra", SECRET)
        await lab.until_ready("cluster-certificate", 2)
        second = await lab.held()
        assert second not in {None, first}
        await eventually(lambda: _is(lab.served, second), what="the new certificate at the door")
    assert failures == []
    await _until_mirrored(lab, second)

    table = await asyncio.to_thread(_certs, lab)
    assert "cluster-certificate" in table
    assert "Ready" in table
    told = await _told(lab)
    for secret in await _secrets(lab):
        assert [where for where, text in told.items() if secret in text] == []


async def test_kills_between_any_steps_lose_nothing_and_ask_for_nothing_twice(lab: Lab) -> None:
    for _ in range(3):
        await lab.restart(signal.SIGKILL)
    await lab.until_ready("cluster-certificate", 1)
    requests = await lab.kubectl("get", "certificaterequest", "-n", "infra", "-o", "name")
    assert requests.split() == ["certificaterequest.cert-manager.io/cluster-certificate-1"]
    held = await lab.held()
    await lab.restart(signal.SIGKILL)
    await eventually(lambda: _is(lab.served, held), what="the same certificate")
    assert await lab.held() == held
    await eventually(lambda: not lab.cloudflare.records(lab.zone), what="an empty zone")


ASKING = {
    "ingressroute": {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": "asking", "namespace": "infra"},
        "spec": {
            "entryPoints": ["websecure"],
            "ingressClassName": "traefik",
            "routes": [{"match": f"Host(`asking.{DOMAIN}`)", "services": [{"name": "whoami", "port": 80}]}],
            "tls": {"certResolver": "letsencrypt-issuer"},
        },
    },
    "ingress": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "asking",
            "namespace": "infra",
            "annotations": {
                "kubernetes.io/ingress.class": "traefik",
                "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
                "traefik.ingress.kubernetes.io/router.tls.certresolver": "letsencrypt-issuer",
            },
        },
        "spec": {
            "rules": [
                {
                    "host": f"asking.{DOMAIN}",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "whoami", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        },
    },
}


@pytest.mark.parametrize("kind", ASKING)
async def test_a_route_asks_for_its_own(lab: Lab, pebble: Pebble, kind: str) -> None:
    """By certResolver, from the same issuer; the wildcard that is there does not stand in its way."""
    route = ASKING[kind]
    await lab.kubectl("apply", "-f", "-", stdin=json.dumps(route))
    await lab.until_ready("asking-hearthgate-tls", 1)
    held = await lab.held(name="asking-hearthgate-tls")
    await eventually(lambda: _is(lambda: lab.served(f"asking.{DOMAIN}"), held), what="its certificate")
    await lab.kubectl("delete", kind, "-n", "infra", "asking")

    async def is_gone() -> bool:
        return await lab.get("certificate", "asking-hearthgate-tls") == {}

    await eventually(is_gone, what="the end of its Certificate")


async def _until_mirrored(lab: Lab, serial: int | None) -> None:
    async def everywhere() -> bool:
        return all([await lab.held(namespace) == serial for namespace in OTHERS])

    await eventually(everywhere, what="the copies")


async def _is(found: Any, wanted: int | None) -> bool:
    return wanted is not None and await found() == wanted


@contextlib.asynccontextmanager
async def _load(lab: Lab) -> AsyncIterator[list[str]]:
    """New connections and requests without pause; what failed is in the list."""
    failures: list[str] = []
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def ask() -> None:
        url = f"https://127.0.0.1:{lab.gateway.https}/"
        while True:
            try:
                async with httpx.AsyncClient(verify=context) as client:
                    answer = await client.get(url, headers={"Host": HOST}, extensions={"sni_hostname": HOST})
                if answer.status_code >= 500:
                    failures.append(str(answer.status_code))
            except httpx.HTTPError as error:
                failures.append(repr(error))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask()) for _ in range(4)]
        yield failures
        for task in tasks:
            task.cancel()


def _certs(lab: Lab) -> str:
    command = [str(Path(sys.executable).parent / "hearthgate"), "certs", "--state", str(lab.gateway.state)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def _told(lab: Lab) -> dict[str, str]:
    """What others than the owner of the Secrets may read, by where they read it."""
    kinds = "certificates,certificaterequests,orders,challenges,clusterissuers,ingressroutes,services,pods,events"
    everything = await lab.kubectl("get", kinds, "-A", "-o", "yaml")
    described = await lab.kubectl("describe", kinds.removesuffix(",events") + ",secrets", "-A")
    metrics = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{lab.metrics}/metrics")
    assert "certmanager_certificate_ready_status" in metrics.text
    audit = (lab.gateway.state / "audit.log").read_text()
    log = lab.gateway.log.read_text()
    return {"get": everything, "describe": described, "metrics": metrics.text, "audit": audit, "log": log}


async def _secrets(lab: Lab) -> list[str]:
    """What must be nowhere there. Keys by a line of theirs, in the file's form and in the Secret's."""
    found = []
    for name, key in (("cloudflare-token", "token"), ("letsencrypt-production", "tls.key"), (SECRET, "tls.key")):
        encoded = (await lab.get("secret", name))["data"][key]
        value = base64.b64decode(encoded).decode()
        found += [value.splitlines()[1] if value.startswith("-----") else value, encoded[60:] or encoded]
    return found
