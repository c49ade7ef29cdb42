"""Takes connections that are not TLS from the proxy, upgrades those that ask for it as PostgreSQL does, and hands
them back with a mark that says which router they belong to.

A client of PostgreSQL asks in the clear whether it may speak TLS (SSLRequest). It gets `S`, says in its
ClientHello which host it wants, and from then on bytes are carried unread. All others go back as they came.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from hearthgate.ingress.postgres.tables import (
    ENTRYPOINT_TLV,
    NOBODY,
    StartTLSTable,
    back_socket,
    targets_of,
)
from hearthgate.ingress.postgres.wire import (
    HEAD,
    RECORD_HEAD,
    SSL_REQUEST,
    Peers,
    length_of_rest,
    parse_header,
    parse_hello,
    record_length,
    write_header,
)
from hearthgate.ingress.routing.model import TCPRouter
from hearthgate.model.errors import WireError
from hearthgate.rules.tcp import Connection

log = structlog.get_logger(__name__)

_PATIENCE: Final = 60.0
"""Seconds for what decides where a connection goes, as for the headers of requests."""
_CHUNK: Final = 256 * 1024
_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class StartTLSService:
    """socket: where the proxy brings connections. Beside it are those where it takes them back."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._tables: Mapping[str, StartTLSTable] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens; the folder of the socket lets nobody else in."""
        self._socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._socket))
        self._socket.chmod(0o600)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None
        self._socket.unlink(missing_ok=True)

    def update(self, tables: Mapping[str, StartTLSTable]) -> None:
        """Takes these tables for connections from now on."""
        self._tables = tables

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs it in one
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, WireError, asyncio.IncompleteReadError, TimeoutError):
                await self._carry((reader, writer))
        except asyncio.CancelledError:
            log.debug("connection cut at the end")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, client: _Pair) -> None:
        reader, writer = client
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readexactly(HEAD)
            peers, values = parse_header(head, await reader.readexactly(length_of_rest(head)))
            entrypoint = values.get(ENTRYPOINT_TLV, b"").decode("utf-8", "replace")
            table = self._tables.get(entrypoint)
            if table is None:
                return
            first = await _begin(reader)
            asks = first == SSL_REQUEST
            connection = Connection(client_ip=peers.source)
            if asks:
                writer.write(b"S")
                first, connection = await _hello(reader, peers)
            router = table.choose(connection, tls=asks)
            if asks and router is None:
                return
            backend = await self._back(entrypoint, peers, router)
            try:
                if asks and router is not None and router.passthrough:
                    backend[1].write(SSL_REQUEST)
                    if await backend[0].readexactly(1) != b"S":
                        return
                backend[1].write(first)
            except BaseException:
                backend[1].close()
                raise
        await _splice(client, backend)

    async def _back(self, entrypoint: str, peers: Peers, router: TCPRouter | None) -> _Pair:
        """A connection to the proxy that tells who the client is, and whose it is."""
        targets = NOBODY if router is None else targets_of(router)
        target = targets[":" in peers.source]
        path = self._socket.with_name(back_socket(entrypoint))
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_CHUNK)
        writer.write(write_header(peers._replace(target=target)))
        return reader, writer


async def _begin(reader: asyncio.StreamReader) -> bytes:
    """The first bytes: an SSLRequest, or as much as shows that it is none."""
    data = b""
    while data != SSL_REQUEST and SSL_REQUEST.startswith(data):
        more = await reader.read(len(SSL_REQUEST) - len(data))
        if not more:
            break
        data += more
    return data


async def _hello(reader: asyncio.StreamReader, peers: Peers) -> tuple[bytes, Connection]:
    """The records that hold the ClientHello, and what it says."""
    records = handshake = b""
    while True:
        head = await reader.readexactly(RECORD_HEAD)
        content = await reader.readexactly(record_length(head))
        records += head + content
        handshake += content
        if (hello := parse_hello(handshake)) is not None:
            return records, Connection(hello.sni, hello.alpn, peers.source)


async def _splice(left: _Pair, right: _Pair) -> None:
    """Carries bytes both ways until both sides have ended, or one is lost."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(left[0], right[1]))
            group.create_task(_copy(right[0], left[1]))
    except* OSError:
        pass
    finally:
        right[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
