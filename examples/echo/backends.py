"""Which backends a folder of manifests needs on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ANNOTATION = "hearthgate.dev/endpoints"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Backend(NamedTuple):
    """One server to play. `site` is the name of its Service."""

    site: str
    port: int
    tls: bool


def backends(folder: Path) -> list[Backend]:
    """Every loopback address that the Services, Endpoints and EndpointSlices of `folder` point to."""
    documents = [
        document
        for path in sorted(folder.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if isinstance(document, dict)
    ]
    return sorted({backend for document in documents for backend in _of(document)}, key=lambda found: found.port)


def _of(document: dict[str, Any]) -> Iterator[Backend]:
    metadata = document.get("metadata") or {}
    spec = document.get("spec") or {}
    match document.get("kind"):
        case "Service":
            ports = spec.get("ports") or []
            tls = any(port.get("port") == 443 or port.get("name") == "https" for port in ports)
            for address in ((metadata.get("annotations") or {}).get(ANNOTATION) or "").split(","):
                host, _, number = address.strip().rpartition(":")
                if host in LOOPBACK:
                    yield Backend(metadata["name"], int(number), tls)
            if spec.get("externalName") in LOOPBACK:
                yield from (Backend(metadata["name"], port["port"], tls) for port in ports)
        case "Endpoints":
            for subset in document["subsets"]:
                if any(address["ip"] in LOOPBACK for address in subset["addresses"]):
                    yield from (Backend(metadata["name"], port["port"], False) for port in subset["ports"])
        case "EndpointSlice":
            name = metadata["labels"]["kubernetes.io/service-name"]
            if any(address in LOOPBACK for endpoint in document["endpoints"] for address in endpoint["addresses"]):
                yield from (Backend(name, port["port"], False) for port in document["ports"])
