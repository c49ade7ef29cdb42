"""The ADS server and a real Envoy: what it accepts, what it refuses, and that changes break no request."""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, Resources
from hearthgate.ingress.xds.server import AdsServer
from hearthgate.model.errors import Permanent
from tests.component.ingress.envoy_process import (
    bare_envoy,
    cluster,
    endpoints,
    listener,
    reply,
    resource,
    routes,
    to_cluster,
    together,
)
from tests.component.ingress.load import ask, load
from tests.waiting import eventually

Port = Callable[[], int]
BAD_RING = {
    "lb_policy": "RING_HASH",
    "ring_hash_lb_config": {"minimum_ring_size": 2048, "maximum_ring_size": 1024},
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hg-") as path:
        yield Path(path)


class Pair(NamedTuple):
    server: AdsServer
    folder: Path
    port: int

    def site(self, *rows: dict[str, Any]) -> Resources:
        found = rows or (reply("first"),)
        return together({LISTENER: {"web": listener("web", self.port)}, ROUTE: {"web": routes("web", *found)}})

    async def updates(self) -> dict[str, int]:
        """How many responses Envoy has taken in, by type."""
        return await update_counts(self.folder)


@pytest.fixture
async def pair(folder: Path, free_port: Port) -> AsyncIterator[Pair]:
    """A server and an Envoy that serves `first`."""
    server = AdsServer(folder / "xds.sock", ack_timeout=1.0, linger=0.1)
    await server.start()
    async with bare_envoy(folder):
        found = Pair(server, folder, free_port())
        await asyncio.wait_for(server.connected.wait(), 5)
        assert (await server.apply(found.site())).acked
        yield found
    await server.stop()


@asynccontextmanager
async def backend() -> AsyncIterator[int]:
    """Answers `backend` on kept connections."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nbackend")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def update_counts(folder: Path) -> dict[str, int]:
    connector = aiohttp.UnixConnector(str(folder / "admin.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://envoy/stats?format=json&filter=update_(success|rejected)$") as response,
    ):
        stats = json.loads(await response.text())["stats"]
    found = {stat["name"]: stat["value"] for stat in stats if "name" in stat}
    assert found["cluster_manager.cds.update_success"] > 0
    assert found["http.web.rds.web.update_success"] > 0
    return found


async def test_routes_change_at_once_and_nothing_is_sent_twice(pair: Pair) -> None:
    second = pair.site(reply("second"))
    assert await pair.server.apply(second) == (True, ())
    assert await ask(pair.port) == "200 second"
    before = await pair.updates()
    assert await pair.server.apply(pair.site(reply("second"))) == (True, ())
    assert await pair.server.apply(second) == (True, ())
    assert await pair.updates() == before


async def test_new_listener_serves_its_new_routes_when_apply_returns(pair: Pair, free_port: Port) -> None:
    port = free_port()
    more = together(
        pair.site(),
        {
            LISTENER: {"more": listener("more", port, routes="more")},
            ROUTE: {"more": routes("more", reply("more"))},
        },
    )
    assert (await pair.server.apply(more)).acked
    assert await ask(port) == "200 more"
    assert (await pair.server.apply(pair.site())).acked
    await eventually(lambda: _is(port, "ClientConnectorError"))
    assert await ask(pair.port) == "200 first"


async def test_sixty_swaps_of_a_cluster_under_load_fail_no_request(pair: Pair) -> None:
    async with backend() as port:

        def generation(number: int) -> Resources:
            name = f"generation-{number}"
            return together(
                pair.site(to_cluster(name)),
                {CLUSTER: {name: cluster(name)}, ENDPOINT: {name: endpoints(name, port)}},
            )

        assert (await pair.server.apply(generation(0))).acked
        async with load(pair.port) as answers:
            for number in range(1, 61):
                seen = answers.total()
                assert await pair.server.apply(generation(number)) == (True, ())
                await eventually(lambda seen=seen: answers.total() > seen + 5)  # type: ignore[misc]
        assert set(answers) == {"200 backend"}
        removed = [f"generation-{number}" for number in range(60)]
        await eventually(lambda: _no_clusters(pair, removed), what="removal of the old clusters")


async def test_endpoints_change_beside_the_sequence(pair: Pair) -> None:
    async with backend() as port:
        wanted = together(
            pair.site(to_cluster("a")), {CLUSTER: {"a": cluster("a")}, ENDPOINT: {"a": endpoints("a", 1)}}
        )
        assert (await pair.server.apply(wanted)).acked
        assert (await ask(pair.port)).startswith("503")
        assert await pair.server.update_endpoints({"a": endpoints("a", port)}) == (True, ())
        await eventually(lambda: _is(pair.port, "200 backend"), within=2)
        # what came last counts: the same wanted resources again would be the old endpoints
        assert (await pair.server.apply(wanted)).acked
        await eventually(lambda: _starts(pair.port, "503"), within=2)


BAD_CLUSTERS = {
    "load balancer that cannot be built": cluster("bad", **BAD_RING),
    "constraint of a field": cluster("bad", connect_timeout="-1s"),
    "missing field": cluster("bad", eds_cluster_config={}),
    "fields that exclude each other": cluster("bad", type="STRICT_DNS"),
}


@pytest.mark.parametrize("case", BAD_CLUSTERS)
async def test_refused_cluster_is_isolated(pair: Pair, case: str) -> None:
    async with backend() as port:
        good = [f"good-{number}" for number in range(9)]
        wanted = together(
            pair.site(to_cluster("good-8")),
            {
                CLUSTER: {**{name: cluster(name) for name in good}, "bad": BAD_CLUSTERS[case]},
                ENDPOINT: {name: endpoints(name, port) for name in (*good, "bad")},
            },
        )
        applied = await pair.server.apply(wanted)
        assert [(entry.type_url, entry.names) for entry in applied.rejected] == [(CLUSTER, ("bad",))]
        assert applied.acked
        assert await ask(pair.port) == "200 backend"
        before = await pair.updates()
        again = await pair.server.apply(together(wanted))
        assert again == applied, "a refusal stands, and is not tried again, until the resource changes"
        assert await pair.updates() == before
        assert await pair.server.apply(wanted.updated(CLUSTER, {"bad": cluster("bad")})) == (True, ())


async def test_refused_change_of_a_cluster_leaves_the_last_good_one_serving(pair: Pair) -> None:
    async with backend() as port:

        def wanted(**fields: Any) -> Resources:
            return together(
                pair.site(to_cluster("a")),
                {CLUSTER: {"a": cluster("a", **fields)}, ENDPOINT: {"a": endpoints("a", port)}},
            )

        assert await pair.server.apply(wanted()) == (True, ())
        async with load(pair.port, clients=1) as answers:
            applied = await pair.server.apply(wanted(**BAD_RING))
            assert applied.acked
            assert [entry.names for entry in applied.rejected] == [("a",)]
            assert await pair.server.apply(wanted(connect_timeout="3s")) == (True, ())
        assert set(answers) == {"200 backend"}


async def test_refused_cluster_does_not_keep_a_fresh_envoy_from_serving(folder: Path, free_port: Port) -> None:
    server = AdsServer(folder / "xds.sock", ack_timeout=1.0)
    pair = Pair(server, folder, free_port())
    bad = {CLUSTER: {"bad": cluster("bad", **BAD_RING)}, ENDPOINT: {"bad": endpoints("bad", 1)}}
    await server.start()
    assert not (await server.apply(together(pair.site(), bad))).acked
    async with bare_envoy(folder):
        await asyncio.wait_for(server.first_config_acked.wait(), 5)
        await eventually(lambda: _is(pair.port, "200 first"))
        assert [entry.names for entry in server.rejections] == [("bad",)]
    await server.stop()


async def test_refused_routes_leave_the_last_good_ones(pair: Pair) -> None:
    bad = {"match": {"safe_regex": {"regex": "("}}, "direct_response": {"status": 200}}
    applied = await pair.server.apply(pair.site(bad))
    assert applied.acked
    assert [(entry.type_url, entry.names, entry.message) for entry in applied.rejected] == [
        (ROUTE, ("web",), "missing ): (")
    ]
    assert await ask(pair.port) == "200 first"
    assert await pair.server.apply(pair.site(reply("third"))) == (True, ())
    assert await ask(pair.port) == "200 third"


async def test_refused_listener_leaves_the_others(pair: Pair, free_port: Port) -> None:
    port = free_port()
    wanted = {"bad": resource(LISTENER, {"name": "bad"}), "good": listener("good", port)}
    applied = await pair.server.apply(pair.site().updated(LISTENER, wanted))
    assert [(entry.type_url, entry.names) for entry in applied.rejected] == [(LISTENER, ("bad",))]
    assert await ask(port) == "200 first"


async def test_busy_port_is_tried_again_until_it_is_free(folder: Path, free_port: Port) -> None:
    told: list[int] = []
    server = AdsServer(folder / "xds.sock", on_rejections=lambda found: told.append(len(found)))
    pair = Pair(server, folder, free_port())
    await server.start()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", pair.port))
        busy.listen()
        async with bare_envoy(folder):
            await asyncio.wait_for(server.connected.wait(), 5)
            applied = await server.apply(pair.site())
            assert "Address already in use" in applied.rejected[0].message
            busy.close()
            await eventually(lambda: _is(pair.port, "200 first"), within=5)
            await eventually(lambda: not server.rejections)
            assert (told[0], told[-1]) == (1, 0)
    await server.stop()


async def test_control_plane_that_returns_sends_nothing_unchanged(pair: Pair) -> None:
    async with backend() as port:
        wanted = together(
            pair.site(to_cluster("a")), {CLUSTER: {"a": cluster("a")}, ENDPOINT: {"a": endpoints("a", port)}}
        )
        await pair.server.apply(wanted)
        before = await pair.updates()
        async with load(pair.port, clients=1) as answers:
            await pair.server.stop()
            seen = answers.total()
            await eventually(lambda: answers.total() > seen + 50)
            server = AdsServer(pair.folder / "xds.sock")
            await server.start()
            await asyncio.wait_for(server.connected.wait(), 5)
            seen = answers.total()
            await eventually(lambda: answers.total() > seen + 50, what="traffic before the first apply")
            assert await server.apply(wanted) == (True, ())
            await asyncio.wait_for(server.first_config_acked.wait(), 5)
        assert set(answers) == {"200 backend"}
        assert await pair.updates() == before
        await server.stop()


async def test_change_while_the_control_plane_was_away_fails_no_request(pair: Pair) -> None:
    async with backend() as port:

        def generation(name: str) -> Resources:
            return together(
                pair.site(to_cluster(name)),
                {CLUSTER: {name: cluster(name)}, ENDPOINT: {name: endpoints(name, port)}},
            )

        await pair.server.apply(generation("old"))
        async with load(pair.port) as answers:
            await pair.server.stop()
            server = AdsServer(pair.folder / "xds.sock", linger=0.1)
            await server.apply(generation("new"))
            await server.start()
            await asyncio.wait_for(server.first_config_acked.wait(), 5)
            await eventually(lambda: _no_clusters(pair, ["old"]))
            seen = answers.total()
            await eventually(lambda: answers.total() > seen + 50)
        assert set(answers) == {"200 backend"}
        await server.stop()


async def test_overlapping_applies_end_with_the_newest(pair: Pair) -> None:
    outcomes = await asyncio.gather(*(pair.server.apply(pair.site(reply(f"number {n}"))) for n in range(20)))
    assert set(outcomes) == {(True, ())}
    assert await ask(pair.port) == "200 number 19"


async def test_cancelled_apply_leaves_a_state_that_the_next_one_repairs(pair: Pair) -> None:
    async with backend() as port:
        base = pair.site()
        await pair.server.apply(base)
        other = together(
            pair.site(to_cluster("a")), {CLUSTER: {"a": cluster("a")}, ENDPOINT: {"a": endpoints("a", port)}}
        )
        task = asyncio.create_task(pair.server.apply(other))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await pair.server.apply(base)).acked
        assert await ask(pair.port) == "200 first"
        await eventually(lambda: _no_clusters(pair, ["a"]))


async def test_garbage_on_the_socket_is_survived(pair: Pair) -> None:
    _, writer = await asyncio.open_unix_connection(str(pair.folder / "xds.sock"))
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 100)
    writer.close()
    assert await pair.server.apply(pair.site(reply("still"))) == (True, ())
    assert await ask(pair.port) == "200 still"


async def test_socket_path_that_is_too_long_is_refused_with_a_reason(folder: Path) -> None:
    with pytest.raises(Permanent, match="too long"):
        await AdsServer(folder / ("x" * 120)).start()


async def _is(port: int, answer: str) -> bool:
    return await ask(port) == answer


async def _starts(port: int, answer: str) -> bool:
    return (await ask(port)).startswith(answer)


async def _no_clusters(pair: Pair, names: list[str]) -> bool:
    connector = aiohttp.UnixConnector(str(pair.folder / "admin.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://envoy/stats?filter=membership_total") as response,
    ):
        found = await response.text()
    return not any(f"cluster.{name}." in found for name in names)
