"""The example homelab says what it promises: twenty sites, five namespaces, nothing unknown."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from examples.echo.backends import Backend, backends
from examples.up import NAMESPACES
from hearthgate.app.settings import load_settings
from hearthgate.resources.decode import decode_mapping

HOMELAB = Path(__file__).parents[3] / "examples" / "homelab"


def documents() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted(HOMELAB.glob("manifests/*/*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]


def test_every_manifest_is_understood() -> None:
    assert not [str(problem) for document in documents() for problem in decode_mapping(document).problems]


def test_the_certificate_is_the_same_from_either_issuer() -> None:
    """But for who issues it."""
    folders = ("certificates", "letsencrypt")
    found = {}
    for folder in folders:
        for document in yaml.safe_load_all((HOMELAB / folder / "wildcard.yaml").read_text()):
            assert not decode_mapping(document).problems
            found[folder, document["kind"]] = document
    specs = [found[folder, "Certificate"]["spec"] for folder in folders]
    for folder, spec in zip(folders, specs, strict=True):
        assert spec.pop("issuerRef")["name"] == found[folder, "ClusterIssuer"]["metadata"]["name"]
    assert specs[0] == specs[1]


def test_settings_are_understood() -> None:
    settings = load_settings(HOMELAB / "hearthgate.yaml", ())
    assert settings.entry_points["websecure"].http3 is not None


def test_twenty_sites_in_five_namespaces() -> None:
    routes = [document for document in documents() if document["kind"] == "IngressRoute"]
    hosts = {host for route in routes for host in re.findall(r"Host\(`([^`]+)`\)", yaml.dump(route))}
    ingresses = [document for document in documents() if document["kind"] == "Ingress"]
    hosts |= {rule["host"] for ingress in ingresses for rule in ingress["spec"]["rules"]}
    assert len(hosts) == 20
    assert {route["metadata"]["namespace"] for route in routes} == set(NAMESPACES)
    assert Counter(route["metadata"]["name"] for route in routes)["internal"] == 5


def test_no_backend_port_twice() -> None:
    found = backends(HOMELAB / "manifests")
    assert len({backend.port for backend in found}) == len(found)
    assert Backend("argocd-server", 19009, True) in found
    assert {"jaeger", "node-exporter", "alloy"} <= {backend.site for backend in found}
