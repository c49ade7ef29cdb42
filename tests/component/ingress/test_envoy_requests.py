"""What backends and clients see of a request that passes: protocols, streams, forwarded headers, error texts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from hearthgate.ingress.routing.model import Endpoint, EndpointsKey, EntryPoint, LoadBalancer
from tests.component.ingress.gateway import Backend, Gateway, ask, backend, gateway, model, router

UPLOAD = 100 << 20


class Stage(NamedTuple):
    gateway: Gateway
    backend: Backend
    port: int


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    """`site.test` leads to a backend; 127.0.0.9 is trusted, everybody else is not."""
    async with gateway(tmp_path) as running, backend("one") as one:
        port = free_port()
        web = EntryPoint(name="web", host="::", port=port, trusted_ips=("127.0.0.9/32",))
        await running.serve(model([web], [router("Host(`site.test`)", one.balancer())]), one.endpoints)
        yield Stage(running, one, port)


PORT = "1234"
Forwarding = tuple[str, str, dict[str, str], dict[str, str | None]]
"""Source address, Host, headers sent, headers that arrive."""
FORWARDED: dict[str, Forwarding] = {
    "stranger": (
        "127.0.0.1",
        "site.test",
        {},
        {
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": "site.test",
            "X-Forwarded-Port": "80",
            "X-Forwarded-Server": "node-7",
            "X-Real-Ip": "127.0.0.1",
        },
    ),
    "stranger who lies": (
        "127.0.0.1",
        "site.test",
        {
            "X-Forwarded-For": "9.9.9.9",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.test",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Prefix": "/x",
            "X-Forwarded-Uri": "/admin",
            "X-Forwarded-Tls-Client-Cert": "forged",
            "X-Scheme": "https",
            "X-Real-Ip": "9.9.9.9",
            "X_Forwarded_For": "9.9.9.9",
            "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
            "X-Hg-Path": "/admin",
        },
        {
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": "site.test",
            "X-Forwarded-Port": "80",
            "X-Forwarded-Prefix": None,
            "X-Forwarded-Uri": None,
            "X-Forwarded-Tls-Client-Cert": None,
            "X-Scheme": None,
            "X-Real-Ip": "127.0.0.1",
            "X_Forwarded_For": None,
            "X-Envoy-Upstream-Rq-Timeout-Ms": None,
            "X-Hg-Path": None,
        },
    ),
    "trusted peer": (
        "127.0.0.9",
        "site.test",
        {
            "X-Forwarded-For": "9.9.9.9",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "outside.test",
            "X-Forwarded-Port": "8443",
            "X-Forwarded-Prefix": "/x",
            "X-Real-Ip": "9.9.9.9",
            "X-Forwarded-Server": "other",
            "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
        },
        {
            "X-Forwarded-For": "9.9.9.9,127.0.0.9",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "outside.test",
            "X-Forwarded-Port": "8443",
            "X-Forwarded-Prefix": "/x",
            "X-Real-Ip": "9.9.9.9",
            "X-Forwarded-Server": "node-7",
            "X-Envoy-Upstream-Rq-Timeout-Ms": None,
        },
    ),
    "trusted peer that says nothing": (
        "127.0.0.9",
        "site.test",
        {},
        {"X-Forwarded-For": "127.0.0.9", "X-Forwarded-Proto": "http", "X-Real-Ip": "127.0.0.9"},
    ),
    "port in the host": (
        "127.0.0.1",
        f"site.test:{PORT}",
        {},
        {"X-Forwarded-Port": PORT, "X-Forwarded-Host": f"site.test:{PORT}", "Host": f"site.test:{PORT}"},
    ),
    "request id of the client": ("127.0.0.1", "site.test", {"X-Request-Id": "abc"}, {"X-Request-Id": "abc"}),
}


async def test_forwarded_headers(stage: Stage) -> None:
    for case, (source, host, sent, expected) in FORWARDED.items():
        answer = await ask(stage.port, host=host, headers=sent, source=source)
        assert {name: answer.sent(name) for name in expected} == expected, case


async def test_backends_see_no_header_of_the_proxy_itself(stage: Stage) -> None:
    answer = await ask(stage.port)
    names = {name for name, _ in answer.json["headers"]}
    assert not [name for name in names if name.lower().startswith(("x-envoy", "x-hg", "x-request-id"))]
    assert not [name for name, _ in answer.headers if name.lower().startswith("x-envoy")]
    assert answer.header("server") is not None
    assert "envoy" not in str(answer.header("server"))


async def test_names_of_headers_are_written_as_upstream_writes_them(stage: Stage) -> None:
    answer = await ask(stage.port, headers={"accept-encoding": "identity"})
    assert "Accept-Encoding" in {name for name, _ in answer.json["headers"]}
    assert {"Content-Type", "X-Backend"} <= {name for name, _ in answer.headers}


async def test_ipv6_peers_reach_an_entrypoint_for_every_address(stage: Stage) -> None:
    answer = await ask(stage.port, address="::1")
    assert answer.sent("x-forwarded-for") == "::1"


async def test_http_1_0(stage: Stage) -> None:
    answer = await ask(stage.port, version="1.0")
    assert (answer.version, answer.status, answer.json["backend"]) == ("HTTP/1.0", 200, "one")
    assert (await ask(stage.port, version="1.0", host=None)).status == 404


@pytest.mark.parametrize("host", ["site.test", "SITE.test", "site.test.", "site.test:81"])
async def test_host_is_found_however_it_is_written(stage: Stage, host: str) -> None:
    answer = await ask(stage.port, host=host)
    assert (answer.status, answer.sent("host")) == (200, host)


async def test_unknown_host_gets_upstreams_answer(stage: Stage) -> None:
    answer = await ask(stage.port, host="other.test")
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [("/a/../b?x=/../y", "/b?x=/../y"), ("//a///b/", "/a/b/"), ("/a%2Fb%20c", "/a%2Fb%20c"), ("/%61", "/a")],
)
async def test_paths_are_made_canonical(stage: Stage, sent: str, arrives: str) -> None:
    assert (await ask(stage.port, sent)).json["path"] == arrives


async def test_unusual_methods_pass(stage: Stage) -> None:
    for method in ("PROPFIND", "REPORT", "MKCALENDAR"):
        assert (await ask(stage.port, method=method)).json["method"] == method
    assert (await ask(stage.port, method="BREW", host="other.test")).status == 404


async def test_errors_have_upstreams_texts(stage: Stage, free_port: Callable[[], int]) -> None:
    web = EntryPoint(name="web", host="::", port=stage.port)
    refusing = EndpointsKey("default", "refusing", "http")
    empty = EndpointsKey("default", "empty", "http")
    routers = [
        router("Host(`refusing.test`)", LoadBalancer(name="refusing", endpoints=refusing)),
        router("Host(`empty.test`)", LoadBalancer(name="empty", endpoints=empty)),
        router("Host(`nothing.test`)", None),
    ]
    await stage.gateway.serve(model([web], routers), {refusing: (Endpoint("127.0.0.1", free_port()),)})
    expected = {
        "refusing.test": (502, b"Bad Gateway"),
        "empty.test": (503, b"no available server"),
        "nothing.test": (404, b"404 page not found\n"),
    }
    for host, outcome in expected.items():
        answer = await ask(stage.port, host=host)
        assert (answer.status, answer.body) == outcome, host


async def test_a_backend_that_hangs_up_is_a_bad_gateway(stage: Stage) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        key = EndpointsKey("default", "rude", "http")
        endpoints = {key: (Endpoint("127.0.0.1", server.sockets[0].getsockname()[1]),)}
        web = EntryPoint(name="web", host="::", port=stage.port)
        routers = [router("Host(`site.test`)", LoadBalancer(name="rude", endpoints=key))]
        await stage.gateway.serve(model([web], routers), endpoints)
        answer = await ask(stage.port, method="POST")
    assert (answer.status, answer.body) == (502, b"Bad Gateway")


async def test_websocket(stage: Stage) -> None:
    for source, sent, proto in (
        ("127.0.0.1", {}, "ws"),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, "ws"),
        ("127.0.0.9", {"X-Forwarded-Proto": "https"}, "https"),
        ("127.0.0.9", {}, "ws"),
    ):
        connector = aiohttp.TCPConnector(local_addr=(source, 0))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect(
                f"http://127.0.0.1:{stage.port}/ws", headers={"Host": "site.test", **sent}
            ) as socket,
        ):
            seen = {name.lower(): value for name, value in await socket.receive_json()}
            assert seen["x-forwarded-proto"] == proto, (source, sent)
            await socket.send_str("hello")
            assert await socket.receive_str() == "one: hello"


async def test_events_arrive_at_once(stage: Stage) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{stage.port}/gated", headers={"Host": "site.test"}) as response,
    ):
        first = await asyncio.wait_for(response.content.readline(), 5)
        assert first == b"data: first\n"
        stage.backend.release.set()
        assert (await asyncio.wait_for(response.content.read(), 5)).endswith(b"data: second\n\n")


async def test_large_upload(stage: Stage) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(UPLOAD >> 20):
            yield bytes(1 << 20)

    async with (
        aiohttp.ClientSession() as session,
        session.put(f"http://127.0.0.1:{stage.port}/", headers={"Host": "site.test"}, data=chunks()) as response,
    ):
        assert (await response.json())["length"] == UPLOAD


async def test_headers_up_to_the_entrypoints_limit(stage: Stage) -> None:
    many = [(f"X-Number-{number}", "y") for number in range(115)]
    answer = await ask(stage.port, headers=[*many, ("X-Long", "y" * 7000)])
    assert answer.status == 200
    web = EntryPoint(name="web", host="::", port=stage.port, max_header_bytes=4096)
    await stage.gateway.serve(
        model([web], [router("Host(`site.test`)", stage.backend.balancer())]), stage.backend.endpoints
    )
    assert (await ask(stage.port, headers={"X-Long": "y" * 7000})).status == 431
