"""A whole data plane for component tests: the translation of a RoutingModel, our ADS server, Envoy, backends."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from aiohttp import WSMsgType, web

from hearthgate.ingress.envoy.certificates import CertificateIndex
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.translate import Translation, Translator
from hearthgate.ingress.routing.model import (
    Endpoint,
    Endpoints,
    EndpointsKey,
    EntryPoint,
    LoadBalancer,
    Router,
    RoutingModel,
    Service,
)
from hearthgate.ingress.xds.resources import Versioned
from hearthgate.ingress.xds.server import AdsServer
from hearthgate.model.refs import ObjectRef
from hearthgate.rules.rule import Rule, compile_rule
from tests.component.ingress.envoy_process import bare_envoy
from tests.waiting import eventually

HOSTNAME = "node-7"
_LISTENS = "0A"


class Answers(Protocol):
    """Who knows the certificates for names."""

    def secret(self, sni: str, /) -> Versioned | None: ...
    def is_known(self, sni: str, /) -> bool: ...


def listening() -> set[int]:
    """Ports of this network where somebody waits for TCP connections."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == _LISTENS:
                found.add(int(local.rpartition(":")[2], 16))
    return found


class Gateway:
    """Serves one RoutingModel after the other."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.translator = Translator(ProxyOptions(hostname=HOSTNAME, **options))
        self.index: Answers = CertificateIndex()
        self._known: set[int] = set()
        self.server = AdsServer(
            folder / "xds.sock",
            secret_resolver=self._secret,
            is_known=self._is_known,
        )

    async def serve(self, model: RoutingModel, endpoints: Endpoints) -> Translation:
        """Returns when Envoy serves `model`; fails when it refuses anything."""
        translation = self.translator.translate(model, endpoints)
        self.index = translation.certificates
        await self.server.apply(translation.resources)
        await self.server.refresh_secrets()
        await eventually(
            lambda: self.server.in_sync.is_set() or self.server.rejections, what="the proxy's agreement"
        )
        assert not self.server.rejections, self.server.rejections
        # Envoy agrees before its workers listen.
        fresh = {entrypoint.port for entrypoint in model.entrypoints} - self._known
        if fresh:
            with suppress(AssertionError):  # nothing listens for an entrypoint without routes
                await eventually(lambda: fresh <= listening(), within=1.0)
            self._known |= fresh
        return translation

    def _secret(self, name: str) -> Versioned | None:
        return self.index.secret(name)

    def _is_known(self, name: str) -> bool:
        return self.index.is_known(name)

    def log(self) -> str:
        return (self.folder / "envoy.log").read_text(errors="replace")


@asynccontextmanager
async def gateway(folder: Path, **options: Any) -> AsyncIterator[Gateway]:
    running = Gateway(folder, **options)
    await running.server.start()
    try:
        async with bare_envoy(folder):
            yield running
    finally:
        await running.server.stop()


def rule(text: str) -> Rule:
    compiled = compile_rule(text)
    assert isinstance(compiled, Rule), compiled
    return compiled


def router(text: str, service: Service | None, *, name: str = "", **fields: Any) -> Router:
    """A router of entrypoint `web` whose name tells its rule."""
    compiled = rule(text)
    values: dict[str, Any] = {
        "name": name or text,
        "ref": ObjectRef("IngressRoute", "default", "test"),
        "field": "spec.routes[0]",
        "entrypoint": "web",
        "rule": compiled,
        "priority": compiled.default_priority,
        "service": service,
    }
    return Router(**(values | fields))


def model(entrypoints: Iterable[EntryPoint], routers: Iterable[Router], **fields: Any) -> RoutingModel:
    """A RoutingModel in its proper order."""
    return RoutingModel(
        entrypoints=tuple(sorted(entrypoints, key=lambda e: e.name)),
        routers=tuple(sorted(routers, key=lambda r: (-r.priority, r.name))),
        **fields,
    )


class Backend:
    """An HTTP server that tells what it was asked, under `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.release = asyncio.Event()
        """Lets `/gated` go on."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    @property
    def key(self) -> EndpointsKey:
        return EndpointsKey("default", self.name, "http")

    @property
    def endpoints(self) -> dict[EndpointsKey, tuple[Endpoint, ...]]:
        return {self.key: (self.endpoint,)}

    def balancer(self, **fields: Any) -> LoadBalancer:
        values: dict[str, Any] = {"name": f"default-{self.name}-80", "endpoints": self.key}
        return LoadBalancer(**(values | fields))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/ws":
            return await self._websocket(request)
        if request.path == "/gated":
            return await self._gated(request)
        length = 0
        async for chunk in request.content.iter_chunked(1 << 16):
            length += len(chunk)
        said = {
            "backend": self.name,
            "method": request.method,
            "path": request.path_qs,
            "version": f"{request.version.major}.{request.version.minor}",
            "headers": [[k, v] for k, v in request.headers.items()],
            "length": length,
            "tls": request.transport is not None and request.transport.get_extra_info("ssl_object") is not None,
        }
        return web.json_response(said, headers={"X-Backend": self.name})

    async def _websocket(self, request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps([[k, v] for k, v in request.headers.items()]))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name}: {message.data}")
        return socket

    async def _gated(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends one event at once and another one when it is let go."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await self.release.wait()
        await response.write(b"data: second\n\n")
        return response


@asynccontextmanager
async def backend(name: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Backend]:
    served = Backend(name)
    server = web.Server(served.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    served.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield served
    finally:
        served.release.set()
        await runner.cleanup()


class Answer(NamedTuple):
    """An HTTP/1 response. `headers`: names as they were on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    version: str = ""

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def sent(self, name: str) -> str | None:
        """A request header as the backend got it."""
        values = [value for key, value in self.json["headers"] if key.lower() == name.lower()]
        return " | ".join(values) if values else None


async def ask(
    port: int,
    path: str = "/",
    *,
    host: str | None = "site.test",
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    version: str = "1.1",
    tls: ssl.SSLContext | None = None,
    sni: str | None = None,
    source: str = "127.0.0.1",
    address: str = "127.0.0.1",
) -> Answer:
    """One HTTP/1 request on a connection of its own, written as given."""
    reader, writer = await asyncio.open_connection(
        address,
        port,
        ssl=tls,
        server_hostname=(sni or "") if tls else None,
        local_addr=(source, 0) if address == "127.0.0.1" else None,
    )
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{key}: {value}" for key, value in pairs]
    if version == "1.1":
        lines.append("Connection: close")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        return await asyncio.wait_for(_read_answer(reader), 10)
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
    headers = tuple((k, v.strip()) for k, _, v in (line.partition(":") for line in head[1:] if line))
    answer = Answer(int(head[0].split()[1]), headers, b"", head[0].split()[0])
    if answer.header("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
    elif (length := answer.header("content-length")) is not None:
        body = await reader.readexactly(int(length))
    else:
        body = await reader.read()
    return answer._replace(body=body)


__all__ = ["Answer", "Backend", "Gateway", "ask", "backend", "eventually", "gateway", "model", "router", "rule"]
