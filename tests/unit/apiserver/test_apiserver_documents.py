"""Discovery and OpenAPI: what clients learn about the kinds."""

from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.web.discovery import Discovery
from hearthgate.apiserver.web.openapi import OpenApi
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


def documents() -> dict[str, Any]:
    openapi = OpenApi(KINDS, "1")
    return {path: msgspec.json.decode(document) for path, document in openapi.documents.items()}


def test_the_index_names_every_document_with_its_hash() -> None:
    index = msgspec.json.decode(OpenApi(KINDS, "1").index)["paths"]
    assert index.keys() == documents().keys()
    assert all("?hash=" in entry["serverRelativeURL"] for entry in index.values())
    assert index == msgspec.json.decode(OpenApi(KINDS, "1").index)["paths"], "the same in every process"


def test_every_kind_has_exactly_one_schema() -> None:
    found = [
        (identity["group"], identity["version"], identity["kind"])
        for document in documents().values()
        for schema in document["components"]["schemas"].values()
        for identity in schema["x-kubernetes-group-version-kind"]
    ]
    assert sorted(found) == sorted((kind.group, kind.version, kind.kind) for kind in KINDS)


def test_patches_say_that_fields_are_validated_and_dry_runs_known() -> None:
    for document in documents().values():
        for path, operations in document["paths"].items():
            if "patch" in operations:
                names = {parameter["name"] for parameter in operations["patch"]["parameters"]}
                assert {"dryRun", "fieldValidation"} <= names, path
                assert operations["patch"]["x-kubernetes-group-version-kind"]["kind"]


def test_a_schema_follows_its_type() -> None:
    schemas = documents()["apis/traefik.io/v1alpha1"]["components"]["schemas"]
    route = schemas["io.traefik.v1alpha1.IngressRoute"]["properties"]["spec"]["properties"]["routes"]["items"]
    assert route["required"] == ["match"]
    assert route["properties"]["kind"]["enum"]
    assert route["properties"]["services"]["items"]["properties"]["port"]["x-kubernetes-int-or-string"]
    assert "x-kubernetes-preserve-unknown-fields" not in route
    service = documents()["api/v1"]["components"]["schemas"]["core.v1.Service"]["properties"]["spec"]
    assert service["x-kubernetes-preserve-unknown-fields"]
    assert service["properties"]["ports"]["x-kubernetes-list-map-keys"] == ["port", "protocol"]
