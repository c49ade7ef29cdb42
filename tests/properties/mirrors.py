"""Clients of a running API that keep what they are told: each must always hold what a fresh list shows."""

import asyncio
import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp

from tests.waiting import eventually

WITHIN: Final = 20.0
TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
INITIAL_END: Final = "k8s.io/initial-events-end"
_LINE_LIMIT: Final = 2**20
_PAUSE: Final = 0.02

Held = dict[tuple[str, str], str]
"""(namespace, name) -> resourceVersion"""


@asynccontextmanager
async def session_of(kubeconfig: Path) -> AsyncIterator[aiohttp.ClientSession]:
    server, trust = _opened(kubeconfig)
    async with aiohttp.ClientSession(
        server,
        connector=aiohttp.TCPConnector(ssl=trust, limit=0),
        timeout=aiohttp.ClientTimeout(None, sock_connect=WITHIN),
        read_bufsize=_LINE_LIMIT,
    ) as session:
        yield session


def _opened(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as file:
        for part in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[part]))
        file.flush()
        trust.load_cert_chain(file.name)
    return str(cluster["server"]), trust


class Selection(NamedTuple):
    """What a mirror asks for. `start`: `list` first, everything from the watch (`now`), or a streamed list."""

    path: str
    labels: str = ""
    fields: str = ""
    accept: str = "application/json"
    start: str = "list"

    @property
    def query(self) -> dict[str, str]:
        both = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in both.items() if value}


class Mirror:
    """Follows one selection until it is cancelled; `cut` ends its connection, and it resumes where it was."""

    def __init__(self, session: aiohttp.ClientSession, selection: Selection) -> None:
        self._session = session
        self.selection = selection
        self.held: Held = {}
        self.revision = 0
        self.relists = 0
        self.resumes = 0
        self._synced = False
        self._response: aiohttp.ClientResponse | None = None

    def cut(self) -> None:
        if self._response is not None:
            self._response.close()

    async def run(self) -> None:
        """Goes on over everything but a broken promise, which is an AssertionError."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                await self._follow()
            self._response = None
            await asyncio.sleep(_PAUSE)

    async def fresh(self) -> Held:
        """What a list shows now."""
        return (await self._list())[0]

    async def agrees(self) -> bool:
        return self._synced and self.held == await self.fresh()

    async def _list(self) -> tuple[Held, int]:
        async with self._session.get(self.selection.path, params=self.selection.query) as response:
            body = await response.json()
            assert response.status == 200, body
        return {_key(item): _version(item) for item in body["items"]}, int(body["metadata"]["resourceVersion"])

    async def _follow(self) -> None:
        query = {**self.selection.query, "watch": "true", "allowWatchBookmarks": "true"}
        if self._synced:
            query["resourceVersion"] = str(self.revision)
            self.resumes += 1
        elif self.selection.start == "list":
            self.held, self.revision = await self._list()
            self._synced = True
            query["resourceVersion"] = str(self.revision)
        else:
            self.held, self.revision = {}, 0
            if self.selection.start == "stream":
                query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        headers = {"Accept": self.selection.accept}
        async with self._session.get(self.selection.path, params=query, headers=headers) as response:
            assert response.status == 200, await response.text()
            self._response = response
            # Without a mark at their end, the first objects are those that come at once.
            self._synced = self._synced or self.selection.start == "now"
            initial = not query.get("resourceVersion")
            while line := await response.content.readline():
                if line.endswith(b"\n"):
                    initial = self._take(json.loads(line), initial=initial)
                if not self._synced and self.selection.start != "stream":
                    return

    def _take(self, frame: dict[str, Any], *, initial: bool) -> bool:
        """Whether more of the first objects may come: they are in the order of names, not of versions."""
        obj = frame["object"]
        if frame["type"] == "ERROR":
            assert obj["code"] == 410, obj
            self._synced, self.relists = False, self.relists + 1
            self.cut()
            return False
        if obj["kind"] == "Table" and obj["rows"]:
            obj = obj["rows"][0]["object"]
        if frame["type"] == "BOOKMARK":
            if INITIAL_END in (obj["metadata"].get("annotations") or {}):
                self._synced, initial = True, False
            self.revision = max(self.revision, int(obj["metadata"]["resourceVersion"]))
            return initial
        key, version = _key(obj), _version(obj)
        if frame["type"] != "ADDED":
            initial = False
        assert initial or int(version) > self.revision, (
            f"{self.selection}: {frame['type']} {key} told out of order"
        )
        self.revision = max(self.revision, int(version))
        match frame["type"]:
            case "ADDED":
                assert key not in self.held, f"{self.selection}: {key} added twice"
                self.held[key] = version
            case "MODIFIED":
                assert key in self.held, f"{self.selection}: {key} modified, but never added"
                self.held[key] = version
            case "DELETED":
                assert self.held.pop(key, ""), f"{self.selection}: {key} deleted, but never added"
        return initial


@asynccontextmanager
async def mirroring(session: aiohttp.ClientSession, *selections: Selection) -> AsyncIterator[list[Mirror]]:
    """Mirrors that run meanwhile. A broken promise fails the block."""
    mirrors = [Mirror(session, selection) for selection in selections]
    tasks = [asyncio.create_task(mirror.run()) for mirror in mirrors]
    try:
        yield mirrors
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, AssertionError):
                raise ended


async def all_agree(mirrors: list[Mirror]) -> None:
    """Waits until each holds what a fresh list shows. Nobody may write meanwhile."""
    for mirror in mirrors:
        try:
            await eventually(mirror.agrees, within=WITHIN)
        except AssertionError:
            shown = await mirror.fresh()
            differing = sorted(key for key in shown | mirror.held if shown.get(key) != mirror.held.get(key))
            raise AssertionError(f"{mirror.selection} differs from a list in {differing}") from None


def _key(obj: dict[str, Any]) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])
