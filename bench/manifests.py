"""Manifests in numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMESPACE = "bench"
PER_FILE = 250


def host(number: int) -> str:
    return f"site-{number}.example.org"


def service(name: str, address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": {"hearthgate.dev/endpoints": address}},
        "spec": {"ports": [{"port": 80}]},
    }


def route(name: str, hostname: str, to: str) -> dict[str, Any]:
    """Served on `web`, where asking costs the benchmark least."""
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "entryPoints": ["web"],
            "routes": [{"match": f"Host(`{hostname}`)", "services": [{"name": to, "port": 80}]}],
        },
    }


def secret(name: str, certificate: str, key: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": {"tls.crt": certificate, "tls.key": key},
    }


def sites(routes: int, services: int, address: str) -> Iterator[dict[str, Any]]:
    """`routes` IngressRoutes, spread over `services` Services that all lead to one address."""
    for number in range(services):
        yield service(f"service-{number}", address)
    for number in range(routes):
        yield route(f"site-{number}", host(number), f"service-{number % services}")


def write(folder: Path, documents: Iterator[dict[str, Any]]) -> None:
    """As many files as it takes, some hundred objects each."""
    folder.mkdir(parents=True, exist_ok=True)
    batch: list[str] = []
    count = 0
    for document in documents:
        batch.append(json.dumps(document))
        if len(batch) == PER_FILE:
            _write(folder, count, batch)
            batch, count = [], count + 1
    if batch:
        _write(folder, count, batch)


def _write(folder: Path, number: int, batch: list[str]) -> None:
    (folder / f"manifests-{number:04}.yaml").write_text("\n---\n".join(batch) + "\n")
