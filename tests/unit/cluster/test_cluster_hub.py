"""The hub in virtual time: when snapshots come, and what they share."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hearthgate.cluster.cache import Item, KindCache, read_item
from hearthgate.cluster.client import Client
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.lastgood import LastGood
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.core import Service
from hearthgate.resources.traefik import IngressRoute
from tests.unit.cluster.fake_api import BY_NAME, ROUTE, FakeApi, Json, bad_route, line, route, running
from tests.unit.cluster.virtual_time import run, until

KINDS = (ROUTE, BY_NAME["Service"])


def service(name: str) -> Json:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}


@asynccontextmanager
async def running_hub(client: Client, **options: Any) -> AsyncIterator[Hub]:
    hub = Hub(client, KINDS, **options)
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def play(case: Callable[[FakeApi, Hub], Awaitable[None]], **options: Any) -> None:
    async def scene() -> None:
        async with running() as (api, client):
            api.put(route("a"))
            api.put(service("s"))
            async with running_hub(client, **options) as hub:
                await case(api, hub)

    run(scene())


async def collect(hub: Hub, into: list[tuple[float, Snapshot]]) -> None:
    async for snapshot in hub.snapshots():
        into.append((asyncio.get_running_loop().time(), snapshot))  # noqa: PERF401 - each as it comes


def test_first_snapshot_waits_for_every_kind() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            hold = api.held["services"] = asyncio.Event()
            async with running_hub(client) as hub:
                await until(lambda: hub.missing() == ["services"])
                await asyncio.sleep(5)
                assert (hub.snapshot, hub.synced) == (None, False)
                hold.set()
                snapshot = await anext(hub.snapshots())
                assert snapshot.number == 1
                assert hub.synced
                assert hub.missing() == []
                assert set(hub.ages()) == {"ingressroutes.traefik.io", "services"}

    run(scene())


def test_untouched_kinds_keep_their_collection() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        snapshots = hub.snapshots()
        first = await anext(snapshots)
        api.put(route("b"))
        second = await anext(snapshots)
        assert second.collection(Service) is first.collection(Service)
        assert second.collection(IngressRoute) is not first.collection(IngressRoute)
        assert [found.metadata.name for found in second.all(IngressRoute)] == ["a", "b"]
        assert second.all(IngressRoute)[0] is first.all(IngressRoute)[0]
        assert second.number == first.number + 1

    play(case)


def test_one_change_comes_within_milliseconds() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        came: list[tuple[float, Snapshot]] = []
        consumer = asyncio.create_task(collect(hub, came))
        await until(lambda: came)
        await asyncio.sleep(10)
        put = asyncio.get_running_loop().time()
        api.put(route("b"))
        await until(lambda: len(came) == 2)
        assert 0.001 < came[1][0] - put < 0.03
        consumer.cancel()

    play(case)


def test_burst_is_joined_up_to_the_limit() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        came: list[tuple[float, Snapshot]] = []
        consumer = asyncio.create_task(collect(hub, came))
        await until(lambda: came)
        began = asyncio.get_running_loop().time()
        for turn in range(250):
            api.put(route(f"r{turn}"))
            await asyncio.sleep(0.004)
        await until(lambda: len(came[-1][1].all(IngressRoute)) == 251)
        lasted = came[-1][0] - began
        assert lasted > 1.0
        assert lasted / 0.25 - 2 <= len(came) - 1 <= lasted / 0.25 + 2
        consumer.cancel()

    play(case, hold_off=0.1)


def test_slow_consumer_gets_only_the_newest() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        snapshots = hub.snapshots()
        await anext(snapshots)
        for turn in range(5):
            api.put(route(f"r{turn}"))
            await asyncio.sleep(1)
        assert len((await anext(snapshots)).all(IngressRoute)) == 6
        api.put(route("more"))
        assert len((await anext(snapshots)).all(IngressRoute)) == 7

    play(case)


def test_outage_and_unchanged_objects_make_no_snapshot() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        first = await anext(hub.snapshots())
        api.compact()
        api.revision += 1
        api.oldest = api.revision
        api.cut()
        await until(lambda: all(cache.lists == 2 for cache in hub.caches().values()))
        await asyncio.sleep(1)
        assert hub.snapshot is first

    play(case)


def test_refused_objects_and_warnings_are_in_the_snapshot() -> None:
    async def case(api: FakeApi, hub: Hub) -> None:
        snapshots = hub.snapshots()
        await anext(snapshots)
        stored = api.put(bad_route("bad"))
        snapshot = await anext(snapshots)
        assert snapshot.is_refused(IngressRoute, "default", "bad")
        [ref] = snapshot.refused
        assert snapshot.refused_object(ref).uid == stored["metadata"]["uid"]
        odd = route("odd")
        odd["spec"]["routes"][0]["observability"] = {"tracing": True}
        api.put(odd)
        snapshot = await anext(snapshots)
        assert [str(problem.ref) for problem in snapshot.warnings] == ["IngressRoute default/odd"]
        assert snapshot.get(IngressRoute, "default", "odd") is not None

    play(case)


def test_last_good_snapshot_is_served_until_the_server_answers(tmp_path: Path) -> None:
    file = LastGood(tmp_path / "state" / "last-good")

    async def before(api: FakeApi, hub: Hub) -> None:
        await anext(hub.snapshots())
        await until(file.path.exists)

    async def scene() -> None:
        async with running() as (api, client):
            await api.stop()
            async with running_hub(client, last_good=file) as hub:
                snapshots = hub.snapshots()
                old = await anext(snapshots)
                assert (hub.stale, hub.synced) == (True, False)
                assert [found.metadata.name for found in old.all(IngressRoute)] == ["a"]
                await asyncio.sleep(100)
                assert hub.snapshot is old
                await api.start()
                new = await anext(snapshots)
                assert not hub.stale
                assert not new.all(IngressRoute)
                assert new.number > old.number

    play(before, last_good=file)
    run(scene())


def test_one_change_among_ten_thousand_is_cheap() -> None:
    """Target 2 ms; the limit here leaves room for a busy machine."""
    items = [read_item(ROUTE, line("", route(f"r{turn:05}"))[20:-2]) for turn in range(10_000)]
    assert all(isinstance(item, Item) and item.resource for item in items)
    cache = KindCache(ROUTE, lambda: None)
    cache.replace(items)
    assert len(cache.collection.ordered) == 10_000
    spent = []
    for turn in range(5):
        changed = read_item(ROUTE, line("", route("r05000", labels={"turn": str(turn)}))[20:-2])
        began = time.perf_counter()
        cache.put(changed)
        snapshot = Snapshot(2, {IngressRoute: cache.collection}, cache.findings.refused)
        assert snapshot.all(IngressRoute)[5000] is changed.resource
        spent.append(time.perf_counter() - began)
    print(f"one change among 10,000: {min(spent) * 1000:.2f} ms")
    assert min(spent) < 0.005
