"""Discovery: what clients learn about the kinds."""

from typing import Any

import pytest

from hearthgate.apiserver.web.discovery import Discovery
from hearthgate.resources.registry import KINDS

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
PLAIN = "application/json"


def discover(path: str, accept: str = PLAIN) -> Any:
    found = Discovery(KINDS).answer(path, accept, "localhost:6443")
    return found and found[0]


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_aggregated_discovery_names_every_kind(version: str) -> None:
    accept = f"{AGGREGATED.format(version)},{PLAIN}"
    found = Discovery(KINDS).answer("/apis", accept, "x")
    assert found is not None
    assert found[1] == AGGREGATED.format(version)
    items = [*discover("/api", accept)["items"], *found[0]["items"]]
    named = {
        (item["metadata"]["name"], version["version"], resource["resource"])
        for item in items
        for version in item["versions"]
        for resource in version["resources"]
    }
    assert {(kind.group, kind.version, kind.plural) for kind in KINDS} <= named


def test_a_client_that_prefers_plain_json_gets_the_old_lists() -> None:
    assert discover("/api", f"{PLAIN},{AGGREGATED.format('v2')}")["kind"] == "APIVersions"
    assert discover("/apis")["kind"] == "APIGroupList"


def test_the_old_lists() -> None:
    resources = {entry["name"]: entry for entry in discover("/api/v1")["resources"]}
    assert resources["services"]["shortNames"] == ["svc"]
    assert resources["services/status"]["verbs"] == ["get", "patch", "update"]
    assert "secrets/status" not in resources
    assert resources["namespaces"]["namespaced"] is False
    assert discover("/apis/traefik.io")["preferredVersion"]["version"] == "v1alpha1"
    assert discover("/apis/traefik.io/v1alpha1")["groupVersion"] == "traefik.io/v1alpha1"


@pytest.mark.parametrize("path", ["/api/v2", "/apis/nope", "/apis/traefik.io/v1", "/apis/a/b/c", "/x"])
def test_nothing_is_discovered_elsewhere(path: str) -> None:
    assert discover(path) is None
