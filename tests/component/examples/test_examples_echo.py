"""The echo backends over real connections."""

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from examples.certificates import ensure_authority, ensure_wildcard
from examples.echo.backends import Backend
from examples.echo.server import serving


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_plain(client: aiohttp.ClientSession, free_port: Callable[[], int]) -> None:
    port = free_port()
    async with serving([Backend("blog", port, False)]):
        base = f"http://127.0.0.1:{port}"
        async with client.post(f"{base}/a%2Fb?x=1", data=b"12345", headers={"X-Try": "me"}) as response:
            answer = await response.json()
        assert (answer["site"], answer["method"], answer["path"], answer["body"]) == (
            "blog",
            "POST",
            "/a%2Fb?x=1",
            5,
        )
        assert ["X-Try", "me"] in answer["headers"]
        async with client.get(f"{base}/status/418") as response:
            assert response.status == 418
        async with client.get(f"{base}/download?bytes=200001") as response:
            assert len(await response.read()) == 200001
        async with client.get(f"{base}/download?bytes=many") as response:
            assert response.status == 400
        async with client.get(f"{base}/sse") as response:
            assert await response.content.readline() == b"id: 0\n"
        async with client.ws_connect(f"{base}/ws") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"


async def test_own_certificate(client: aiohttp.ClientSession, free_port: Callable[[], int]) -> None:
    port = free_port()
    async with serving([Backend("console", port, True)]):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://127.0.0.1:{port}/")
        async with client.get(f"https://127.0.0.1:{port}/", ssl=False) as response:
            assert response.status == 200


async def test_wildcard_is_trusted_through_its_authority(tmp_path: Path) -> None:
    manifests, authority = tmp_path / "manifests", tmp_path / "ca.crt"
    ensure_wildcard(manifests, authority, "example.org", ("b", "a"))
    manifest = manifests / "wildcard-tls.json"
    first = manifest.read_bytes()
    assert manifest.stat().st_mode & 0o077 == 0
    ensure_wildcard(manifests, authority, "example.org", ("a", "b"))
    assert manifest.read_bytes() == first
    ensure_wildcard(manifests, authority, "example.org", ("a", "b", "c"))
    assert manifest.read_bytes() != first
    ssl.create_default_context(cafile=str(authority))


async def test_the_authority_is_kept(tmp_path: Path) -> None:
    manifests, authority = tmp_path / "manifests", tmp_path / "ca.crt"
    ensure_authority(manifests, authority, "example.org", "ours")
    manifest = manifests / "example-ca.json"
    first = manifest.read_bytes()
    assert manifest.stat().st_mode & 0o077 == 0
    ensure_authority(manifests, authority, "example.org", "ours")
    assert manifest.read_bytes() == first
    authority.unlink()
    ensure_authority(manifests, authority, "example.org", "ours")
    assert manifest.read_bytes() != first
    ssl.create_default_context(cafile=str(authority))
