"""OpenAPI over HTTP: hashes in addresses, what need not be sent again, compression."""

import gzip
from typing import Any

import pytest

from tests.component.apiserver.conftest import Client

GNOSTIC = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
TRAEFIK = "/openapi/v3/apis/traefik.io/v1alpha1"


async def test_the_index_leads_to_documents_that_never_change(client: Client) -> None:
    index = (await client.get("/openapi/v3")).body["paths"]
    address = index["apis/traefik.io/v1alpha1"]["serverRelativeURL"]
    answer = await client.get(address)
    assert answer.body["openapi"] == "3.0.0"
    assert "immutable" in answer.headers["Cache-Control"]
    tag = answer.headers["ETag"].strip('"')
    assert address == f"{TRAEFIK}?hash={tag}"
    assert "immutable" not in (await client.get(TRAEFIK)).headers["Cache-Control"]


async def test_an_old_hash_leads_to_the_document_of_today(client: Client) -> None:
    async with client.session.get(f"{client.url}{TRAEFIK}?hash=OLD", allow_redirects=False) as answer:
        assert answer.status == 301
        assert answer.headers["Location"].startswith(f"{TRAEFIK}?hash=")
    assert (await client.get(f"{TRAEFIK}?hash=OLD")).body["openapi"] == "3.0.0"


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3", TRAEFIK])
async def test_what_the_client_has_is_not_sent_again(client: Client, path: str) -> None:
    tag = (await client.get(path)).headers["ETag"]
    assert await _status(client, "GET", path, If_None_Match=tag) == 304
    assert await _status(client, "GET", path, If_None_Match=f'"other", {tag}') == 304
    assert await _status(client, "GET", path, If_None_Match='"other"') == 200
    assert await _status(client, "HEAD", path) == 200


async def test_version_2_in_both_forms(client: Client) -> None:
    plain = await client.get("/openapi/v2", Accept="application/json")
    assert plain.body["swagger"] == "2.0"
    packed = await _raw(client, "/openapi/v2", Accept=GNOSTIC, Accept_Encoding="identity")
    assert packed[1]["Content-Type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert packed[0].startswith(b"\n\x032.0"), "field 1 of the document: swagger"
    assert packed[1]["ETag"] != plain.headers["ETag"]
    assert (await client.get("/openapi/v2", Accept="text/html")).status == 406


async def test_compressed_for_those_who_take_it(client: Client) -> None:
    whole, plain = await _raw(client, TRAEFIK, Accept_Encoding="identity")
    assert "Content-Encoding" not in plain
    packed, headers = await _raw(client, TRAEFIK, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert len(packed) < len(whole) / 5
    assert gzip.decompress(packed) == whole


async def test_nothing_is_described_that_is_not_served(client: Client) -> None:
    assert (await client.get("/openapi/v3/apis/nope.io/v1")).status == 404
    assert (await client.get("/openapi/v4")).status == 404


async def _raw(client: Client, path: str, **headers: str) -> tuple[bytes, Any]:
    """Bytes as they came, not decompressed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.session.get(client.url + path, headers=named, auto_decompress=False) as answer:
        return await answer.read(), answer.headers


async def _status(client: Client, method: str, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.session.request(method, client.url + path, headers=named) as answer:
        assert answer.headers["ETag"]
        return answer.status
