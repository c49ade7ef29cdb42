"""kill -9 of the API under load, again and again: nothing acknowledged is lost, no version is given twice."""

import asyncio
import contextlib
import random
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests import apiserving
from tests.properties.mirrors import Selection, all_agree, mirroring, session_of
from tests.waiting import eventually

ROUNDS: Final = 20
WRITERS: Final = 6
NAMES: Final = 5
ENOUGH: Final = 40
"""Acknowledged writes of a round, at least, before the kill."""
CONFIGMAPS: Final = "/api/v1/namespaces/default/configmaps"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
"""Kept in a file of their own, which a death of the process must not empty either."""
MERGE: Final = "application/merge-patch+json"
SELECTIONS: Final = (
    Selection("/api/v1/configmaps"),
    Selection(CONFIGMAPS, labels="odd=1"),
    Selection(CONFIGMAPS, labels="odd=0", start="stream"),
    Selection(LEASES),
)

Value = str | None
"""What an object holds; None: it is not there."""


class Ledger:
    """What the API has acknowledged, and what it may have done beyond."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, Value] = {}
        self.asked: dict[str, Value] = {}
        self.versions: set[int] = set()
        self.count = 0
        self._oldest = 0

    def begin_life(self, seen: int) -> None:
        """`seen`: the highest version that anybody was told, besides what writers were."""
        self._oldest = max(seen, max(self.versions, default=0))

    def acknowledge(self, name: str, version: int | None) -> None:
        self.acknowledged[name] = self.asked.pop(name)
        self.count += 1
        if version is not None:
            assert version not in self.versions, f"version {version} was given twice"
            assert version > self._oldest, f"version {version} is not above {self._oldest} of an earlier life"
            self.versions.add(version)

    def settle(self, stored: dict[str, Value]) -> None:
        """Compares with what the API holds after its death, and takes over what it did without saying so."""
        for name in self.acknowledged.keys() | self.asked.keys() | stored.keys():
            possible = {self.acknowledged.get(name), self.asked.get(name, self.acknowledged.get(name))}
            assert stored.get(name) in possible, f"{name}: {stored.get(name)!r} is none of {possible}"
            self.acknowledged[name] = stored.get(name)
        self.asked.clear()


class Writer:
    """Writes objects that no other writes, until the API is gone."""

    def __init__(self, number: int, session: aiohttp.ClientSession, ledger: Ledger, chance: random.Random) -> None:
        self._name = f"w{number}"
        self._path = LEASES if number % 3 == 0 else CONFIGMAPS
        self._session = session
        self._ledger = ledger
        self._chance = chance

    async def run(self) -> None:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            while True:
                await self._write(f"{self._name}-{self._chance.randrange(NAMES)}")

    async def _write(self, name: str) -> None:
        value = f"{self._chance.getrandbits(64):x}"
        labels = {"odd": str(int(value, 16) % 2)}
        data = {"metadata": {"name": name, "labels": labels, "annotations": {"v": value}}}
        if self._ledger.acknowledged.get(name) is None:
            self._ledger.asked[name] = value
            await self._send(name, "POST", self._path, json=data)
        elif self._chance.random() < 0.25:
            self._ledger.asked[name] = None
            await self._send(name, "DELETE", f"{self._path}/{name}")
        else:
            self._ledger.asked[name] = value
            await self._send(name, "PATCH", f"{self._path}/{name}", json=data, headers={"Content-Type": MERGE})

    async def _send(self, name: str, method: str, path: str, **request: Any) -> None:
        async with self._session.request(method, path, **request) as response:
            body = await response.json()
            assert response.status in {200, 201}, f"{method} {name}: {body}"
        version = body["metadata"].get("resourceVersion")
        self._ledger.acknowledge(name, int(version) if version else None)


async def stored(session: aiohttp.ClientSession) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for path in (CONFIGMAPS, LEASES):
        async with session.get(path) as response:
            for item in (await response.json())["items"]:
                found[item["metadata"]["name"]] = item["metadata"]["annotations"]["v"]
    return found


async def load_and_kill(
    process: subprocess.Popen[str], session: aiohttp.ClientSession, ledger: Ledger, chance: random.Random
) -> None:
    """Many write at once; in the middle of it the API dies."""
    goal = ledger.count + ENOUGH + chance.randrange(ENOUGH)
    writers = [Writer(number, session, ledger, random.Random(chance.random())) for number in range(WRITERS)]
    tasks = [asyncio.create_task(writer.run()) for writer in writers]

    def done() -> bool:
        return ledger.count >= goal or any(task.done() for task in tasks)

    await eventually(done, within=20, what="the load")
    apiserving.end(process, signal.SIGKILL)
    await asyncio.gather(*tasks)


async def test_twenty_kills_under_load(tmp_path: Path) -> None:
    chance = random.Random(20)
    state = tmp_path / "state"
    ledger = Ledger()
    process = await asyncio.to_thread(apiserving.start, state)
    following: subprocess.Popen[str] | None = None
    try:
        async with session_of(state / "kubeconfig") as session, mirroring(session, *SELECTIONS) as mirrors:
            for _ in range(ROUNDS):
                ledger.begin_life(max(mirror.revision for mirror in mirrors))
                following = apiserving.prepare(state)
                await load_and_kill(process, session, ledger, chance)
                process = await asyncio.to_thread(apiserving.go, following)
                ledger.settle(await stored(session))
                await all_agree(mirrors)
            assert sum(mirror.resumes for mirror in mirrors) >= ROUNDS * len(mirrors)
            assert not any(mirror.relists for mirror in mirrors), "the history survives a kill"
    finally:
        for started in {process, following or process}:
            apiserving.end(started, signal.SIGKILL)
