"""The watch stream: one JSON frame a line, from the shared history, until the client's time is up."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from hearthgate.apiserver.errors import ApiError, bad_request, expired
from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.served import Served
from hearthgate.apiserver.store.history import Expired
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.tables import render
from hearthgate.apiserver.web.changes import Change, seen
from hearthgate.apiserver.web.negotiate import Form

_BOOKMARK_EVERY: Final = 60.0
_BOOKMARK_BEFORE_END: Final = 2.0
_LIFE: Final = (1800.0, 3600.0)
_WRITE_DEADLINE: Final = 60.0
_BYTES_AT_ONCE: Final = 64 * 1024
"""What a client that does not read may cost beside one frame: a frame is never split."""
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class WatchOptions(NamedTuple):
    """`start` None: from the current state. `initial`: streaming list. `timeout` None: the server's choice."""

    start: int | None
    initial: bool
    bookmarks: bool
    timeout: float | None
    form: Form
    include: str


class Watching:
    """Serves watches on one store."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def serve(
        self, request: web.Request, served: Served, selection: Selection, options: WatchOptions
    ) -> web.StreamResponse:
        """Ends when the time is up, the server stops, or the client is gone or too slow."""
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        stream = _Stream(response, served, options, self._now)
        try:
            await self._run(stream, served.storage.resource, selection, options)
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            pass  # the client left, or reads too slowly: it resumes by revision
        return response

    async def _run(self, stream: "_Stream", resource: str, selection: Selection, options: WatchOptions) -> None:
        cursor = self._store.revision
        if options.initial or options.start is None:
            entries = self._store.collection(resource).entries(selection.namespace)
            found = (entry for entry in entries if selection.matches(entry.namespace, entry.name, entry.raw))
            await stream.send([Change("ADDED", entry.raw) for entry in found])
            if options.initial:
                await stream.bookmark(cursor, initial_end=True)
        elif options.start > cursor:
            await stream.error(expired(f"resource version {options.start} is newer than {cursor}: list again"))
            return
        else:
            cursor = options.start
        try:
            await self._follow(stream, resource, selection, options, cursor)
        except Expired:
            await stream.error(expired("too old resource version: list again"))

    async def _follow(
        self, stream: "_Stream", resource: str, selection: Selection, options: WatchOptions, cursor: int
    ) -> None:
        clock = asyncio.get_running_loop().time
        history = self._store.history(resource)
        end = clock() + (options.timeout if options.timeout is not None else random.uniform(*_LIFE))  # noqa: S311
        next_bookmark = _next_bookmark(clock(), end)
        while True:
            events, cursor = history.since(cursor), self._store.revision
            await stream.send([change for event in events if (change := seen(event, selection)) is not None])
            if options.bookmarks and clock() >= next_bookmark:
                await stream.bookmark(cursor)
                next_bookmark = _next_bookmark(clock(), end)
            if history.closed or clock() >= end:
                return
            try:
                async with asyncio.timeout_at(min(end, next_bookmark) if options.bookmarks else end):
                    await history.wait(cursor)
            except TimeoutError:
                continue


def _next_bookmark(now: float, end: float) -> float:
    """Every minute, and once shortly before the end so that the client resumes with a fresh revision."""
    last = end - _BOOKMARK_BEFORE_END
    if now >= last:
        return end + 1
    return min(now + _BOOKMARK_EVERY, last)


class _Stream:
    """Frames in the form that the client asked for."""

    def __init__(
        self, response: web.StreamResponse, served: Served, options: WatchOptions, now: Callable[[], datetime]
    ) -> None:
        self._response = response
        self._served = served
        self._kind = served.kind
        self._options = options
        self._now = now
        self._headed = True

    async def send(self, changes: list[Change]) -> None:
        frames: list[bytes] = []
        size = 0
        for change in changes:
            frames.append(self._frame(change))
            size += len(frames[-1])
            if size >= _BYTES_AT_ONCE:
                await self._write(b"".join(frames))
                frames, size = [], 0
        if frames:
            await self._write(b"".join(frames))

    async def bookmark(self, revision: int, *, initial_end: bool = False) -> None:
        metadata: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        match self._options.form:
            case Form.OBJECT:
                obj = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
            case Form.TABLE:
                row = {"cells": [], "object": render.partial({"metadata": metadata})}
                obj = render.table(self._kind, [row], {"resourceVersion": str(revision)}, headed=False)
            case _:
                obj = render.partial({"metadata": metadata})
        await self._write(_line("BOOKMARK", msgspec.json.encode(obj)))

    async def error(self, error: ApiError) -> None:
        await self._write(_line("ERROR", msgspec.json.encode(error.body())))

    def _frame(self, change: Change) -> bytes:
        form, raw = self._options.form, self._served.shown(change.raw)
        if form is Form.OBJECT:
            return _line(change.type, raw)
        obj = msgspec.json.decode(raw)
        if form is not Form.TABLE:
            return _line(change.type, msgspec.json.encode(render.partial(obj)))
        row = render.row(self._kind, obj, self._options.include, self._now())
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        table = render.table(self._kind, [row], metadata, headed=self._headed)
        self._headed = False
        return _line(change.type, msgspec.json.encode(table))

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(_WRITE_DEADLINE):
            await self._response.write(data)


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), raw)


def parse_revision(text: str) -> int:
    """Raises ApiError 400."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise bad_request(f"resourceVersion: invalid value {text[:40]!r}: must be an unsigned integer")
    return int(text)
