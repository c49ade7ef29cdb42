"""Who gets in, on which address, and what anybody may ask."""

import base64
import contextlib
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.model.errors import Permanent
from tests.component.apiserver.api_objects import NAMESPACES, names, until
from tests.component.apiserver.conftest import Client


async def test_health_is_public_and_readiness_names_what_is_missing(tmp_path: Path) -> None:
    missing = ["proxy: no configuration acknowledged yet"]
    server = ApiServer(state=tmp_path / "state", port=0, ready=lambda: missing)
    await server.start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:

        async def ask(path: str) -> tuple[int, str]:
            async with session.get(server.url + path) as response:
                return response.status, await response.text()

        assert await ask("/healthz") == (200, "ok")
        assert await ask("/livez") == (200, "ok")
        status, text = await ask("/readyz")
        assert (status, missing[0] in text) == (503, True)
        missing.clear()
        assert await ask("/readyz") == (200, "ok")
        assert json.loads((await ask("/version"))[1])["gitVersion"].startswith("v1.")
        for path in ("/api", "/api/v1/secrets", "/openapi/v3", "/nothing"):
            status, text = await ask(path)
            assert (status, json.loads(text)["reason"]) == (401, "Unauthorized"), path
    await server.stop()


async def test_a_client_certificate_lets_in_and_others_do_not(server: ApiServer, tmp_path: Path) -> None:
    config = json.loads(server.kubeconfig.read_text())
    assert server.kubeconfig.stat().st_mode & 0o777 == 0o600
    user = config["users"][0]["user"]
    (tmp_path / "c.crt").write_bytes(base64.b64decode(user["client-certificate-data"]))
    (tmp_path / "c.key").write_bytes(base64.b64decode(user["client-key-data"]))
    trust = ssl.create_default_context(cafile=str(tmp_path / "state" / "pki" / "ca.crt"))
    trust.load_cert_chain(tmp_path / "c.crt", tmp_path / "c.key")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
        session.get(server.url + NAMESPACES) as response,
    ):
        assert response.status == 200
    trust = ssl.create_default_context(cafile=str(tmp_path / "state" / "pki" / "ca.crt"))
    trust.load_cert_chain(tmp_path / "state" / "pki" / "server.crt", tmp_path / "state" / "pki" / "server.key")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        # A certificate of the same authority that is not for clients: no handshake, or at least no access.
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(server.url + NAMESPACES) as response:
                assert response.status == 401


async def test_a_taken_address_and_folder_are_refused(server: ApiServer, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(Permanent, match=f"cannot listen on 127.0.0.1:{port}"):
        await ApiServer(state=tmp_path / "other", port=port).start()
    with pytest.raises(Permanent, match="in use by process"):
        await ApiServer(state=tmp_path / "state", port=0).start()
    await ApiServer(state=tmp_path / "never started", port=0).stop()


async def test_old_events_are_forgotten(tmp_path: Path) -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    server = ApiServer(state=tmp_path / "state", port=0, now=lambda: time)
    await server.start()
    events = "/api/v1/namespaces/default/events"
    # The certificates of this server are of its own time: that is not what is tested here.
    token = server.issue_token("t").reveal().decode()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=False), headers={"Authorization": f"Bearer {token}"}
    ) as session:
        client = Client(session, server.url)
        for name, minutes in (("old", -90), ("new", -10)):
            seen = (time + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
            await client.post(events, {"metadata": {"name": name}, "lastTimestamp": seen})
        await server.stop()
        await server.start()
        token = server.issue_token("t").reveal().decode()
        session.headers["Authorization"] = f"Bearer {token}"
        client.url = server.url

        async def only_new() -> bool:
            return await names(client, events) == ["new"]

        await until(only_new)
    await server.stop()
