"""OpenAPI over HTTP: which document, in which form, and whether the client has it already."""

import asyncio
from typing import Final

from aiohttp import web

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.web.openapi import Document, OpenApi

_V3: Final = "/openapi/v3"
_KEPT: Final = "private, immutable, max-age=31536000"


async def answer_openapi(request: web.Request, openapi: OpenApi) -> web.Response | None:
    """The document that a GET or HEAD asks for; None when the path names none."""
    path = request.path.rstrip("/")
    if path == "/openapi/v2":
        accept = request.headers.get("Accept", "")
        return _sent(request, await asyncio.to_thread(openapi.whole, accept), vary="Accept, Accept-Encoding")
    if path == _V3:
        return _sent(request, await asyncio.to_thread(openapi.index))
    if not path.startswith(f"{_V3}/"):
        return None
    document = await asyncio.to_thread(openapi.document, path.removeprefix(f"{_V3}/"))
    if document is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    wanted = request.query.get("hash", "")
    if wanted and wanted != document.etag:
        # The client knows an older index: the address of what it means now, as upstream answers.
        return web.Response(status=301, headers={"Location": f"{path}?hash={document.etag}"})
    return _sent(request, document, kept=bool(wanted))


def _sent(
    request: web.Request, document: Document, *, kept: bool = False, vary: str = "Accept-Encoding"
) -> web.Response:
    """kept: the address names the hash, so that the client need never ask again."""
    headers = {
        "ETag": f'"{document.etag}"',
        "Cache-Control": _KEPT if kept else "no-cache, private",
        "Vary": vary,
    }
    known = request.if_none_match or ()
    if any(tag.value in {document.etag, "*"} for tag in known):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = document.media
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=document.compressed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=document.content, headers=headers)
