"""Conditions: merged purely, written once, never over another's write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hearthgate.cluster.cache import read_item
from hearthgate.cluster.client import Client
from hearthgate.cluster.conditions import merge_conditions, rfc3339
from hearthgate.cluster.snapshot import RefusedObject, Subject
from hearthgate.cluster.status import StatusWriter
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition
from tests.unit.cluster.fake_api import BY_NAME, ROUTE, Json, Status, answer, bad_route, route, running
from tests.unit.cluster.virtual_time import run

T0 = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
T1 = T0 + timedelta(hours=1)

ACCEPTED = Condition(type="Accepted", status="True", reason="Accepted", message="serving")
REFUSED = Condition(type="Accepted", status="False", reason="InvalidRule", message="bad rule")
FOREIGN = {"type": "Foreign", "status": "True", "reason": "X", "message": "", "extraField": "kept"}


def test_time_moves_only_with_the_status() -> None:
    first = merge_conditions((), [ACCEPTED], T0)
    assert [condition.last_transition_time for condition in first] == [rfc3339(T0)]
    reworded = merge_conditions(first, [msgspec.structs.replace(ACCEPTED, message="still")], T1)
    assert reworded[0].last_transition_time == rfc3339(T0)
    assert reworded[0].message == "still"
    flipped = merge_conditions(first, [REFUSED], T1)
    assert flipped[0].last_transition_time == rfc3339(T1)


def test_merging_twice_changes_nothing_and_foreign_types_stay() -> None:
    foreign = Condition(type="Foreign", status="Unknown", last_transition_time="2020-01-01T00:00:00Z")
    resolved = Condition(type="ResolvedRefs", status="True")
    once = merge_conditions([foreign], [resolved, ACCEPTED], T0)
    assert [condition.type for condition in once] == ["Foreign", "Accepted", "ResolvedRefs"]
    assert once[0] is foreign
    assert merge_conditions(once, [ACCEPTED, resolved], T1) == once


def typed(stored: Json) -> Subject:
    resource = read_item(ROUTE, msgspec.json.encode(stored)).resource
    assert resource is not None
    return resource


@asynccontextmanager
async def writing(client: Client) -> AsyncIterator[StatusWriter]:
    writer = StatusWriter(client, now=lambda: T0)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def conditions(api: Any, name: str) -> list[Json]:
    found: list[Json] = api.objects["ingressroutes", "default", name].get("status", {}).get("conditions", [])
    return found


def test_written_once_and_then_only_on_change() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stored = api.put(route("a"))
            for _ in range(3):
                writer.want(typed(stored), [ACCEPTED])
            await writer.idle()
            [patch] = api.asked("patch")
            assert patch.path.endswith("/ingressroutes/a/status")
            assert patch.body["metadata"] == {"resourceVersion": stored["metadata"]["resourceVersion"]}
            [written] = conditions(api, "a")
            assert written["lastTransitionTime"] == rfc3339(T0)
            assert written["observedGeneration"] == stored["metadata"]["generation"]
            # The cache shows what was written: nothing to do. (This server counts status as a generation.)
            shown = api.objects["ingressroutes", "default", "a"]
            shown["metadata"]["generation"] = stored["metadata"]["generation"]
            writer.want(typed(shown), [ACCEPTED])
            await writer.idle()
            assert len(api.asked("patch")) == 1
            writer.want(typed(shown), [REFUSED])
            await writer.idle()
            assert conditions(api, "a")[0]["reason"] == "InvalidRule"
            assert writer.written == 2

    run(scene())


def test_cache_that_never_shows_the_status_costs_no_conflict() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stored = api.put(route("a"))
            for wanted in (ACCEPTED, REFUSED, REFUSED, ACCEPTED):
                writer.want(typed(stored), [wanted])
                await writer.idle()
            assert [seen.what for seen in api.requests] == ["patch"] * 3
            assert conditions(api, "a")[0]["status"] == "True"

    run(scene())


def test_late_cache_does_not_write_over_others() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stale = api.put(route("a"))
            api.put({**route("a"), "status": {"conditions": [FOREIGN]}})
            writer.want(typed(stale), [ACCEPTED])
            await writer.idle()
            assert conditions(api, "a")[0] == FOREIGN
            assert conditions(api, "a")[1]["type"] == "Accepted"
            assert len(api.asked("patch")) == 2

    run(scene())


def test_foreign_conditions_keep_fields_that_the_types_do_not_know() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stored = api.put({**route("a"), "status": {"conditions": [FOREIGN]}})
            writer.want(typed(stored), [ACCEPTED])
            await writer.idle()
            assert conditions(api, "a")[0] == FOREIGN
            assert len(api.asked("patch")) == 1

    run(scene())


def test_refused_object_gets_its_status_and_keeps_it() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            metadata = api.put(bad_route("bad"))["metadata"]
            ref = ObjectRef("IngressRoute", "default", "bad")
            for version in (metadata["resourceVersion"], "999"):
                writer.want(RefusedObject(ref, metadata["uid"], version, 4), [REFUSED])
                await writer.idle()
            [written] = conditions(api, "bad")
            assert (written["status"], written["observedGeneration"]) == ("False", 4)
            assert len(api.asked("patch")) == 1

    run(scene())


def test_kind_without_status_is_asked_once() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            api.without_status.add("ingressroutes")
            for name in ("a", "b", "c"):
                writer.want(typed(api.put(route(name))), [ACCEPTED])
                await writer.idle()
            assert len(api.asked("patch")) == 1
            assert writer.lacks_status(ROUTE)
            assert not writer.lacks_status(BY_NAME["Middleware"])

    run(scene())


def test_object_that_is_gone_is_no_reason_to_give_the_kind_up() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stored = api.put(route("a"))
            api.remove(ROUTE, "default", "a")
            writer.want(typed(stored), [ACCEPTED])
            await writer.idle()
            assert not writer.lacks_status(ROUTE)
            writer.want(typed(api.put(route("b"))), [ACCEPTED])
            await writer.idle()
            assert conditions(api, "b")

    run(scene())


def test_outage_is_waited_out() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            stored = api.put(route("a"))
            await api.stop()
            writer.want(typed(stored), [ACCEPTED])
            await asyncio.sleep(100)
            await api.start()
            api.plan["patch"].append(answer(Status(429), {"Retry-After": "3"}))
            await writer.idle()
            assert conditions(api, "a")

    run(scene())


def test_writes_are_spread_over_time() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            writer = StatusWriter(client, now=lambda: T0, rate=1, burst=3)
            task = asyncio.create_task(writer.run())
            began = asyncio.get_running_loop().time()
            for turn in range(10):
                writer.want(typed(api.put(route(f"r{turn}"))), [ACCEPTED])
            await writer.idle()
            assert 7 <= asyncio.get_running_loop().time() - began < 8
            assert writer.written == 10
            task.cancel()

    run(scene())


def test_forgotten_objects_are_not_written() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            writer = StatusWriter(client, now=lambda: T0)
            for name in ("a", "b"):
                writer.want(typed(api.put(route(name))), [ACCEPTED])
            writer.retain({ObjectRef("IngressRoute", "default", "b")})
            task = asyncio.create_task(writer.run())
            await writer.idle()
            assert not conditions(api, "a")
            assert conditions(api, "b")
            task.cancel()

    run(scene())
