"""A thin client of the Kubernetes API: the verbs that Hearthgate uses, and every failure mapped at this door.

It knows kinds only by their names in the registry, sends and returns plain mappings, and keeps nothing.
Watching, caching and retrying are the reflector's and the work queue's.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.depth import shallow
from hearthgate.cluster.errors import Interrupted, Silent, Unreachable, failure, read_status
from hearthgate.cluster.lines import LineSplitter
from hearthgate.model.errors import WireError
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Lenient

D = TypeVar("D")

Object = dict[str, Any]
"""One object as JSON has it."""

FIELD_MANAGER: Final = "hearthgate"
CONNECT_TIMEOUT: Final = 10.0
REQUEST_TIMEOUT: Final = 60.0
"""As long as an API server itself works on a request."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_REACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class Page(NamedTuple):
    """One page of a list. `token` fetches the next; empty on the last."""

    items: tuple[msgspec.Raw, ...]
    resource_version: str
    token: str


class WatchEvent(NamedTuple):
    """type: ADDED, MODIFIED, DELETED or BOOKMARK; an ERROR is raised instead."""

    type: str
    object: msgspec.Raw


_BY_US: Final = {"fieldManager": FIELD_MANAGER}
_LIMITS: Final = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT)


class _Request(NamedTuple):
    method: str
    kind: Kind | None
    path: str
    params: Mapping[str, str] = {}
    body: bytes | None = None
    content_type: str = "application/json"
    limits: aiohttp.ClientTimeout = _LIMITS


class _ListMeta(Lenient, frozen=True, kw_only=True):
    resource_version: str = ""
    continue_token: str = msgspec.field(default="", name="continue")


class _List(Lenient, frozen=True, kw_only=True):
    metadata: _ListMeta = _ListMeta()
    items: tuple[msgspec.Raw, ...] | None = ()


class _Frame(Lenient, frozen=True, kw_only=True):
    type: str
    object: msgspec.Raw


_LIST: Final = msgspec.json.Decoder(_List)
_FRAME: Final = msgspec.json.Decoder(_Frame)


class Client:
    """Speaks to one API server. Use as an async context manager, or `close()` it; many tasks may share it.

    Raises Transient and Permanent, as the classes in `errors` refine them, and WireError for an answer that is
    not the Kubernetes API's. No message holds a credential; none about a Secret quotes the server.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return _object(await self._send(_Request("GET", kind, _path(kind, namespace, name))))

    async def list_page(
        self, kind: Kind, *, namespace: str = "", limit: int = 500, token: str = "", label_selector: str = ""
    ) -> Page:
        """At most `limit` objects, of all namespaces when none is named. Raises Expired when `token` is old."""
        params = _given(limit=str(limit), labelSelector=label_selector, **{"continue": token})
        body = await self._send(_Request("GET", kind, _path(kind, namespace), params))
        try:
            found = _decoded(_LIST, body)
        except _UNREADABLE as error:
            raise WireError(f"{kind.resource}: not a list: {error}") from error
        return Page(found.items or (), found.metadata.resource_version, found.metadata.continue_token)

    @asynccontextmanager
    async def watch(
        self,
        kind: Kind,
        *,
        resource_version: str = "",
        initial_events: bool = False,
        timeout: float = 300.0,  # noqa: ASYNC109 - the server ends the watch, as the API has it
        idle: float = 150.0,
        namespace: str = "",
        label_selector: str = "",
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """The changes after `resource_version`, with bookmarks, until the server ends the stream after `timeout`
        seconds. `initial_events`: first the present state, closed by a bookmark with the annotation
        `k8s.io/initial-events-end`. Iterating raises Interrupted after `idle` seconds without a byte."""
        params = _given(
            watch="true",
            allowWatchBookmarks="true",
            timeoutSeconds=str(int(timeout)),
            resourceVersion=resource_version,
            labelSelector=label_selector,
            sendInitialEvents="true" if initial_events else "",
            resourceVersionMatch="NotOlderThan" if initial_events else "",
        )
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=idle)
        request = _Request("GET", kind, _path(kind, namespace), params, limits=limits)
        async with self._answer(request) as response:
            yield _events(f"watch {kind.resource}", response)

    async def create(self, kind: Kind, content: Mapping[str, Any]) -> Object:
        """Creates the object that `content` describes. Raises AlreadyExists."""
        path = _path(kind, _namespace(content))
        return _object(await self._send(_Request("POST", kind, path, _BY_US, msgspec.json.encode(content))))

    async def apply(self, kind: Kind, content: Mapping[str, Any], *, manager: str = FIELD_MANAGER) -> Object:
        """Server-side apply: creates or changes just the fields in `content` and takes them over from others."""
        path = _path(kind, _namespace(content), str(content["metadata"]["name"]))
        params = {"fieldManager": manager, "force": "true"}
        body = msgspec.json.encode(content)
        return _object(
            await self._send(_Request("PATCH", kind, path, params, body, "application/apply-patch+yaml"))
        )

    async def merge_patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """RFC 7386. With `metadata.resourceVersion` in the patch, raises Conflict when the object is another."""
        return await self._merge(kind, _path(kind, namespace, name), patch)

    async def patch_status(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """As `merge_patch`, on the status subresource."""
        return await self._merge(kind, _path(kind, namespace, name, "status"), patch)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str = "") -> None:
        """Deletes the object, if it still is the one with `uid` when given (else Conflict)."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        path = _path(kind, namespace, name)
        await self._send(_Request("DELETE", kind, path, body=msgspec.json.encode(options)))

    async def read(self, path: str) -> Any:
        """The JSON at a path that is no object's, such as one of discovery."""
        body = await self._send(_Request("GET", None, path))
        try:
            return msgspec.json.decode(body)
        except _UNREADABLE as error:
            raise WireError(f"GET {path}: not JSON: {error}") from error

    @asynccontextmanager
    async def post(self, path: str, *, idle: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answer, in pieces, of a path that is no object's. Iterating raises Interrupted when the answer is
        cut off, or after `idle` seconds without a byte."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=idle)
        async with self._answer(_Request("POST", None, path, body=b"", limits=limits)) as response:
            yield _pieces(f"POST {path}", response)

    async def _merge(self, kind: Kind, path: str, patch: Mapping[str, Any]) -> Object:
        body = msgspec.json.encode(patch)
        return _object(
            await self._send(_Request("PATCH", kind, path, _BY_US, body, "application/merge-patch+json"))
        )

    async def _send(self, request: "_Request") -> bytes:
        async with self._answer(request) as response:
            return await response.read()

    @asynccontextmanager
    async def _answer(self, request: "_Request") -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer, perhaps to a second try: a token refused with 401 is read anew."""
        what = f"{request.method} {request.path}"
        try:
            response = await self._once(request)
            if response.status == 401 and self.config.token.renew():
                response.release()
                response = await self._once(request)
            async with response:
                if response.status >= 300:
                    status = read_status(await response.read())
                    private = request.kind is not None and request.kind.kind == "Secret"
                    raise failure(what, response.status, status, response.headers, private=private)
                yield response
        except _NOT_REACHED as error:
            raise Unreachable(f"{what}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Interrupted(f"{what}: {error or type(error).__name__}") from error

    async def _once(self, request: "_Request") -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json"}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        if token := self.config.token.value():
            headers["Authorization"] = f"Bearer {token.reveal().decode('latin-1')}"
        if self.config.is_loopback:
            headers["Accept-Encoding"] = "identity"  # compressing costs more than the loopback does
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in request.params.items())
        return await self._opened().request(
            request.method,
            URL(f"{self.config.server}{request.path}?{query}".rstrip("?"), encoded=True),
            data=request.body,
            headers=headers,
            timeout=request.limits,
            ssl=self.config.tls if self.config.tls is not None else True,
            server_hostname=self.config.server_hostname,
            allow_redirects=False,  # a redirect would carry the token elsewhere
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)  # every watch holds a connection
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": "hearthgate"},
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=1 << 18,
            )
        return self._session


async def _events(what: str, response: aiohttp.ClientResponse) -> AsyncIterator[WatchEvent]:
    # Own lines: aiohttp's readline raises on those above its buffer, and Secrets and ConfigMaps can be bigger.
    splitter = LineSplitter()
    while chunk := await _chunk(what, response):
        for line in splitter.feed(chunk):
            if not line.strip():
                continue
            try:
                frame = _decoded(_FRAME, line)
            except _UNREADABLE as error:
                raise WireError(f"{what}: not a watch event: {error}") from error
            if frame.type == "ERROR":
                status = read_status(frame.object)
                raise failure(what, status.code or 500, status, {})
            yield WatchEvent(frame.type, frame.object)


async def _pieces(what: str, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    while chunk := await _chunk(what, response):
        yield chunk


def _decoded(decoder: msgspec.json.Decoder[D], text: bytes) -> D:
    try:
        return decoder.decode(text)
    except RecursionError:
        return decoder.decode(shallow(text))


async def _chunk(what: str, response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readany()
    except aiohttp.SocketTimeoutError as error:
        raise Silent(f"{what}: nothing heard") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Interrupted(f"{what}: {error or type(error).__name__}") from error


def _path(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    parts = ["apis", kind.group, kind.version] if kind.group else ["api", kind.version]
    if namespace and kind.namespaced:
        parts += ["namespaces", namespace]
    parts.append(kind.plural)
    parts += [part for part in (name, subresource) if part]
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _namespace(content: Mapping[str, Any]) -> str:
    return str(content["metadata"].get("namespace", ""))


def _given(**params: str) -> dict[str, str]:
    return {name: value for name, value in params.items() if value}


def _object(body: bytes) -> Object:
    try:
        return msgspec.json.decode(body, type=Object)
    except _UNREADABLE as error:
        raise WireError(f"not an object: {error}") from error
