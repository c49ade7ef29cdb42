"""A backend that says what reached it: method, path, headers, body size, and which site it plays.

Paths with a meaning: /ws echoes messages, /sse counts once a second, /download?bytes=N sends N bytes,
/status/N answers with that status, /slow?seconds=N waits. Everything else answers with JSON.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterable

from aiohttp import WSMsgType, web

from examples.certificates import self_signed
from examples.echo.backends import Backend

CHUNK = bytes(range(256)) * 256
MAX_DOWNLOAD = 4 << 30
_SITE = web.AppKey("site", str)
_PORT = web.AppKey("port", int)


@contextlib.asynccontextmanager
async def serving(backends: Iterable[Backend]) -> AsyncIterator[None]:
    """Plays all of them in this process until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        for backend in backends:
            runner = web.AppRunner(application(backend), access_log=None, shutdown_timeout=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            context = _tls_context(backend.site) if backend.tls else None
            for listener in _listeners(backend.port):
                await web.SockSite(runner, listener, ssl_context=context).start()
        yield


def application(backend: Backend) -> web.Application:
    app = web.Application(client_max_size=1 << 40)
    app[_SITE] = backend.site
    app[_PORT] = backend.port
    app.router.add_get("/ws", _websocket)
    app.router.add_get("/sse", _events)
    app.router.add_get("/download", _download)
    app.router.add_get("/slow", _slow)
    app.router.add_route("*", "/status/{status:[2-5][0-9][0-9]}", _echo)
    app.router.add_route("*", "/{path:.*}", _echo)
    app.on_response_prepare.append(_mark)
    return app


def _listeners(port: int) -> list[socket.socket]:
    """IPv4 always, IPv6 where the machine has it: `localhost` may mean either."""
    listeners = [socket.create_server(("127.0.0.1", port), reuse_port=False)]
    with contextlib.suppress(OSError):
        listeners.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    return listeners


def _tls_context(site: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with self_signed(site) as (certificate, key):
        context.load_cert_chain(certificate, key)
    return context


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that middlewares of the example replace or remove."""
    response.headers.setdefault("X-Frame-Options", "ALLOWALL")
    response.headers.setdefault("X-Powered-By", "echo")
    response.headers["X-Served-By"] = f"{request.app[_SITE]}:{request.app[_PORT]}"


async def _echo(request: web.Request) -> web.Response:
    received = 0
    async for chunk in request.content.iter_any():
        received += len(chunk)
    answer = {
        "site": request.app[_SITE],
        "method": request.method,
        "path": request.raw_path,
        "body": received,
        "headers": [[name, value] for name, value in request.headers.items()],
    }
    return web.json_response(answer, status=int(request.match_info.get("status", 200)))


async def _websocket(request: web.Request) -> web.WebSocketResponse:
    socket_ = web.WebSocketResponse()
    await socket_.prepare(request)
    async for message in socket_:
        if message.type is WSMsgType.TEXT:
            await socket_.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket_.send_bytes(message.data)
    return socket_


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for number in range(3600):
            await response.write(f"id: {number}\ndata: {request.app[_SITE]}\n\n".encode())
            await asyncio.sleep(1)
    return response


async def _download(request: web.Request) -> web.StreamResponse:
    size = min(_number(request, "bytes", 1 << 20), MAX_DOWNLOAD)
    response = web.StreamResponse(
        headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    )
    await response.prepare(request)
    while size > 0:
        await response.write(CHUNK[:size])
        size -= len(CHUNK)
    return response


async def _slow(request: web.Request) -> web.Response:
    await asyncio.sleep(min(_number(request, "seconds", 1), 3600))
    return await _echo(request)


def _number(request: web.Request, name: str, default: int) -> int:
    try:
        return int(request.query.get(name, default))
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name} must be a number") from None
