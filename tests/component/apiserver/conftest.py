"""A running API on a fresh state folder, and a client of it."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from hearthgate.apiserver.server import ApiServer

DEADLINE = 15.0


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Any

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))


class Frames:
    """The frames of a watch, one at a time."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> Any:
        """None at the end of the stream."""
        async with asyncio.timeout(DEADLINE):
            line = await self._response.content.readline()
        return json.loads(line) if line else None

    async def take(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next frames."""
        frames = [await self.next() for _ in range(count)]
        return [(frame["type"], frame["object"]["metadata"].get("name", "")) for frame in frames]


class Client:
    """Speaks to one server as its administrator."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def send(self, method: str, path: str, body: Any = None, media: str = "", **headers: str) -> Answer:
        """`body` is sent as JSON unless it is bytes; header names are written with underscores."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named["Content-Type"] = media or "application/json"
        async with self.session.request(method, self.url + path, data=data, headers=named) as response:
            text = await response.text()
            parsed = json.loads(text) if "json" in response.content_type else text
            return Answer(response.status, parsed, response.headers)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.send("POST", path, body)

    async def merge(self, path: str, body: Any) -> Answer:
        return await self.send("PATCH", path, body, "application/merge-patch+json")

    @asynccontextmanager
    async def watch(self, path: str, **headers: str) -> AsyncIterator[Frames]:
        joint = "&" if "?" in path else "?"
        url = f"{self.url}{path}{joint}watch=true"
        async with self.session.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
            assert response.status == 200, await response.text()
            yield Frames(response)


@asynccontextmanager
async def client_of(server: ApiServer) -> AsyncIterator[Client]:
    """A client with a bearer token that trusts the server's own authority."""
    trust = ssl.create_default_context(cadata=_authority(server.kubeconfig))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    token = server.issue_token("tester").reveal().decode()
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(DEADLINE * 4),
    ) as session:
        yield Client(session, server.url)


def _authority(kubeconfig: Path) -> str:
    cluster = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]
    return base64.b64decode(cluster["certificate-authority-data"]).decode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    running = ApiServer(state=tmp_path / "state", port=0)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    async with client_of(server) as made:
        yield made
