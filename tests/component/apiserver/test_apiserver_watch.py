"""Watches as reflectors use them: initial events, bookmarks, selections, expiry, restarts."""

import asyncio
from pathlib import Path

import pytest

from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.api_objects import CONFIGMAPS, NAMESPACES, SECRETS, TABLE, configmap
from tests.component.apiserver.conftest import Client, client_of


async def test_a_watch_tells_every_change(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("old"))
    start = (await client.get(CONFIGMAPS)).body["metadata"]["resourceVersion"]
    async with client.watch(f"{CONFIGMAPS}?resourceVersion={start}") as later, client.watch(CONFIGMAPS) as all_:
        assert await all_.take(1) == [("ADDED", "old")]
        await client.post(CONFIGMAPS, configmap("new"))
        await client.merge(f"{CONFIGMAPS}/new", {"data": {"x": "1"}})
        await client.send("DELETE", f"{CONFIGMAPS}/new")
        expected = [("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]
        assert await later.take(3) == expected
        assert await all_.take(3) == expected


async def test_a_streaming_list(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a"))
    await client.post(SECRETS, {"metadata": {"name": "s"}})
    path = f"{CONFIGMAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with client.watch(path) as frames:
        assert await frames.take(1) == [("ADDED", "a")]
        bookmark = await frames.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        listed = (await client.get(CONFIGMAPS)).body["metadata"]["resourceVersion"]
        assert bookmark["object"]["metadata"]["resourceVersion"] == listed
        await client.post(CONFIGMAPS, configmap("b"))
        assert await frames.take(1) == [("ADDED", "b")]


async def test_a_watch_with_a_selector_sees_objects_come_and_go(client: Client) -> None:
    async with client.watch(f"{CONFIGMAPS}?labelSelector=app%3Dx") as frames:
        await client.post(CONFIGMAPS, configmap("a", labels={"app": "y"}))
        await client.merge(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"app": "x"}}})
        await client.merge(f"{CONFIGMAPS}/a", {"data": {"z": "1"}})
        await client.merge(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"app": "y"}}})
        await client.send("DELETE", f"{CONFIGMAPS}/a")
        await client.post(CONFIGMAPS, configmap("end", labels={"app": "x"}))
        assert await frames.take(4) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "end")]


async def test_a_watch_of_another_namespace_is_silent(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "other"}})
    async with client.watch("/api/v1/namespaces/other/configmaps") as frames:
        await client.post(CONFIGMAPS, configmap("a"))
        await client.post("/api/v1/namespaces/other/configmaps", configmap("b"))
        assert await frames.take(1) == [("ADDED", "b")]


async def test_a_watch_in_tables_has_headings_once(client: Client) -> None:
    async with client.watch(CONFIGMAPS, Accept=TABLE) as frames:
        await client.post(CONFIGMAPS, configmap("a", {"x": "1"}))
        await client.post(CONFIGMAPS, configmap("b"))
        first, second = await frames.next(), await frames.next()
        assert (first["object"]["kind"], first["object"]["rows"][0]["cells"][:2]) == ("Table", ["a", 1])
        assert first["object"]["columnDefinitions"]
        assert second["object"]["columnDefinitions"] is None


async def test_a_watch_ends_in_time_after_a_bookmark(client: Client) -> None:
    async with client.watch(f"{CONFIGMAPS}?timeoutSeconds=1&allowWatchBookmarks=true") as frames:
        assert await frames.next() is None
    async with client.watch(f"{CONFIGMAPS}?timeoutSeconds=3&allowWatchBookmarks=true") as frames:
        await client.post(SECRETS, {"metadata": {"name": "elsewhere"}})
        bookmark = await frames.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["kind"] == "ConfigMap"
        newest = (await client.get(CONFIGMAPS)).body["metadata"]["resourceVersion"]
        assert bookmark["object"]["metadata"]["resourceVersion"] == newest
        assert await frames.next() is None


@pytest.mark.parametrize("revision", ["99999999", "1"])
async def test_a_watch_from_a_revision_that_is_not_kept_is_expired(
    server: ApiServer, client: Client, revision: str
) -> None:
    if revision == "1":
        history = server._store.history("configmaps")  # type: ignore[union-attr]
        history._limit = 4
        for number in range(12):
            await client.post(CONFIGMAPS, configmap(f"c{number}"))
    async with client.watch(f"{CONFIGMAPS}?resourceVersion={revision}") as frames:
        frame = await frames.next()
        assert (frame["type"], frame["object"]["code"], frame["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await frames.next() is None


async def test_a_bad_revision_is_refused(client: Client) -> None:
    assert (await client.get(f"{CONFIGMAPS}?resourceVersion=abc")).status == 400
    assert (await client.get(f"{CONFIGMAPS}?watch=1&resourceVersion=abc")).status == 400
    future = await client.get(f"{CONFIGMAPS}?resourceVersion=99999999")
    assert (future.status, future.reason) == (504, "Timeout")


async def test_a_watch_goes_on_over_a_restart(tmp_path: Path) -> None:
    server = ApiServer(state=tmp_path / "state", port=0)
    await server.start()
    first_url, first_config = server.url, server.kubeconfig.read_text()
    async with client_of(server) as client:
        start = (await client.post(CONFIGMAPS, configmap("a"))).body["metadata"]["resourceVersion"]
        async with client.watch(f"{CONFIGMAPS}?resourceVersion={start}") as frames:
            await client.post(CONFIGMAPS, configmap("b"))
            assert await frames.take(1) == [("ADDED", "b")]
            stopping = asyncio.create_task(server.stop())
            assert await frames.next() is None, "a stop ends the watch"
            await stopping
    again = ApiServer(state=tmp_path / "state", port=0)
    await again.start()
    assert again.url == first_url, "the same port when it is free"
    assert again.kubeconfig.read_text() == first_config, "the old kubeconfig still works"
    async with client_of(again) as client, client.watch(f"{CONFIGMAPS}?resourceVersion={start}") as frames:
        assert await frames.take(1) == [("ADDED", "b")]
        await client.post(CONFIGMAPS, configmap("c"))
        assert await frames.take(1) == [("ADDED", "c")]
    await again.stop()
