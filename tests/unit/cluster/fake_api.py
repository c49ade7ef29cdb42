"""A scripted API server: the happy path of the Kubernetes API over memory, and every fault on command."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import KINDS

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BY_NAME: Mapping[str, Kind] = {kind.kind: kind for kind in KINDS}
ROUTE = BY_NAME["IngressRoute"]


def route(name: str, *, namespace: str = "default", rule: str = "PathPrefix(`/`)", **metadata: Any) -> Json:
    """A good IngressRoute."""
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"routes": [{"match": rule, "kind": "Rule", "services": [{"name": "web", "port": 80}]}]},
    }


def bad_route(name: str, *, namespace: str = "default") -> Json:
    """An IngressRoute that does not decode."""
    return {**route(name, namespace=namespace), "spec": {"rutes": []}}


class Seen(NamedTuple):
    what: str  # list, stream, watch, get, post, patch, delete
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]


class Status(NamedTuple):
    code: int
    reason: str = ""
    message: str = ""
    details: Mapping[str, Any] = MappingProxyType({})

    def body(self) -> bytes:
        fields = {**self._asdict(), "details": dict(self.details)}
        content = {"kind": "Status", "apiVersion": "v1", "status": "Failure", **fields}
        return msgspec.json.encode(content)

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        return web.Response(
            status=self.code, body=self.body(), content_type="application/json", headers=dict(headers or {})
        )


def answer(status: Status, headers: Mapping[str, str] | None = None) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return status.response(headers)

    return handle


def stream(*chunks: bytes, then: str = "end") -> Handler:
    """Sends these bytes as they are cut here. then: `end` cleanly, `cut` the connection, or `hang`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.01)
        if then == "cut" and request.transport is not None:
            request.transport.abort()
        if then == "hang":
            await asyncio.Event().wait()
        return response

    return handle


def line(kind: str, content: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": content}) + b"\n"


class FakeApi:
    """Serves any kind of the registry. `plan[what]` holds handlers that answer the next requests of that sort."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.revision = 100
        self.oldest = 0
        self.log: list[tuple[int, str, str, Json]] = []
        self.requests: list[Seen] = []
        self.plan: dict[str, deque[Handler]] = defaultdict(deque)
        self.held: dict[str, asyncio.Event] = {}
        self.absent: set[str] = set()
        self.without_status: set[str] = set()
        self.streaming_lists = True
        self._watches: set[tuple[str, asyncio.Queue[bytes | None]]] = set()
        self._transports: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """The server process is gone: connections reset, new ones refused."""
        self.cut()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def cut(self) -> None:
        """Resets every open connection."""
        for transport in self._transports:
            transport.abort()
        self._transports.clear()
        self._watches.clear()

    def freeze(self) -> None:
        """Open watches stay open and silent for ever: half-open connections."""
        self._watches.clear()

    def end_watches(self) -> None:
        """Ends every watch as the server does after its time."""
        for _, queue in self._watches:
            queue.put_nowait(None)

    def put(self, content: Json) -> Json:
        kind = BY_NAME[content["kind"]]
        metadata = content["metadata"]
        key = (kind.plural, metadata.get("namespace", ""), metadata["name"])
        self.revision += 1
        known = self.objects.get(key)
        stored = {
            **content,
            "metadata": {
                "uid": f"uid-{self.revision}" if known is None else known["metadata"]["uid"],
                **metadata,
                "generation": self.revision,
                "resourceVersion": str(self.revision),
            },
        }
        self.objects[key] = stored
        self._announce(kind.plural, "ADDED" if known is None else "MODIFIED", stored)
        return stored

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        gone = self.objects.pop((kind.plural, namespace, name))
        self.revision += 1
        metadata = {**gone["metadata"], "resourceVersion": str(self.revision)}
        self._announce(kind.plural, "DELETED", {**gone, "metadata": metadata})

    def bookmark(self, kind: Kind) -> None:
        """Tells every watch of a kind how far the revision has come."""
        self._send(kind.plural, line("BOOKMARK", self._bookmark()))

    def compact(self) -> None:
        """Forgets the history: watches from before now get 410."""
        self.log.clear()
        self.oldest = self.revision

    def names(self, kind: Kind) -> set[str]:
        return {name for plural, _, name in self.objects if plural == kind.plural}

    def asked(self, what: str) -> list[Seen]:
        return [seen for seen in self.requests if seen.what == what]

    @property
    def watching(self) -> int:
        return len(self._watches)

    def _announce(self, plural: str, kind: str, content: Json) -> None:
        self.log.append((self.revision, plural, kind, content))
        self._send(plural, line(kind, content))

    def _send(self, plural: str, content: bytes) -> None:
        for watched, queue in self._watches:
            if watched == plural:
                queue.put_nowait(content)

    def _bookmark(self, **annotations: str) -> Json:
        return {"metadata": {"resourceVersion": str(self.revision), "annotations": annotations}}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._transports.add(request.transport)
        parts = request.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = parts[1] if len(parts) > 2 and parts[0] == "namespaces" else ""
        plural, name, sub, *_ = [*(parts[2:] if namespace else parts), "", ""]
        what = request.method.lower()
        if what == "get" and not name:
            query = request.query
            what = "list" if "watch" not in query else "stream" if "sendInitialEvents" in query else "watch"
        text = await request.read()
        body = msgspec.json.decode(text) if text else None
        self.requests.append(Seen(what, request.path, dict(request.query), body, dict(request.headers)))
        if plural in self.held:
            await self.held[plural].wait()
        if self.plan[what]:
            return await self.plan[what].popleft()(request)
        if plural in self.absent or (sub == "status" and plural in self.without_status):
            return web.Response(status=404, text="404 page not found")
        if what == "list":
            return self._list(request, plural)
        if what in {"watch", "stream"}:
            return await self._watch(request, plural, initial=what == "stream")
        return self._change(what, (plural, namespace, name), body)

    def _list(self, request: web.Request, plural: str) -> web.Response:
        found = [content for key, content in sorted(self.objects.items()) if key[0] == plural]
        start = int(request.query.get("continue", "0"))
        end = start + int(request.query.get("limit", "500"))
        metadata: Json = {"resourceVersion": str(self.revision)}
        if end < len(found):
            metadata["continue"] = str(end)
        body = {"kind": "List", "metadata": metadata, "items": found[start:end]}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def _watch(self, request: web.Request, plural: str, *, initial: bool) -> web.StreamResponse:
        if initial and not self.streaming_lists:
            return Status(422, "Invalid", "sendInitialEvents is forbidden").response()
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        if initial:
            for key, content in sorted(self.objects.items()):
                if key[0] == plural:
                    queue.put_nowait(line("ADDED", content))
            queue.put_nowait(line("BOOKMARK", self._bookmark(**{"k8s.io/initial-events-end": "true"})))
        else:
            since = int(request.query["resourceVersion"])
            if since < self.oldest:
                await response.write(line("ERROR", msgspec.json.decode(Status(410, "Expired").body())))
                return response
            for revision, logged, kind, content in self.log:
                if logged == plural and revision > since:
                    queue.put_nowait(line(kind, content))
        watch = (plural, queue)
        self._watches.add(watch)
        try:
            while (piece := await queue.get()) is not None:
                await response.write(piece)
        except ConnectionError:
            pass
        finally:
            self._watches.discard(watch)
        return response

    def _change(self, what: str, key: tuple[str, str, str], body: Any) -> web.Response:
        if what == "post":
            key = (key[0], key[1], body["metadata"]["name"])
            if key in self.objects:
                return Status(409, "AlreadyExists").response()
            return self._json(self.put(body), 201)
        known = self.objects.get(key)
        if known is None:
            return Status(404, "NotFound", "not found", {"name": key[2]}).response()
        if what == "patch":
            version = body.get("metadata", {}).get("resourceVersion")
            if version not in {None, known["metadata"]["resourceVersion"]}:
                return Status(409, "Conflict", "the object has been modified").response()
            known = self.put(merged(known, body))
        elif what == "delete":
            self.remove(BY_NAME[known["kind"]], *key[1:])
        return self._json(known)

    def _json(self, content: Json, status: int = 200) -> web.Response:
        return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@asynccontextmanager
async def running() -> Any:
    """A started FakeApi and a client for it."""
    api = FakeApi()
    await api.start()
    try:
        async with Client(ClientConfig(server=f"http://127.0.0.1:{api.port}")) as client:
            yield api, client
    finally:
        await api.stop()
