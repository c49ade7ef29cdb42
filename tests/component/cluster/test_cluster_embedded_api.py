"""The cluster client against the embedded API: the same server that kubectl talks to, its ends included."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.server import ApiServer
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.errors import Conflict, Expired, NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.reflector import Timing
from hearthgate.cluster.status import StatusWriter
from hearthgate.resources.meta import Condition
from hearthgate.resources.registry import KINDS
from hearthgate.resources.traefik import IngressRoute
from tests.waiting import eventually

BY_NAME = {kind.kind: kind for kind in KINDS}
ROUTE, EVENT = BY_NAME["IngressRoute"], BY_NAME["Event"]
ACCEPTED = Condition(type="Accepted", status="True", reason="Accepted", message="serving")
QUICK = Timing(backoff_first=0.05, backoff_most=0.2)


def route(name: str, rule: str = "Host(`a.example`)") -> dict[str, Any]:
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"routes": [{"match": rule, "kind": "Rule", "services": [{"name": "web", "port": 80}]}]},
    }


@asynccontextmanager
async def running_hub(client: Client) -> AsyncIterator[Hub]:
    hub = Hub(client, [ROUTE, BY_NAME["Service"]], timing=QUICK)
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


@pytest.fixture
async def server(state_dir: Path) -> AsyncIterator[ApiServer]:
    server = ApiServer(state=state_dir, port=0)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    async with Client(from_files([server.kubeconfig])) as client:
        yield client


def names(hub: Hub) -> list[str]:
    return [] if hub.snapshot is None else [found.metadata.name for found in hub.snapshot.all(IngressRoute)]


def test_kubeconfig_of_the_server_is_read(server: ApiServer) -> None:
    config = from_files([server.kubeconfig])
    assert config.server == server.url
    assert config.is_loopback
    assert config.tls is not None


async def test_verbs(client: Client) -> None:
    made = await client.create(ROUTE, route("a"))
    assert (await client.get(ROUTE, "default", "a"))["metadata"]["uid"] == made["metadata"]["uid"]
    changed = await client.apply(ROUTE, route("a", "Host(`b.example`)"))
    assert changed["spec"]["routes"][0]["match"] == "Host(`b.example`)"
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"x": "1"}}}
    with pytest.raises(Conflict):
        await client.merge_patch(ROUTE, "default", "a", stale)
    for name in ("b", "c"):
        await client.create(ROUTE, route(name))
    first = await client.list_page(ROUTE, limit=2)
    rest = await client.list_page(ROUTE, limit=2, token=first.token)
    assert (len(first.items), len(rest.items), rest.token) == (2, 1, "")
    with pytest.raises(Conflict):
        await client.delete(ROUTE, "default", "a", uid="another")
    await client.delete(ROUTE, "default", "a", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound) as caught:
        await client.get(ROUTE, "default", "a")
    assert caught.value.named


async def test_version_of_another_life_is_expired(client: Client) -> None:
    async with client.watch(ROUTE, resource_version="999999") as events:
        with pytest.raises(Expired):
            await anext(events)


async def test_snapshots_follow_and_status_and_events_come_back(client: Client) -> None:
    writer, events = StatusWriter(client), EventWriter(client)
    tasks = [asyncio.create_task(writer.run()), asyncio.create_task(events.run())]
    async with running_hub(client) as hub:
        await client.create(ROUTE, route("a"))
        await eventually(lambda: names(hub) == ["a"])
        assert [cache.lists for cache in hub.caches().values()] == [1, 1]
        for _ in range(3):
            [subject] = hub.snapshot.all(IngressRoute) if hub.snapshot else []
            writer.want(subject, [ACCEPTED])
            events.emit(subject, "Accepted", "serving", type="Normal")
            await writer.idle()
            await events.idle()
        assert writer.written == 1
        [condition] = (await client.get(ROUTE, "default", "a"))["status"]["conditions"]
        assert (condition["status"], condition["observedGeneration"]) == ("True", 1)
        assert datetime.fromisoformat(condition["lastTransitionTime"]) <= datetime.now(UTC)
        page = await client.list_page(EVENT, namespace="default")
        assert len(page.items) == 1
        assert b'"count":3' in bytes(page.items[0]).replace(b" ", b"")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_restart_is_survived_without_a_new_list(server: ApiServer, client: Client) -> None:
    async with running_hub(client) as hub:
        await client.create(ROUTE, route("a"))
        await client.create(ROUTE, route("b"))
        await eventually(lambda: names(hub) == ["a", "b"])
        await server.stop()
        await eventually(lambda: all(cache.trouble for cache in hub.caches().values()))
        assert names(hub) == ["a", "b"]
        await server.start()
        await client.delete(ROUTE, "default", "a")
        await client.create(ROUTE, route("c"))
        await eventually(lambda: names(hub) == ["b", "c"])
        await eventually(lambda: not any(cache.trouble for cache in hub.caches().values()))
        assert [cache.lists for cache in hub.caches().values()] == [1, 1]


def forget(state: Path) -> None:
    """Keeps who the server is, loses what it knew."""
    databases = [found for found in state.iterdir() if ".db" in found.name]
    assert databases
    for found in databases:
        found.unlink()


async def test_server_that_starts_over_from_nothing_is_believed(
    state_dir: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    old = ApiServer(state=state_dir, port=port)
    await old.start()
    async with Client(from_files([old.kubeconfig])) as client, running_hub(client) as hub:
        for name in ("a", "b", "c"):
            await client.create(ROUTE, route(name))
        await eventually(lambda: names(hub) == ["a", "b", "c"])
        await old.stop()
        forget(state_dir)
        new = ApiServer(state=state_dir, port=port)
        await new.start()
        await client.create(ROUTE, route("b", "Host(`new.example`)"))
        await eventually(lambda: names(hub) == ["b"])
        found = hub.snapshot.get(IngressRoute, "default", "b") if hub.snapshot else None
        assert found is not None
        assert found.spec.routes[0].match == "Host(`new.example`)"
        await new.stop()
    shutil.rmtree(state_dir)


PROGRAM = """
import asyncio, pathlib, sys
from hearthgate.apiserver.server import ApiServer

async def main():
    await ApiServer(state=pathlib.Path(sys.argv[1]), port=0).start()
    print("serving", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def serve(state: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(state), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while (await process.stdout.readline()).strip() != b"serving":
            assert process.returncode is None
    return process


async def test_killed_server_loses_nothing_that_it_confirmed(state_dir: Path) -> None:
    process = await serve(state_dir)
    async with Client(from_files([state_dir / "kubeconfig"])) as client, running_hub(client) as hub:
        for turn in range(3):
            for index in range(20):
                await client.create(ROUTE, route(f"r{turn}-{index:02}"))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            process = await serve(state_dir)
            await client.delete(ROUTE, "default", f"r{turn}-00")
        expected = sorted(f"r{turn}-{index:02}" for turn in range(3) for index in range(1, 20))
        await eventually(lambda: names(hub) == expected)
    process.terminate()
    await process.wait()
