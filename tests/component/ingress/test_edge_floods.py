"""Clients that are slow on purpose, and floods of HTTP/2 frames: they are cut, and others do not notice."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import h2.events
import h2.exceptions
import hpack
import pytest

from hearthgate.ingress.envoy import connections, listeners, schema
from hearthgate.ingress.envoy.translate import Translation
from hearthgate.ingress.routing.model import EntryPoint
from hearthgate.ingress.xds.resources import LISTENER, ROUTE
from tests.component.ingress.envoy_process import bare_envoy
from tests.component.ingress.gateway import Backend, Gateway, ask, backend, gateway, model, router
from tests.component.ingress.raw import Http2, frame, request, say
from tests.waiting import eventually

HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION, DATA = 1, 2, 3, 4, 6, 8, 9, 0
END_STREAM, END_HEADERS = 1, 4
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


class Stage(NamedTuple):
    gateway: Gateway
    backend: Backend
    port: int

    async def serve(self, **options: Any) -> Translation:
        web = EntryPoint(name="web", host="127.0.0.1", port=self.port, **options)
        routers = [router("Host(`site.test`)", self.backend.balancer())]
        return await self.gateway.serve(model([web], routers), self.backend.endpoints)


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with gateway(tmp_path) as running, backend("one") as one:
        found = Stage(running, one, free_port())
        await found.serve()
        yield found


async def test_slow_headers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_TIMEOUT", 0.3)
    await stage.serve(idle_timeout=100.0)
    said = await say(stage.port, b"GET / HTTP/1.1\r\nHost: site.test\r\nX-Slow: ")
    assert (said.statuses, said.closed) == ((408,), True)


async def test_a_connection_that_says_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (connections, listeners):
        monkeypatch.setattr(module, "HEADERS_TIMEOUT", 0.3)
    await stage.serve(idle_timeout=0.4)
    assert (await say(stage.port, b"")).closed
    assert (await say(stage.port, b"GET")).closed
    assert (await say(stage.port, b"\x16\x03\x01")).closed


def fields(count: int = 1, size: int = 4000) -> bytes:
    """HPACK of headers that decode to much."""
    encoder = hpack.Encoder()
    pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "site.test"), (":path", "/")]
    return encoder.encode(pseudo) + encoder.encode([("x-bomb", "y" * size)] * count)


def opening(stream: int, flags: int = END_STREAM | END_HEADERS) -> bytes:
    return frame(HEADERS, flags, stream, fields(0))


def reset(stream: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack("!I", 8))


async def ends(stage: Stage, frames: bytes, *, within: float = 10.0) -> bool:
    """Whether these frames end their connection."""
    talk = await Http2.connected(stage.port)
    await talk.until(h2.events.RemoteSettingsChanged)
    try:
        await talk.raw(frames)
        return not await talk.until(_Never, within=within)
    except (ConnectionError, h2.exceptions.ProtocolError):
        return True
    except TimeoutError:
        return False
    finally:
        talk.close()


class _Never:
    """An event that does not come."""


FLOODS: dict[str, bytes] = {
    "rapid reset": b"".join(opening(n) + reset(n) for n in range(1, 20_001, 2)),
    "settings": frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 65535)) * 20_000,
    "pings": frame(PING, 0, 0, b"12345678") * 20_000,
    "empty data": opening(1, END_HEADERS) + frame(DATA, 0, 1) * 20_000,
    "empty continuations": opening(1, END_STREAM) + frame(CONTINUATION, 0, 1) * 20_000,
    "continuations": opening(1, END_STREAM)
    + b"".join(frame(CONTINUATION, 0, 1, hpack.Encoder().encode([(f"x{n}", "y" * 16000)])) for n in range(300)),
    "priorities": frame(PRIORITY, 0, 1, struct.pack("!IB", 0, 1)) * 100_000,
    "window updates of nothing": opening(1, END_HEADERS)
    + frame(WINDOW_UPDATE, 0, 1, struct.pack("!I", 1)) * 100_000,
    "a frame that is too large": frame(DATA, 0, 1, bytes(20_000)),
    "a stream of number 0": frame(HEADERS, END_STREAM | END_HEADERS, 0, fields(0)),
    "an even stream": opening(2),
    "data on no stream": frame(DATA, 0, 5, b"x"),
    "a broken table of headers": frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\xff\xff\xff\x0f"),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_floods_end_their_connection(stage: Stage, name: str) -> None:
    honest = await Http2.connected(stage.port)
    assert await ends(stage, FLOODS[name])
    honest.get()
    assert await honest.until(h2.events.ResponseReceived)
    assert honest.statuses() == [200]
    honest.close()


async def test_honest_frames_end_nothing(stage: Stage) -> None:
    few = frame(PING, 0, 0, b"12345678") * 3 + opening(1) + reset(1) + frame(SETTINGS, 0, 0)
    assert not await ends(stage, few, within=0.5)


async def test_header_bombs_are_refused(stage: Stage) -> None:
    """A few bytes that stand for megabytes of headers."""
    talk = await Http2.connected(stage.port)
    await talk.until(h2.events.RemoteSettingsChanged)
    await talk.raw(frame(HEADERS, END_STREAM | END_HEADERS, 1, fields(2000)))
    assert 200 not in await _outcome(talk)
    talk.close()


async def _outcome(talk: Http2) -> list[int]:
    try:
        await talk.until(h2.events.ResponseReceived, h2.events.StreamReset, h2.events.ConnectionTerminated)
    except h2.exceptions.ProtocolError:
        return []
    return talk.statuses()


MALFORMED: dict[str, list[tuple[str, str]]] = {
    "connection": [("connection", "x")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "capitals": [("X-Capital", "1")],
    "a line feed": [("x-a", "b\nc: d")],
    "a name with a space": [("x a", "1")],
    "a second path": [(":path", "/other")],
    "an unknown pseudo header": [(":other", "1")],
    "two lengths": [("content-length", "1"), ("content-length", "2")],
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_requests_of_http2(stage: Stage, name: str) -> None:
    talk = await Http2.connected(stage.port)
    talk.get("/", *MALFORMED[name])
    statuses = await _outcome(talk)
    assert not statuses or statuses[0] == 400
    talk.close()


async def test_a_body_that_is_not_as_long_as_it_says(stage: Stage) -> None:
    talk = await Http2.connected(stage.port)
    stream = talk.get("/", ("content-length", "5"), method="POST", end=False)
    await talk.raw(frame(DATA, END_STREAM, stream, b"hello world"))
    assert 200 not in await _outcome(talk)
    talk.close()


async def test_more_streams_than_allowed_are_refused(stage: Stage) -> None:
    await stage.serve(max_concurrent_streams=2)
    talk = await Http2.connected(stage.port)
    await talk.until(h2.events.RemoteSettingsChanged)
    await talk.raw(b"".join(frame(HEADERS, END_HEADERS, n, fields(0)) for n in (1, 3, 5)))
    await talk.until(h2.events.StreamReset, h2.events.ConnectionTerminated)
    talk.close()
    assert (await ask(stage.port)).status == 200


async def test_connect_and_trace_over_http2(stage: Stage) -> None:
    for method, status in (("TRACE", 501), ("CONNECT", 501)):
        talk = await Http2.connected(stage.port)
        if method == "TRACE":
            talk.get(method=method)
        else:
            stream = talk.http.get_next_available_stream_id()
            talk.http.send_headers(stream, [(":method", method), (":authority", "site.test:443")])
            talk.flush()
        assert await _outcome(talk) == [status], method
        talk.close()


async def test_websocket_over_http2(stage: Stage) -> None:
    """Extended CONNECT, RFC 8441."""
    talk = await Http2.connected(stage.port)
    await talk.until(h2.events.RemoteSettingsChanged)
    stream = talk.http.get_next_available_stream_id()
    head = {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": "http",
        ":path": "/ws",
        ":authority": "site.test",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    await talk.raw(frame(HEADERS, END_HEADERS, stream, hpack.Encoder().encode(list(head.items()))))
    assert await _outcome_of_raw(talk) == b"200"
    talk.close()


async def _outcome_of_raw(talk: Http2) -> bytes:
    """The status that comes on a stream which the library knows nothing of."""
    decoder = hpack.Decoder()
    async with asyncio.timeout(10):
        while True:
            size, kind = struct.unpack("!I", b"\0" + await talk.exactly(3))[0], (await talk.exactly(1))[0]
            await talk.exactly(5)
            body = await talk.exactly(size)
            if kind == HEADERS:
                return dict(decoder.decode(body, raw=True))[b":status"]


async def test_half_a_request_does_not_disturb_others(stage: Stage) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(300)]
    for _, writer in slow:
        writer.write(b"GET / HTTP/1.1\r\nHost: site.test\r\n")
    assert (await say(stage.port, request())).statuses == (200,)
    for _, writer in slow:
        writer.close()


async def test_more_connections_than_allowed_are_closed(tmp_path: Path, free_port: Callable[[], int]) -> None:
    running = Gateway(tmp_path)
    await running.server.start()
    async with bare_envoy(tmp_path, max_connections=10), backend("one") as one:
        stage = Stage(running, one, free_port())
        await stage.serve()
        held = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(10)]
        for reader, writer in held:
            writer.write(request().replace(b"Connection: close\r\n", b""))
            assert (await asyncio.wait_for(reader.readuntil(b"}"), 5)).startswith(b"HTTP/1.1 200")
        assert (await say(stage.port, request())).statuses == ()
        for _, writer in held:
            writer.close()
        await eventually(lambda: _is_served(stage.port), what="room for others")
    await running.server.stop()


async def _is_served(port: int) -> bool:
    return (await say(port, request())).statuses == (200,)


async def test_nothing_ends_streams_that_are_long_or_quiet(stage: Stage) -> None:
    """Envoy's limits of 15 s for an answer and of 5 min for silence are off: trying them would take as long."""
    translation = await stage.serve()
    found = {name: body.body for name, body in translation.resources[LISTENER].items()}
    managers = [
        schema.message(_MANAGER).FromString(one.typed_config.value)
        for body in found.values()
        for chain in schema.message("envoy.config.listener.v3.Listener").FromString(body).filter_chains
        for one in chain.filters
        if one.typed_config.type_url.endswith("HttpConnectionManager")
    ]
    assert managers
    for manager in managers:
        assert manager.HasField("stream_idle_timeout")
        assert not manager.stream_idle_timeout.ToTimedelta()
    routes = [
        route
        for body in translation.resources[ROUTE].values()
        for host in schema.message("envoy.config.route.v3.RouteConfiguration").FromString(body.body).virtual_hosts
        for route in host.routes
        if route.HasField("route")
    ]
    assert routes
    assert all(route.route.HasField("timeout") and not route.route.timeout.ToTimedelta() for route in routes)
