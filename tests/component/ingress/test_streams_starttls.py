"""STARTTLS of PostgreSQL through the proxy: upgraded, passed through, in the clear, and by whom."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hearthgate.ingress.middlewares.streams import AllowedAddresses
from hearthgate.ingress.postgres.service import StartTLSService
from hearthgate.ingress.postgres.tables import STARTTLS_SOCKET, starttls_tables
from hearthgate.ingress.postgres.wire import SSL_REQUEST
from hearthgate.ingress.routing.model import EntryPoint, Router, TCPRouter
from tests.component.ingress.certificates import shown
from tests.component.ingress.gateway import Backend, Gateway, backend, gateway, model, router
from tests.component.ingress.streams import (
    Stream,
    StreamBackend,
    answer_of,
    anyone,
    open_stream,
    stream_backend,
    tcp_router,
)
from tests.component.ingress.test_streams_tcp import certificate, server_context


class Postgres(StreamBackend):
    """Speaks as a server of PostgreSQL does at the start: `S` to an SSLRequest, then TLS; else in the clear."""

    tls: ssl.SSLContext

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(len(SSL_REQUEST))
        if first == SSL_REQUEST:
            writer.write(b"S")
            await writer.start_tls(self.tls)
            first = b""
        line = first + await reader.readline()
        writer.write(self.name.encode() + (b" secretly: " if not first else b": ") + line)
        await writer.drain()
        writer.close()


class Stage(NamedTuple):
    gateway: Gateway
    service: StartTLSService
    site: Backend
    one: StreamBackend
    postgres: Postgres
    port: int

    async def serve(self, *routers: Router | TCPRouter) -> None:
        tcp = sorted((r for r in routers if isinstance(r, TCPRouter)), key=lambda r: (-r.priority, r.name))
        served = model(
            [EntryPoint(name="web", host="127.0.0.1", port=self.port)],
            [r for r in routers if isinstance(r, Router)],
            default_certificate=certificate("default"),
            certificates=(certificate("db.test"),),
            tcp_routers=tuple(tcp),
        )
        self.service.update(starttls_tables(served))
        endpoints = {**self.site.endpoints, **self.one.endpoints, **self.postgres.endpoints}
        await self.gateway.serve(served, endpoints)


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    service = StartTLSService(tmp_path / STARTTLS_SOCKET)
    await service.start()
    postgres = Postgres("postgres")
    postgres.tls = server_context(tmp_path, "inner.test")
    server = await asyncio.start_server(postgres.handle, "127.0.0.1", 0)
    postgres.port = server.sockets[0].getsockname()[1]
    async with (
        gateway(tmp_path, auth_socket=str(tmp_path / "auth.sock")) as running,
        backend("site") as site,
        stream_backend("one") as one,
    ):
        yield Stage(running, service, site, one, postgres, free_port())
    server.close()
    await service.stop()


async def upgraded(port: int, sni: str, *, source: str = "127.0.0.1") -> tuple[Stream, str] | None:
    """As psql with sslmode=require does it: the connection, and whose certificate it was shown."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(SSL_REQUEST)
    try:
        assert await asyncio.wait_for(reader.readexactly(1), 5) == b"S"
        await asyncio.wait_for(writer.start_tls(anyone(), server_hostname=sni), 5)
    except (OSError, EOFError):
        writer.close()
        return None
    return Stream(reader, writer), shown(writer.get_extra_info("ssl_object").getpeercert(True)).common_name


async def says(port: int, sni: str, **how: str) -> tuple[str, str] | None:
    """What answers an upgraded connection, and under which certificate."""
    found = await upgraded(port, sni, **how)
    if found is None:
        return None
    stream, name = found
    try:
        answer = await stream.say("hello")
        return (answer, name) if answer else None
    except (OSError, EOFError):
        return None
    finally:
        stream.close()


async def test_clients_that_ask_get_tls_by_name(stage: Stage) -> None:
    await stage.serve(
        tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True),
        tcp_router("HostSNI(`pass.test`)", stage.postgres.member(), tls=True, passthrough=True),
    )
    assert await says(stage.port, "db.test") == ("one: hello", "db.test")
    assert await says(stage.port, "DB.test") == ("one: hello", "db.test")
    assert await says(stage.port, "pass.test") == ("postgres secretly: hello", "inner.test")
    assert await says(stage.port, "other.test") is None
    # Without the question, TLS goes the straight way.
    assert await answer_of(stage.port, tls=anyone(), sni="db.test") == "one: hello"


async def test_clients_that_do_not_ask_are_served_in_the_clear(stage: Stage) -> None:
    await stage.serve(
        tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True),
        tcp_router("HostSNI(`*`)", stage.postgres.member()),
    )
    # The start of a StartupMessage, as far as our backend reads one.
    assert await answer_of(stage.port, "\x00\x00\x00\x29\x00\x03\x00\x00user") == (
        "postgres: \x00\x00\x00\x29\x00\x03\x00\x00user"
    )
    assert await says(stage.port, "db.test") == ("one: hello", "db.test")


async def test_requests_in_the_clear_are_404_where_there_is_no_site(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True))
    answer = await answer_of(stage.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r")
    assert answer.startswith("HTTP/1.1 404")


async def test_beside_plain_sites_nothing_is_upgraded(stage: Stage) -> None:
    page = router("PathPrefix(`/`)", stage.site.balancer())
    await stage.serve(page, tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True))
    answer = await answer_of(stage.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r")
    assert answer.startswith("HTTP/1.1 200")
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(SSL_REQUEST)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        assert not (await asyncio.wait_for(reader.read(), 5)).startswith(b"S")
    writer.close()


async def test_the_clients_address_counts(stage: Stage) -> None:
    """Rules and allow lists see who the client is, not who carries its bytes."""
    lan = AllowedAddresses(name="lan", ranges=("127.0.0.8/29",))
    await stage.serve(
        tcp_router(
            "HostSNI(`db.test`) && !ClientIP(`127.0.0.9`)", stage.one.member(), tls=True, middlewares=(lan,)
        ),
        tcp_router("ClientIP(`127.0.0.9`)", stage.postgres.member(), tls=True, passthrough=True),
    )
    assert await says(stage.port, "db.test", source="127.0.0.8") == ("one: hello", "db.test")
    assert await says(stage.port, "db.test", source="127.0.0.9") == ("postgres secretly: hello", "inner.test")
    assert await says(stage.port, "db.test", source="127.0.0.1") is None


async def test_much_goes_both_ways(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True))
    found = await upgraded(stage.port, "db.test")
    assert found is not None
    stream, _ = found
    line = b"x" * 60_000 + b"\n"

    async def send() -> None:
        for _ in range(100):
            stream.writer.write(line)
            await stream.writer.drain()

    sending = asyncio.create_task(send())
    received = 0
    for _ in range(100):
        received += len(await asyncio.wait_for(stream.reader.readuntil(b"\n"), 10))
    await sending
    assert received == 100 * (len(line) + len(b"one: "))
    stream.close()


async def test_who_says_nothing_or_nonsense_is_let_go(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`db.test`)", stage.one.member(), tls=True))
    for said in (
        b"",
        SSL_REQUEST[:5],
        SSL_REQUEST + b"\x17\x03\x03\x00\x01x",
        SSL_REQUEST + b"\x16\x03\x01\x00\x02\x01\x00",
    ):
        stream = await open_stream(stage.port)
        stream.writer.write(said)
        stream.writer.write_eof()
        received = b""
        # What is unread at the end makes it a reset.
        with contextlib.suppress(ConnectionError):
            while more := await asyncio.wait_for(stream.reader.read(4096), 5):
                received += more
        assert received in (b"", b"S") or received.startswith(b"HTTP/1.1 400 "), said
        stream.close()
