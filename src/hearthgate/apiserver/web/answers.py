"""Answers as HTTP: objects, lists and tables from stored bytes, Status, warnings, gzip."""

import asyncio
import gzip
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.tables import render
from hearthgate.apiserver.web.negotiate import Form
from hearthgate.apiserver.web.pages import Page
from hearthgate.resources.kinds import Kind

_GZIP_FROM: Final = 128 * 1024
_GZIP_LEVEL: Final = 1
_ROWS_AT_ONCE: Final = 250
_WARNING_LIMIT: Final = 256


async def send(
    request: web.Request,
    body: bytes,
    *,
    status: int = 200,
    warnings: Iterable[str] = (),
    media: str = "application/json",
) -> web.Response:
    """One complete answer; a big one is compressed, in a thread, for clients that take gzip."""
    response = web.Response(status=status, headers={"Content-Type": media, "Cache-Control": "no-cache, private"})
    for warning in dict.fromkeys(warnings):
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    response.body = body
    return response


async def send_error(request: web.Request, error: ApiError) -> web.Response:
    response = await send(request, msgspec.json.encode(error.body()), status=error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="hearthgate"'
    return response


def object_body(kind: Kind, raw: bytes, form: Form, include: str, now: datetime) -> bytes:
    """One object in the form that was asked for."""
    if form is Form.OBJECT:
        return raw
    obj = msgspec.json.decode(raw)
    if form is not Form.TABLE:
        return msgspec.json.encode(render.partial(obj))
    metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
    return msgspec.json.encode(render.table(kind, [render.row(kind, obj, include, now)], metadata))


async def list_body(kind: Kind, page: Page, form: Form, include: str, now: datetime) -> bytes:
    """A list in the form that was asked for. The loop runs on between the rows of a long one."""
    metadata: dict[str, Any] = {"resourceVersion": str(page.revision)}
    if page.token:
        metadata |= {"continue": page.token, "remainingItemCount": page.remaining}
    if form is Form.OBJECT:
        items = b",".join([entry.raw for entry in page.entries])
        return _list(kind.list_kind, kind.api_version, metadata, items)
    if form is Form.TABLE:
        rows = await _each(page.entries, lambda obj: render.row(kind, obj, include, now))
        return msgspec.json.encode(render.table(kind, rows, metadata))
    parts = await _each(page.entries, render.partial)
    items = b",".join(map(msgspec.json.encode, parts))
    return _list("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, items)


async def _each(
    entries: Sequence[Entry], make: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for start in range(0, len(entries), _ROWS_AT_ONCE):
        made += [make(msgspec.json.decode(entry.raw)) for entry in entries[start : start + _ROWS_AT_ONCE]]
        await asyncio.sleep(0)
    return made


def _list(kind: str, api_version: str, metadata: dict[str, Any], items: bytes) -> bytes:
    head = msgspec.json.encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    return b'%b,"items":[%b]}' % (head[:-1], items)


def _quoted(text: str) -> str:
    printable = re.sub(r"[^\x20-\x7e]", "?", text)[:_WARNING_LIMIT]
    return printable.replace("\\", "\\\\").replace('"', '\\"')
