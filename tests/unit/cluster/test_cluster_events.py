"""Events: one per thing that happens, counted, damped, and never anybody's trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hearthgate.cluster import events
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.snapshot import RefusedObject
from hearthgate.model.refs import ObjectRef
from tests.unit.cluster.fake_api import BY_NAME, Json, Status, answer, running
from tests.unit.cluster.virtual_time import run

SUBJECT = RefusedObject(ObjectRef("IngressRoute", "media", "films"), "uid-1", "7", 1)
NODE = RefusedObject(ObjectRef("Node", "", "box"), "uid-2")
EVENT = BY_NAME["Event"]


class Calendar:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def writing(client: Client, calendar: Calendar | None = None) -> AsyncIterator[EventWriter]:
    writer = EventWriter(client, now=calendar or Calendar(), instance="box")
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def written(api: Any) -> list[Json]:
    return [content for (plural, _, _), content in sorted(api.objects.items()) if plural == "events"]


def test_event_says_who_what_when() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            writer.emit(SUBJECT, "InvalidRule", "unknown matcher 'Hosts'")
            await writer.idle()
            [event] = written(api)
            assert event["metadata"]["namespace"] == "media"
            assert event["metadata"]["name"].startswith("films.")
            assert event["involvedObject"] == {
                "apiVersion": "traefik.io/v1alpha1",
                "kind": "IngressRoute",
                "namespace": "media",
                "name": "films",
                "uid": "uid-1",
                "resourceVersion": "7",
            }
            assert event["type"] == "Warning"
            assert event["reason"] == "InvalidRule"
            assert event["message"] == "unknown matcher 'Hosts'"
            assert event["count"] == 1
            assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-24T12:00:00Z"
            assert event["reportingComponent"] == "hearthgate"

    run(scene())


def test_same_event_is_counted_even_after_a_restart() -> None:
    async def scene() -> None:
        calendar = Calendar()
        async with running() as (api, client):
            for _ in range(2):
                async with writing(client, calendar) as writer:
                    writer.emit(SUBJECT, "InvalidRule", "bad")
                    writer.emit(SUBJECT, "InvalidRule", "bad")
                    await writer.idle()
                    calendar.now += timedelta(minutes=1)
            [event] = written(api)
            assert event["count"] == 4
            assert event["firstTimestamp"] == "2026-11-24T12:00:00Z"
            assert event["lastTimestamp"] == "2026-11-24T12:01:00Z"

    run(scene())


def test_other_message_reason_type_or_object_is_another_event() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            writer.emit(SUBJECT, "InvalidRule", "bad")
            writer.emit(SUBJECT, "InvalidRule", "worse")
            writer.emit(SUBJECT, "SecretNotFound", "bad")
            writer.emit(SUBJECT, "InvalidRule", "bad", type="Normal")
            writer.emit(SUBJECT._replace(uid="uid-9"), "InvalidRule", "bad")
            await writer.idle()
            assert len(written(api)) == 5

    run(scene())


def test_event_that_ran_out_meanwhile_is_made_anew() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            api.plan["post"].append(answer(Status(409, "AlreadyExists")))
            writer.emit(SUBJECT, "InvalidRule", "bad")
            await writer.idle()
            assert [event["count"] for event in written(api)] == [1]

    run(scene())


def test_flood_about_one_object_is_damped_and_others_are_not() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            for turn in range(200):
                writer.emit(SUBJECT, "InvalidRule", f"bad {turn}")
            writer.emit(NODE, "Other", "heard all the same")
            await writer.idle()
            assert len(written(api)) == 26
            assert writer.dropped == 175
            assert [event["involvedObject"]["name"] for event in written(api)].count("box") == 1
            assert ("events", "default") in {key[:2] for key in api.objects}, "of a cluster-scoped object"
            await asyncio.sleep(301)
            writer.emit(SUBJECT, "InvalidRule", "later")
            await writer.idle()
            assert len(written(api)) == 27

    run(scene())


def test_outage_keeps_a_bounded_number() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            await api.stop()
            for turn in range(events.MAX_PENDING + 10):
                subject = RefusedObject(ObjectRef("IngressRoute", "media", f"r{turn}"), f"uid-{turn}")
                writer.emit(subject, "InvalidRule", "bad")
                writer.emit(subject, "InvalidRule", "bad")
            assert writer.dropped == 20
            await asyncio.sleep(1)
            await api.start()
            await writer.idle()
            assert {event["count"] for event in written(api)} == {2}
            assert len(written(api)) == events.MAX_PENDING

    run(scene())


def test_refused_event_is_given_up_quietly() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            api.plan["post"].append(answer(Status(403, "Forbidden", "namespace is being terminated")))
            writer.emit(SUBJECT, "InvalidRule", "bad")
            writer.emit(SUBJECT, "InvalidRule", "x" * 5000 + "é")
            await writer.idle()
            [event] = written(api)
            assert len(event["message"].encode()) <= 1024

    run(scene())


def test_server_that_stays_away_ends_an_event_after_some_tries() -> None:
    async def scene() -> None:
        async with running() as (api, client), writing(client) as writer:
            await api.stop()
            writer.emit(SUBJECT, "InvalidRule", "bad")
            await writer.idle()
            assert writer.dropped == 1

    run(scene())
