"""Challenges on a site of manifests: what CAs are answered, by Envoy and by the service beside it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hearthgate.ingress.proofs.service import ProofService
from hearthgate.ingress.xds.resources import LISTENER
from tests.component.ingress.gateway import Answer, ask
from tests.component.ingress.site import Manifest, Site, manifest, service, site
from tests.component.ingress.streams import anyone

HTTP, TLS_ALPN = "HTTP-01", "TLS-ALPN-01"
CA = "acme-tls/1"


def challenge(name: str, host: str, kind: str = HTTP, token: str = "token-1", **status: Any) -> Manifest:
    solver: dict[str, Any] = {"http01": {"ingress": {}}} if kind == HTTP else {"tlsALPN01": {}}
    spec = {
        "url": "https://ca.test/c",
        "authorizationURL": "https://ca.test/a",
        "dnsName": host,
        "type": kind,
        "token": token,
        "key": f"{token}.thumb",
        "solver": solver,
        "issuerRef": {"name": "ca"},
    }
    return manifest("acme.cert-manager.io/v1", "Challenge", name, spec=spec, status=status)


def route(name: str, match: str, *guards: str, entrypoint: str = "web", **spec: Any) -> Manifest:
    routes = [
        {
            "match": match,
            "services": [{"name": "app", "port": 80}],
            "middlewares": [{"name": guard} for guard in guards],
        }
    ]
    tls: dict[str, Any] = {"tls": {}} if entrypoint == "websecure" else {}
    body = {"entryPoints": [entrypoint], "routes": routes, **tls, **spec}
    return manifest("traefik.io/v1alpha1", "IngressRoute", name, spec=body)


class Stage:
    def __init__(self, site: Site, proofs: ProofService) -> None:
        self.site, self.proofs = site, proofs

    async def apply(self, *documents: Manifest) -> list[str]:
        found = await self.site.apply([*documents, *service("app", self.site.app.port)])
        self.proofs.update(self.site.model.proofs)
        return found

    async def fetch(self, host: str, token: str = "token-1", *, tls: bool = False, path: str = "") -> Answer:
        port = self.site.secure if tls else self.site.plain
        where = path or f"/.well-known/acme-challenge/{token}"
        context = anyone("http/1.1") if tls else None
        return await ask(port, where, host=host, tls=context, sni=host.partition(":")[0] if tls else None)

    def listeners(self) -> dict[str, bytes]:
        return {name: found.body for name, found in self.site.resources[LISTENER].items()}


@asynccontextmanager
async def staged(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    proofs = ProofService(folder / "proofs.sock")
    await proofs.start()
    try:
        async with site(folder, free_port) as running:
            yield Stage(running, proofs)
    finally:
        await proofs.stop()
