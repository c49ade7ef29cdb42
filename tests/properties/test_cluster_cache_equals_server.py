"""Whatever happens to objects and connections, in the end the cache holds what the server holds."""

import asyncio
from typing import Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hearthgate.cluster.cache import KindCache
from hearthgate.cluster.reflector import Reflector, Timing
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.core import ConfigMap
from hearthgate.resources.meta import ObjectMeta, Resource
from tests.unit.cluster.fake_api import ROUTE, FakeApi, Status, answer, bad_route, line, route, running, stream
from tests.unit.cluster.virtual_time import run, until

NAMES: Final = st.sampled_from("abcd")

OPERATIONS: Final = st.one_of(
    st.tuples(st.sampled_from(["put", "bad", "remove"]), NAMES),
    st.tuples(
        st.sampled_from(
            [
                "cut",
                "freeze",
                "end",
                "compact",
                "bookmark",
                "outage",
                "restart",
                "refuse",
                "half",
                "absent",
                "wait",
            ]
        ),
        st.just(""),
    ),
)


async def operate(api: FakeApi, operation: str, name: str) -> None:
    match operation:
        case "put":
            api.put(route(name))
        case "bad":
            api.put(bad_route(name))
        case "remove":
            if ("ingressroutes", "default", name) in api.objects:
                api.remove(ROUTE, "default", name)
        case "cut":
            api.cut()
        case "freeze":
            api.freeze()
        case "end":
            api.end_watches()
        case "compact":
            api.compact()
        case "bookmark":
            api.bookmark(ROUTE)
        case "outage":
            await api.stop()
            await asyncio.sleep(5)
            await api.start()
        case "restart":
            await api.stop()
            await api.start()
        case "refuse":
            for what in ("stream", "list", "watch"):
                api.plan[what].append(answer(Status(503), {"Retry-After": "1"}))
            api.cut()
        case "half":
            cut = line("ADDED", route("half", resourceVersion="1"))[:-9]
            for what in ("stream", "watch"):
                api.plan[what].append(stream(cut, then="cut"))
            api.cut()
        case "absent":
            api.absent.add("ingressroutes")
            api.cut()
            await asyncio.sleep(4)
            api.absent.clear()
        case _:
            await asyncio.sleep(1)


def versions(api: FakeApi) -> dict[str, str]:
    return {name: found["metadata"]["resourceVersion"] for (_, _, name), found in api.objects.items()}


def held(cache: KindCache) -> dict[str, str]:
    good = {name: found.metadata.resource_version for (_, name), found in cache.collection.objects.items()}
    return good | {ref.name: found.resource_version for ref, found in cache.findings.objects.items()}


@example([("bad", "b"), ("bad", "b")], False, ["b", "c", "a"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPERATIONS, max_size=15), st.booleans(), st.lists(NAMES, unique=True))
def test_cache_ends_up_equal(operations: list[tuple[str, str]], streaming: bool, present: list[str]) -> None:
    async def scene() -> None:
        async with running() as (api, client):
            api.streaming_lists = streaming
            for name in present:
                api.put(route(name))
            cache = KindCache(ROUTE, lambda: None)
            reflector = Reflector(client, cache, timing=Timing(), page_size=2, chance=lambda: 0.0)
            task = asyncio.create_task(reflector.run())
            for operation, name in operations:
                await operate(api, operation, name)
                await asyncio.sleep(0.003)
            await until(lambda: cache.synced and held(cache) == versions(api), within=3000)
            bad = {name for (_, _, name), found in api.objects.items() if "rutes" in found["spec"]}
            assert {ref.name for ref in cache.findings.refused} == bad
            assert cache.collection.ordered == Collection(cache.collection.objects).ordered
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()

    run(scene())


KEYS: Final = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from("abcdefgh"))


@given(st.lists(st.dictionaries(KEYS, st.one_of(st.none(), st.sampled_from(["1", "2"])), max_size=6)))
def test_changed_order_equals_a_fresh_sort(turns: list[dict[Key, str | None]]) -> None:
    collection = Collection({})
    expected: dict[Key, Resource] = {}
    for turn in turns:
        assert collection.ordered == Collection(collection.objects).ordered
        changes: dict[Key, Resource | None] = {}
        for (namespace, name), value in turn.items():
            made = None
            if value is not None:
                made = ConfigMap(metadata=ObjectMeta(namespace=namespace, name=name), data={"value": value})
                expected[namespace, name] = made
            else:
                expected.pop((namespace, name), None)
            changes[namespace, name] = made
        collection = collection.changed(changes)
    assert dict(collection.objects) == expected
    assert collection.ordered == tuple(expected[key] for key in sorted(expected))
