"""Every option of an entrypoint on the wire: PROXY protocol, limits of connections, names of headers, queries."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import h2.events
import h2.settings
import pytest

from hearthgate.ingress.routing.model import EntryPoint
from tests.component.ingress.gateway import Answer, Backend, Gateway, ask, backend, gateway, model, router
from tests.component.ingress.http3 import connected
from tests.component.ingress.raw import Http2, proxy_header, request, say
from tests.component.ingress.test_envoy_tls import certificate, client

PROXY, OTHER = "127.0.0.7", "127.0.0.1"
CLIENT = "203.0.113.9"


class Stage(NamedTuple):
    gateway: Gateway
    backend: Backend
    port: int

    async def serve(self, *rules: str, tls: bool = False, **options: Any) -> None:
        entrypoint = EntryPoint(name="web", host="127.0.0.1", port=self.port, **options)
        routers = [router(rule, self.backend.balancer(), tls=tls) for rule in rules or ("Host(`site.test`)",)]
        values = {"default_certificate": certificate("default")} if tls else {}
        await self.gateway.serve(model([entrypoint], routers, **values), self.backend.endpoints)

    async def seen(self, data: bytes, *, source: str = OTHER, tls: bool = False) -> Answer:
        """The answer to raw bytes on a new connection."""
        said = await say(self.port, data, source=source, tls=client() if tls else None)
        head, _, body = said.data.partition(b"\r\n\r\n")
        assert said.statuses, said
        return Answer(said.statuses[0], (), body, head.decode("latin-1"))


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with gateway(tmp_path) as running, backend("one") as one:
        yield Stage(running, one, free_port())


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_proxy_headers_are_believed_of_trusted_peers_alone(stage: Stage, version: int, tls: bool) -> None:
    await stage.serve(tls=tls, proxy_protocol=True, proxy_trusted_ips=(f"{PROXY}/32",))
    header = proxy_header(CLIENT, version)
    for source, sent, address in (
        (PROXY, header, CLIENT),
        (PROXY, b"", PROXY),
        (OTHER, header, OTHER),
        (OTHER, b"", OTHER),
    ):
        if tls:
            got = await over_tls(stage.port, sent, source)
        else:
            got = await stage.seen(sent + request(), source=source)
        assert got.sent("x-forwarded-for") == address, (source, sent)
        assert got.sent("x-real-ip") == address, (source, sent)


async def over_tls(port: int, header: bytes, source: str) -> Answer:
    """A request over TLS that begins after a PROXY header."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(header)
        await writer.drain()
        await writer.start_tls(client(), server_hostname="site.test")
        writer.write(request())
        data = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
    head, _, body = data.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]), (), body, "1.1")


async def test_rules_and_trust_follow_the_address_that_counts(stage: Stage) -> None:
    """Of the client behind a proxy; of the socket itself where the header is a lie."""
    await stage.serve(
        f"Host(`client.test`) && ClientIP(`{CLIENT}`)",
        f"Host(`other.test`) && ClientIP(`{OTHER}`)",
        "Host(`site.test`)",
        proxy_protocol=True,
        proxy_trusted_ips=("127.0.0.7/32",),
        trusted_ips=(f"{CLIENT}/32", "127.0.0.0/29"),
    )
    header = proxy_header(CLIENT, 1)
    assert (await stage.seen(header + request(host="client.test"), source=PROXY)).status == 200
    assert (await stage.seen(header + request(host="client.test"), source=OTHER)).status == 404
    assert (await stage.seen(header + request(host="other.test"), source=OTHER)).status == 200

    forwarded = request("/", "X-Forwarded-Prefix: /kept")
    # Trusted: the client behind the proxy, and peers of 127.0.0.0/29; not a stranger behind the proxy.
    for source, told, kept in ((PROXY, CLIENT, True), (PROXY, "203.0.113.8", False), (OTHER, CLIENT, True)):
        got = await stage.seen(proxy_header(told, 2) + forwarded, source=source)
        assert (got.sent("x-forwarded-prefix") == "/kept") is kept, (source, told)
    got = await stage.seen(proxy_header(CLIENT, 1) + forwarded, source="127.0.0.9")
    assert got.sent("x-forwarded-prefix") is None


async def test_everybodys_proxy_header_is_believed_when_asked_for(stage: Stage) -> None:
    await stage.serve(proxy_protocol=True)
    got = await stage.seen(proxy_header(CLIENT, 2) + request())
    assert got.sent("x-forwarded-for") == CLIENT


async def test_a_broken_proxy_header_ends_the_connection(stage: Stage) -> None:
    await stage.serve(proxy_protocol=True)
    said = await say(stage.port, b"PROXY TCP4 nonsense\r\n" + request())
    assert (said.data, said.closed) == (b"", True)


async def test_without_the_option_a_proxy_header_is_no_request(stage: Stage) -> None:
    await stage.serve()
    assert (await stage.seen(proxy_header(CLIENT, 1) + request())).status == 400


async def test_http3_knows_nothing_of_the_proxy_protocol(stage: Stage) -> None:
    await stage.serve(tls=True, http3=True, proxy_protocol=True, proxy_trusted_ips=(f"{PROXY}/32",))
    async with connected(stage.port, "site.test") as connection:
        assert (await connection.get("site.test")).sent("x-forwarded-for") == "127.0.0.1"


async def test_http3_with_trusted_peers(stage: Stage) -> None:
    for ranges, kept in ((("127.0.0.0/8",), "/kept"), (("192.0.2.0/24",), None)):
        await stage.serve(tls=True, http3=True, trusted_ips=ranges)
        async with connected(stage.port, "site.test") as connection:
            answer = await connection.get("site.test", headers={"x-forwarded-prefix": "/kept"})
        assert answer.sent("x-forwarded-prefix") == kept


@pytest.mark.parametrize(
    ("strategy", "status", "arrives"), [("keep", 200, "1"), ("delete", 200, None), ("reject", 400, None)]
)
async def test_underscores_in_names_of_headers(
    stage: Stage, strategy: str, status: int, arrives: str | None
) -> None:
    await stage.serve(tls=True, http3=True, underscore_headers=strategy)
    over_tcp = await ask(stage.port, tls=client(), sni="site.test", headers={"X_A": "1"})
    assert over_tcp.status == status
    if status == 200:
        assert over_tcp.sent("x_a") == arrives
        async with connected(stage.port, "site.test") as connection:
            assert (await connection.get("site.test", headers={"x_a": "1"})).sent("x_a") == arrives
    await stage.serve(underscore_headers=strategy)
    talk = await Http2.connected(stage.port)
    talk.get("/", ("x_a", "1"))
    await talk.until(h2.events.ResponseReceived, h2.events.StreamReset)
    assert talk.statuses() == ([200] if status == 200 else [])
    talk.close()


@pytest.mark.parametrize(
    ("semicolons", "query"), [("", "a=1;b=2;c"), ("&", "a=1&b=2&c"), ("%3B", "a=1%3Bb=2%3Bc")]
)
async def test_semicolons_in_queries(stage: Stage, semicolons: str, query: str) -> None:
    await stage.serve("Host(`site.test`) && Query(`b`, `2`)", "Host(`all.test`)", semicolons=semicolons)
    assert (await ask(stage.port, "/p;x?a=1;b=2;c", host="all.test")).json["path"] == f"/p;x?{query}"
    # To rules a semicolon divides, as upstream has it, unless it is escaped.
    assert (await ask(stage.port, "/?a=1;b=2")).status == (404 if semicolons == "%3B" else 200)
    assert (await ask(stage.port, "/p;x", host="all.test")).json["path"] == "/p;x"


async def test_paths_as_clients_wrote_them(stage: Stage) -> None:
    await stage.serve(sanitize_path=False)
    assert (await ask(stage.port, "/a/..//b/")).json["path"] == "/a/..//b/"


async def test_connections_end_after_so_many_requests(stage: Stage) -> None:
    await stage.serve(max_connection_requests=2)
    one = request().replace(b"Connection: close\r\n", b"")
    assert (await say(stage.port, one, until=b"}")).statuses == (200,)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    answers = []
    for _ in range(2):
        writer.write(one)
        answers.append(await asyncio.wait_for(reader.readuntil(b"}"), 5))
    writer.close()
    assert [b"connection: close" in answer.lower() for answer in answers] == [False, True]
    talk = await Http2.connected(stage.port)
    for _ in range(2):
        talk.get()
    assert await talk.until(h2.events.ConnectionTerminated)
    talk.close()


async def test_connections_end_after_some_time(stage: Stage) -> None:
    await stage.serve(max_connection_time=0.3)
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    one = request().replace(b"Connection: close\r\n", b"")
    data = b""
    while b"connection: close" not in data.lower():
        assert time.monotonic() - began < 10
        writer.write(one)
        data = await asyncio.wait_for(reader.read(1 << 16), 5)
    assert time.monotonic() - began >= 0.2
    writer.close()


async def test_answers_that_take_too_long_are_cut(stage: Stage) -> None:
    await stage.serve(write_timeout=0.3)
    said = await say(stage.port, request("/gated"))
    assert said.closed
    assert b"first" in said.data
    assert b"second" not in said.data


async def test_websockets_end_with_the_write_timeout(stage: Stage) -> None:
    """Upstream lets them live; without the option they do here too."""
    await stage.serve(write_timeout=0.3)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{stage.port}/ws", headers={"Host": "site.test"}) as socket,
    ):
        await socket.receive_json()
        message = await socket.receive(5)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)


async def test_requests_that_take_too_long_are_cut(stage: Stage) -> None:
    await stage.serve(read_timeout=0.3)
    said = await say(stage.port, request("/", "Content-Length: 5", method="POST", body=b"ab"))
    assert (said.statuses, said.closed) == ((408,), True)


async def test_idle_connections_are_closed(stage: Stage) -> None:
    await stage.serve(idle_timeout=0.3)
    said = await say(stage.port, request().replace(b"Connection: close\r\n", b""))
    assert (said.statuses, said.closed) == ((200,), True)


async def test_forwarded_for_is_left_alone(stage: Stage) -> None:
    await stage.serve(append_forwarded_for=False, trusted_ips=(f"{PROXY}/32",))
    sent = {"X-Forwarded-For": "198.51.100.1"}
    assert (await ask(stage.port, source=PROXY, headers=sent)).sent("x-forwarded-for") == "198.51.100.1"
    assert (await ask(stage.port, source=OTHER, headers=sent)).sent("x-forwarded-for") is None


async def test_scheme_headers(stage: Stage) -> None:
    await stage.serve(scheme_headers=True, trusted_ips=(f"{PROXY}/32",))
    for source, sent, scheme in ((OTHER, {}, "http"), (PROXY, {"X-Forwarded-Proto": "https"}, "https")):
        got = await ask(stage.port, source=source, headers={"X-Scheme": "lie", **sent})
        assert (got.sent("x-scheme"), got.sent("x-forwarded-scheme")) == (scheme, scheme)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{stage.port}/ws", headers={"Host": "site.test"}) as socket,
    ):
        seen = {name.lower(): value for name, value in await socket.receive_json()}
    assert seen["x-scheme"] == "ws"


async def test_settings_of_http2(stage: Stage) -> None:
    await stage.serve(max_concurrent_streams=7, header_table_size=8192)
    talk = await Http2.connected(stage.port)
    assert await talk.until(h2.events.RemoteSettingsChanged)
    codes = h2.settings.SettingCodes
    told = {
        code: change.new_value
        for code, change in talk.event(h2.events.RemoteSettingsChanged).changed_settings.items()
    }
    talk.close()
    assert told[codes.MAX_CONCURRENT_STREAMS] == 7
    assert told[codes.HEADER_TABLE_SIZE] == 8192


@pytest.mark.parametrize(
    ("host", "port"),
    [("site.test", "80"), ("site.test:8443", "8443"), ("[::1]", "80"), ("[::1]:81", "81"), ("site.test:", "80")],
)
async def test_the_port_that_backends_are_told(stage: Stage, host: str, port: str) -> None:
    await stage.serve("PathPrefix(`/`)", trusted_ips=(f"{PROXY}/32",))
    assert (await ask(stage.port, host=host)).sent("x-forwarded-port") == port
    sent = {"X-Forwarded-Port": "444"}
    assert (await ask(stage.port, host=host, headers=sent)).sent("x-forwarded-port") == port
    assert (await ask(stage.port, host=host, headers=sent, source=PROXY)).sent("x-forwarded-port") == "444"
