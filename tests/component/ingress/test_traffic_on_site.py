"""Middlewares that shape traffic on a whole data plane: what survives a change of routes, and whole protocols."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest

from hearthgate.ingress.xds.resources import LISTENER
from tests.component.ingress.site import Answer, Site, manifest, middleware, post, service, site

RATE = {"rateLimit": {"average": 1, "period": "1h", "burst": 3}}
BREAKER = {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.2", "checkPeriod": "20ms"}}


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as served:
        yield served


async def asked(running: Site, host: str, count: int) -> list[int]:
    return [(await running.get(host)).status for _ in range(count)]


async def test_buckets_survive_a_change_of_routes_and_listeners_stay(running: Site) -> None:
    assert await running.serve({"plain": [], "limited": []}) == []
    before = running.resources[LISTENER]
    reader, writer = await asyncio.open_connection("127.0.0.1", running.plain)
    assert await running.serve({"plain": [], "limited": [RATE]}) == []
    assert await asked(running, "limited", 4) == [200, 200, 200, 429]
    await running.serve({"plain": [], "limited": [RATE], "another": []})
    assert await asked(running, "another", 1) == [200]
    assert await asked(running, "limited", 2) == [429, 429]
    assert running.resources[LISTENER] == before
    writer.write(b"GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_flood_is_refused_with_upstreams_text(running: Site) -> None:
    await running.serve({"limited": [RATE]})
    answers = [await running.get("limited") for _ in range(20)]
    assert {(one.status, one.body) for one in answers[3:]} == {(429, b"Too Many Requests")}


async def test_entrypoints_share_the_bucket_of_a_router(running: Site) -> None:
    route = {
        "match": "Host(`both.test`)",
        "services": [{"name": "app", "port": 80}],
        "middlewares": [{"name": "rate"}],
    }
    spec = {"entryPoints": ["web", "websecure"], "routes": [route]}
    documents = [
        *service("app", running.app.port),
        middleware("rate", RATE),
        manifest("traefik.io/v1alpha1", "IngressRoute", "both", spec=spec),
    ]
    await running.apply(documents)
    assert await asked(running, "both", 4) == [200, 200, 200, 429]


async def test_an_open_breaker_stays_open_over_a_change_of_routes(running: Site) -> None:
    await running.serve({"broken": [BREAKER]})
    documents = _broken_site()
    await running.apply(documents)

    async def status() -> int:
        return (await running.get("broken")).status

    await eventually_status(running, "broken", 503)
    await running.apply([*documents, middleware("unused", {"compress": {}}), *service("app", running.app.port)])
    assert await status() == 503


def _broken_site() -> list[dict[str, Any]]:
    """A host with a breaker and a service that nobody serves."""
    route = {
        "match": "Host(`broken.test`)",
        "services": [{"name": "dead", "port": 80}],
        "middlewares": [{"name": "breaker"}],
    }
    return [
        *service("dead", 1),
        middleware("breaker", BREAKER),
        manifest(
            "traefik.io/v1alpha1", "IngressRoute", "broken", spec={"routes": [route], "entryPoints": ["web"]}
        ),
    ]


async def eventually_status(running: Site, host: str, status: int) -> None:
    async with asyncio.timeout(5):
        while (await running.get(host)).status != status:
            pass


async def test_counts_of_requests_under_way_survive_a_change_of_routes(running: Site) -> None:
    limit = {"inFlightReq": {"amount": 1}}
    await running.serve({"busy": [limit]})
    reader, writer = await asyncio.open_connection("127.0.0.1", running.plain)
    writer.write(b"GET /gated HTTP/1.1\r\nHost: busy.test\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"data: first"), 5)
    assert await asked(running, "busy", 1) == [429]
    await running.serve({"busy": [limit], "another": []})
    assert await asked(running, "busy", 1) == [429]
    running.app.release.set()
    await asyncio.wait_for(reader.readuntil(b"data: second"), 5)
    writer.close()
    await eventually_status(running, "busy", 200)


@pytest.mark.parametrize(
    ("spec", "every"),
    [
        ({"retry": {"attempts": 12}}, True),
        ({"retry": {"attempts": 12, "status": ["599"], "disableRetryOnNetworkError": True}}, False),
    ],
)
async def test_retries_reach_the_one_server_that_lives(
    running: Site, spec: Mapping[str, Any], every: bool
) -> None:
    documents = service("app", running.app.port)
    documents[1]["endpoints"] += [
        {"addresses": [f"127.0.0.{number}"], "conditions": {"ready": True}} for number in range(11, 18)
    ]
    route = {
        "match": "Host(`tried.test`)",
        "services": [{"name": "app", "port": 80}],
        "middlewares": [{"name": "again"}],
    }
    documents += [
        middleware("again", spec),
        manifest("traefik.io/v1alpha1", "IngressRoute", "tried", spec={"routes": [route], "entryPoints": ["web"]}),
    ]
    await running.apply(documents)
    statuses = set(await asked(running, "tried", 30))
    assert statuses == ({200} if every else {200, 502})


async def test_websockets_pass_all_of_them(running: Site) -> None:
    everything: list[Mapping[str, Any]] = [
        RATE,
        {"inFlightReq": {"amount": 5}},
        BREAKER,
        {"buffering": {"maxRequestBodyBytes": 100}},
        {"retry": {"attempts": 3, "status": ["500-599"]}},
        {"contentType": {}},
        {"grpcWeb": {"allowOrigins": ["*"]}},
    ]
    assert await running.serve({"all": everything}) == []
    url = f"http://127.0.0.1:{running.plain}/ws"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"Host": "all.test"}) as connection,
    ):
        await connection.receive_str()
        await connection.send_str("x" * 1000)
        assert await connection.receive_str() == f"app: {'x' * 1000}"
    assert (await post(running.plain, "all", b"x" * 101))[0] == 413
    assert (await post(running.plain, "all", b"x" * 100))[0] == 200


def _grpc_server() -> tuple[grpc.aio.Server, int]:
    async def say(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.send_initial_metadata((("seen", "yes"),))
        if request == b"bad":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such word")
        return b"hello " + request

    server = grpc.aio.server()
    handlers = {"Say": grpc.unary_unary_rpc_method_handler(say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    return server, server.add_insecure_port("127.0.0.1:0")


@pytest.fixture
async def words(running: Site) -> AsyncIterator[Site]:
    server, port = _grpc_server()
    await server.start()
    route = {
        "match": "Host(`words.test`)",
        "services": [{"name": "words", "port": 80, "scheme": "h2c"}],
        "middlewares": [{"name": "bridge"}],
    }
    documents = [
        *service("words", port),
        middleware("bridge", {"grpcWeb": {"allowOrigins": ["https://page.test"]}}),
        manifest("traefik.io/v1alpha1", "IngressRoute", "words", spec={"routes": [route], "entryPoints": ["web"]}),
    ]
    assert await running.apply(documents) == []
    yield running
    await server.stop(None)


def _frames(body: bytes) -> list[tuple[int, bytes]]:
    """The frames of a gRPC-Web body: kind (128 = trailers) and content."""
    found = []
    while body:
        kind, length = struct.unpack(">BI", body[:5])
        found.append((kind, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def _unpacked(text: bytes) -> bytes:
    """Base64 in several pieces, each of them filled up."""
    return b"".join(base64.b64decode(text[place : place + 4]) for place in range(0, len(text), 4))


@pytest.mark.parametrize("kind", ["application/grpc-web+proto", "application/grpc-web-text+proto"])
async def test_a_browser_speaks_to_a_grpc_service(words: Site, kind: str) -> None:
    is_text = "text" in kind
    for word, said, status in ((b"you", b"hello you", b"0"), (b"bad", None, b"5")):
        message = struct.pack(">BI", 0, len(word)) + word
        url = f"http://127.0.0.1:{words.plain}/test.Echo/Say"
        headers = {
            "Host": "words.test",
            "Content-Type": kind,
            "Accept": kind,
            "Origin": "https://page.test",
            "X-Grpc-Web": "1",
        }
        body = base64.b64encode(message) if is_text else message
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            content = await answer.read()
            assert answer.status == 200
            assert answer.headers["content-type"].startswith(kind.partition("+")[0])
            assert answer.headers["access-control-allow-origin"] == "https://page.test"
            assert answer.headers["access-control-expose-headers"] == "grpc-status, grpc-message"
        if said is None and not content:
            assert answer.headers["grpc-status"] == status.decode()
            continue
        frames = _frames(_unpacked(content) if is_text else content)
        if said is not None:
            assert frames[0] == (0, said)
        trailers = dict(line.split(b":", 1) for line in frames[-1][1].strip().split(b"\r\n"))
        assert frames[-1][0] == 128
        assert trailers[b"grpc-status"].strip() == status


async def test_other_requests_pass_grpc_web_as_they_are(words: Site) -> None:
    options = [("grpc.default_authority", "words.test")]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{words.plain}", options=options) as channel:
        call = channel.unary_unary("/test.Echo/Say", bytes, bytes)(b"native")
        assert await asyncio.wait_for(call, 10) == b"hello native"


@pytest.mark.parametrize(("origin", "is_allowed"), [("https://page.test", True), ("https://other.test", False)])
async def test_preflights_of_grpc_web(words: Site, origin: str, is_allowed: bool) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-grpc-web,x-user-agent",
    }
    answer: Answer = await words.get("words", "/test.Echo/Say", method="OPTIONS", headers=asked)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == (origin if is_allowed else None)
    assert answer.header("access-control-allow-headers") == (
        asked["Access-Control-Request-Headers"] if is_allowed else None
    )
    assert answer.header("access-control-allow-methods") == ("POST" if is_allowed else None)
