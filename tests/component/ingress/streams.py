"""Backends and clients of connections and datagrams, and routers for them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hearthgate.ingress.routing.model import (
    Endpoint,
    EndpointsKey,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TCPRouter,
)
from hearthgate.model.refs import ObjectRef
from hearthgate.rules.rule import Rule
from hearthgate.rules.tcp import compile_tcp_rule, default_priority


class StreamBackend:
    """Sends `NAME>` when asked to speak first, then answers each line with `NAME: ` before it."""

    def __init__(self, name: str, *, greets: bool = False) -> None:
        self.name = name
        self.greets = greets
        self.port = 0
        self.open = 0

    @property
    def key(self) -> EndpointsKey:
        return EndpointsKey("default", self.name, "tcp")

    @property
    def endpoints(self) -> dict[EndpointsKey, tuple[Endpoint, ...]]:
        return {self.key: (Endpoint("127.0.0.1", self.port),)}

    def balancer(self, **transport: Any) -> StreamBalancer:
        return StreamBalancer(
            name=f"default-{self.name}-1", endpoints=self.key, transport=StreamTransport(**transport)
        )

    def member(self, weight: int = 1, **transport: Any) -> StreamMember:
        return StreamMember(weight=weight, balancer=self.balancer(**transport))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            if self.greets:
                writer.write(f"{self.name}>\n".encode())
            while line := await reader.readline():
                writer.write(f"{self.name}: ".encode() + line)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def stream_backend(
    name: str, *, greets: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[StreamBackend]:
    served = StreamBackend(name, greets=greets)
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


def tcp_rule(text: str) -> Rule:
    compiled = compile_tcp_rule(text)
    assert isinstance(compiled, Rule), compiled
    return compiled


def tcp_router(text: str, *members: StreamMember, **fields: Any) -> TCPRouter:
    """A router of entrypoint `web` whose name tells its rule."""
    rule = tcp_rule(text)
    tls = " over TLS" if fields.get("tls") else ""
    values: dict[str, Any] = {
        "name": f"{text}{tls}",
        "ref": ObjectRef("IngressRouteTCP", "default", "test"),
        "field": "spec.routes[0]",
        "entrypoint": "web",
        "rule": rule,
        "priority": default_priority(rule),
        "members": members,
    }
    return TCPRouter(**(values | fields))


def anyone(*alpn: str) -> ssl.SSLContext:
    """A TLS client that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Stream:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> str:
        return (await asyncio.wait_for(self.reader.readline(), 5)).decode("latin1").rstrip("\n")

    async def say(self, text: str) -> str:
        self.writer.write(f"{text}\n".encode())
        return await self.line()

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(1), 5) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self.writer.close()


async def open_stream(
    port: int, *, tls: ssl.SSLContext | None = None, sni: str = "", source: str = "127.0.0.1"
) -> Stream:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname=sni if tls else None, local_addr=(source, 0)
    )
    return Stream(reader, writer)


async def answer_of(port: int, text: str = "hello", **how: Any) -> str:
    """What a connection of its own answers to a line; empty when it is closed or refused."""
    try:
        stream = await open_stream(port, **how)
    except (OSError, EOFError):
        return ""
    try:
        return await stream.say(text)
    except (OSError, EOFError):
        return ""
    finally:
        stream.close()
