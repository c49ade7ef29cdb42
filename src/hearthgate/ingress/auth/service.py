"""The auth service: the proxy asks it by HTTP over a unix socket whether a request may pass.

What it is asked is in the path (`middlewares.questions`). A question that it does not know, a broken request or
too much work is never a yes.
"""

import asyncio
import base64
import binascii
import os
import socket as sockets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

import structlog

from hearthgate.ingress.auth.addresses import AddressTable, is_allowed
from hearthgate.ingress.auth.counters import Counters
from hearthgate.ingress.auth.digest import Attempt, DigestGuard, DigestTable
from hearthgate.ingress.auth.in_flight import InFlightServer
from hearthgate.ingress.auth.tables import PasswordTable, Table
from hearthgate.ingress.auth.verifier import Verifier
from hearthgate.ingress.auth.wire import END_OF_HEAD, MAX_HEAD, Answer, Request, parse_head, render
from hearthgate.ingress.envoy.middlewares.service import USER_HEADER
from hearthgate.ingress.envoy.options import IN_FLIGHT_SOCKET
from hearthgate.ingress.middlewares.questions import split_target
from hearthgate.model.errors import Transient, WireError

log = structlog.get_logger(__name__)

RETENTION: Final = 60.0
"""Seconds for which a table that is no longer wanted is kept: the proxy's routes ask for it until they change."""

_ALLOWED: Final = Answer(200)
_UNKNOWN: Final = Answer(503, "Service Unavailable")


class Questions(Protocol):
    """Whoever answers other questions than those about tables and counters."""

    async def answer(self, request: Request) -> Answer | None:
        """What the proxy is told; None when the question is not its own. Raises WireError."""


class AuthService:
    """Answers questions about the tables of the last update. `clock`: monotonic seconds. other: who answers
    what is about no table."""

    def __init__(
        self,
        socket: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        other: "Questions | None" = None,
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._other = other
        self._tables: Mapping[str, Table] = {}
        self._retired: dict[str, tuple[Table, float]] = {}
        self._verifier = Verifier()
        self._digests = DigestGuard()
        self._server: asyncio.Server | None = None
        self.counters = Counters(clock)
        self._in_flight = InFlightServer(socket.with_name(IN_FLIGHT_SOCKET), self.counters)
        self.connections: set[_Connection] = set()

    async def start(self) -> None:
        """Listens; only this user may connect."""
        self._socket.unlink(missing_ok=True)
        listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM | sockets.SOCK_NONBLOCK)
        try:
            os.fchmod(listener.fileno(), 0o600)  # before bind: the file never has another mode
            listener.bind(str(self._socket))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: _Connection(self), sock=listener)
        except BaseException:
            listener.close()
            raise
        await self._in_flight.start()

    async def stop(self) -> None:
        await self._in_flight.stop()
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.close()
            await self._server.wait_closed()
            self._server = None
        self._verifier.close()
        self._socket.unlink(missing_ok=True)

    def update(self, tables: Mapping[str, Table]) -> None:
        """Takes these tables from now on, all at once. What was remembered of others is dropped."""
        now = self._clock()
        self._retired = {
            path: (table, end) for path, (table, end) in self._retired.items() if end > now and path not in tables
        }
        for path, table in self._tables.items():
            if path not in tables:
                self._retired[path] = (table, now + RETENTION)
        self._tables = dict(tables)
        self._verifier.forget(tables)

    async def answer(self, request: Request) -> Answer:
        """What the proxy is told."""
        counted = await self.counters.answer(request)
        if counted is not None:
            return counted
        if self._other is not None:
            answered = await self._other.answer(request)
            if answered is not None:
                return answered
        question, target = split_target(request.path)
        table = self._tables.get(question)
        if table is None:
            table, end = self._retired.get(question, (None, 0.0))
            if table is None or end <= self._clock():
                return _UNKNOWN
        if isinstance(table, AddressTable):
            return _about_address(table, request)
        if isinstance(table, DigestTable):
            return self._about_digest(table, question, target, request)
        return await self._about_password(table, request)

    def _about_digest(self, table: DigestTable, question: str, target: str, request: Request) -> Answer:
        now = self._clock()
        authorization = request.headers.get("authorization", "")
        attempt = Attempt(request.method, target, authorization)
        verdict = self._digests.check(question, table, attempt, now)
        if verdict.user is None:
            challenge = self._digests.challenge(question, table, now, stale=verdict.stale)
            return Answer(401, "401 Unauthorized", (("www-authenticate", challenge),))
        return _passed(verdict.user, table.header)

    async def _about_password(self, table: PasswordTable, request: Request) -> Answer:
        refused = Answer(401, "401 Unauthorized", (("www-authenticate", table.challenge),))
        credentials = _credentials(request.headers.get("authorization", ""))
        if credentials is None:
            return refused
        name, password = credentials
        try:
            if not await self._verifier.verify(request.path, table, name, password):
                return refused
        except Transient as error:
            log.warning("password check refused", reason=str(error))
            return _UNKNOWN
        return _passed(name, table.header)


def _passed(user: str, header: str) -> Answer:
    """Says who it is: to the proxy, for its log, and in `header`, unless empty, to the backend."""
    own = ((USER_HEADER, user),)
    return Answer(200, "", (*own, (header, user)) if header else own)


def _about_address(table: AddressTable, request: Request) -> Answer:
    if is_allowed(table, request.headers.get("x-forwarded-for", "")):
        return _ALLOWED
    return Answer(table.status, HTTPStatus(table.status).phrase)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password of a Basic Authorization header (RFC 7617)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


class _Connection(asyncio.Protocol):
    """One connection of the proxy: one question after the other."""

    def __init__(self, service: AuthService) -> None:
        self._service = service
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream socket's
        self._transport = transport
        self._service.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()
        if len(self._buffer) > MAX_HEAD:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.connections.discard(self)
        self._transport = None
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_HEAD)]
        try:
            request = parse_head(head)
        except WireError as error:
            log.error("auth question cannot be read", error=str(error))
            self._send(Answer(400, "Bad Request"), "GET")
            self.close()
            return
        self._task = asyncio.get_running_loop().create_task(self._serve(request))

    async def _serve(self, request: Request) -> None:
        try:
            answer = await self._service.answer(request)
        except Exception:
            log.exception("auth question failed", question=request.path)
            answer = Answer(500, "Internal Server Error")
        self._send(answer, request.method)
        self._task = None
        self._next()

    def _send(self, answer: Answer, method: str) -> None:
        if self._transport is not None:
            self._transport.write(render(answer, method))
