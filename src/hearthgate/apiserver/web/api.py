"""Requests to answers: who asks, what for, which verb; every refusal becomes a Status."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from hearthgate import __version__
from hearthgate.apiserver.access.identity import Identity
from hearthgate.apiserver.access.roles import Attributes
from hearthgate.apiserver.errors import ApiError, too_large
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Verbs
from hearthgate.apiserver.web.answers import send, send_error
from hearthgate.apiserver.web.attributes import attributes_of
from hearthgate.apiserver.web.auditing import Auditing, Call
from hearthgate.apiserver.web.backup import BackupServing
from hearthgate.apiserver.web.body import decode_object
from hearthgate.apiserver.web.discovery import Discovery
from hearthgate.apiserver.web.documents import answer_openapi
from hearthgate.apiserver.web.gate import ACTING, Gate
from hearthgate.apiserver.web.logs import LogServing, PodLogs
from hearthgate.apiserver.web.openapi import OpenApi
from hearthgate.apiserver.web.query import flag
from hearthgate.apiserver.web.reading import Reading
from hearthgate.apiserver.web.reviews import Reviews
from hearthgate.apiserver.web.target import FINALIZE, LOG, Target, Targets
from hearthgate.apiserver.web.writing import Writing

BODY_LIMIT: Final = 3 * 1024 * 1024
_DEADLINE: Final = 60.0
"""Seconds for a request that is no stream, its body included: who sends a byte a minute holds nothing up."""
_VERSION: Final = "1.32"
_NO_STORE: Final = {"Cache-Control": "no-cache, private"}

_log = structlog.get_logger(__name__)

Ready = Callable[[], Sequence[str]]
"""What is still missing before the program serves; empty when it does."""


class Api:
    """One handler for every path: `application` wraps it for aiohttp."""

    def __init__(
        self,
        *,
        store: Store,
        verbs: Verbs,
        gate: Gate,
        auditing: Auditing,
        ready: Ready,
        served: ServedKinds,
        now: Callable[[], datetime],
        logs: PodLogs | None = None,
        backup: BackupServing | None = None,
    ) -> None:
        self._gate = gate
        self._auditing = auditing
        self._reviews = Reviews(gate, gate.permits, served)
        self._ready = ready
        self._served = served
        self._targets = Targets(served)
        self._documents = _Documents(served)
        self._reading = Reading(store, verbs, now)
        self._writing = Writing(store, verbs, now)
        self._logs = LogServing(logs, verbs, now)
        self._backup = backup

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self.handle)
        return application

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        target = self._targets.find(path)
        call = Call(attributes_of(request.method, path, request.query, target))
        try:
            response = await self._answer_or_refuse(request, target, call)
        except BaseException:
            self._auditing.interrupted(request, call)
            raise
        await self._auditing.answered(request, call, response)
        return response

    async def _answer_or_refuse(
        self, request: web.Request, target: Target | None, call: Call
    ) -> web.StreamResponse:
        try:
            return await self._answer(request, target, call)
        except ApiError as error:
            return await send_error(request, error)
        except web.HTTPRequestEntityTooLarge:
            return await send_error(request, too_large(f"the request is too large: at most {BODY_LIMIT} bytes"))
        except ConnectionError:
            raise
        except Exception:
            # The door of the server: one request fails, the others go on, and the log has the cause.
            _log.exception("request failed", method=request.method, path=request.path)
            return await send_error(request, ApiError(500, "InternalError", "an internal error occurred"))

    async def _answer(self, request: web.Request, target: Target | None, call: Call) -> web.StreamResponse:
        if (public := self._public(request)) is not None:
            return public
        call.real = self._gate.real(request)
        call.acting = request[ACTING] = self._gate.acting(request, call.real)
        self._gate.check(call.acting, call.wanted)
        if self._backup is not None and (backup := await self._backup.answer(request)) is not None:
            return backup
        if target is not None and _is_stream(request, call.wanted):
            return await self._gate.while_permitted(request, call.wanted, lambda: self._object(request, target))
        try:
            async with asyncio.timeout(_DEADLINE):
                if target is not None:
                    return await self._object(request, target)
                about = await self._review(request, call.acting, call.wanted) or await self._about(request)
        except TimeoutError as error:
            message = f"the request did not end within {_DEADLINE:g} seconds"
            raise ApiError(504, "Timeout", message) from error
        if about is None:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return about

    def _public(self, request: web.Request) -> web.Response | None:
        """What anybody may ask: is it alive, is it ready, which version."""
        if request.method not in {"GET", "HEAD"}:
            return None
        match request.path:
            case "/healthz" | "/livez":
                return web.Response(text="ok", headers=_NO_STORE)
            case "/readyz":
                missing = self._ready()
                text = "".join(f"[-] {item}\n" for item in missing) or "ok"
                return web.Response(text=text, status=503 if missing else 200, headers=_NO_STORE)
            case "/version":
                return web.json_response(_version())
            case _:
                return None

    async def _review(self, request: web.Request, identity: Identity, wanted: Attributes) -> web.Response | None:
        """The answer to a question about access."""
        kind = self._reviews.find(wanted)
        if kind is None:
            return None
        asked = decode_object(request.content_type, await request.read())
        answer = self._reviews.answer(kind, identity, wanted, asked)
        return await send(request, msgspec.json.encode(answer), status=201)

    async def _about(self, request: web.Request) -> web.Response | None:
        """Discovery and OpenAPI."""
        if request.method not in {"GET", "HEAD"}:
            return None
        documents = self._current()
        if (described := await answer_openapi(request, documents.openapi)) is not None:
            return described
        found = documents.discovery.answer(request.path, request.headers.get("Accept", ""), request.host)
        return None if found is None else await send(request, msgspec.json.encode(found[0]), media=found[1])

    def _current(self) -> "_Documents":
        if self._documents.generation != self._served.generation:
            self._documents = _Documents(self._served, self._documents.openapi)
        return self._documents

    async def _object(self, request: web.Request, target: Target) -> web.StreamResponse:
        is_item = bool(target.name)
        on_item: dict[str, Callable[[web.Request, Target], Awaitable[web.StreamResponse]]] = {
            "GET": self._reading.get,
            "PUT": self._writing.replace,
            "PATCH": self._writing.patch,
            "DELETE": self._writing.delete,
        }
        on_collection: dict[str, Callable[[web.Request, Target], Awaitable[web.StreamResponse]]] = {
            "GET": self._reading.list,
            "POST": self._writing.create,
            "DELETE": self._writing.delete_collection,
        }
        if target.subresource == LOG:
            on_item = {"GET": self._logs.serve}
        elif target.subresource == FINALIZE:
            on_item = {"PUT": self._writing.replace}
        verb = (on_item if is_item else on_collection).get(request.method)
        unnamespaced = target.kind.namespaced and target.namespace is None
        if verb is None or (unnamespaced and request.method != "GET") or _is_status_delete(request, target):
            message = "the server does not allow this method on the requested resource"
            raise ApiError(405, "MethodNotAllowed", message, kind=target.kind, name=target.name)
        return await verb(request, target)


class _Documents:
    """What tells about all that is served, at one generation of it."""

    def __init__(self, served: ServedKinds, before: OpenApi | None = None) -> None:
        self.generation = served.generation
        self.discovery = Discovery(served.kinds)
        self.openapi = OpenApi(served.kinds, __version__, before)


def _is_stream(request: web.Request, wanted: Attributes) -> bool:
    return wanted.verb == "watch" or (request.method == "GET" and flag(request.query, "follow"))


def _is_status_delete(request: web.Request, target: Target) -> bool:
    return bool(target.subresource) and request.method == "DELETE"


def _version() -> dict[str, Any]:
    major, minor = _VERSION.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{_VERSION}.0+hearthgate.{__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
