"""`GET pods/NAME/log`: the log of one container as plain text, as the kubelet would stream it.

The API server knows no parts: who keeps the logs says so through `PodLogs`. Option names and the wording of
refusals are those of core/v1 PodLogOptions.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from aiohttp import web

from hearthgate.apiserver.errors import Cause, bad_request, invalid
from hearthgate.apiserver.verbs import Verbs
from hearthgate.apiserver.web.query import Query, flag
from hearthgate.apiserver.web.target import Target
from hearthgate.resources.kinds import Kind

_OPTIONS: Final = Kind("", "v1", "PodLogOptions", "pods")


class LogLine(NamedTuple):
    """`time`: RFC 3339, UTC, nine digits. `text`: without a newline."""

    time: str
    text: bytes


class NoPreviousRunError(LookupError):
    """The container has run only once, or nothing is left of its run before."""


class PodLogs(Protocol):
    """Keeps logs of some Pods."""

    def read(
        self, namespace: str, pod: str, *, previous: bool, tail: int | None, follow: bool
    ) -> AsyncGenerator[Sequence[LogLine], None] | None:
        """Batches of lines of the last run, or of the one before; None when no log of this Pod is kept.

        The first batch, possibly empty, comes at once: the last `tail` lines, or all. With `follow` the later
        lines come until the run ends. The first step raises NoPreviousRunError.
        """


class LogOptions(NamedTuple):
    """`since` is a time as `LogLine.time`; None: no bound."""

    container: str
    follow: bool
    previous: bool
    timestamps: bool
    since: str | None
    tail: int | None
    limit: int | None


def log_options(query: Query, pod: str, now: datetime) -> LogOptions:
    """Raises ApiError 422 with every mistake at once."""
    causes: list[Cause] = []
    since_seconds = _number(query, "sinceSeconds", 1, causes)
    since = None
    if text := query.get("sinceTime"):
        if since_seconds is not None:
            message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
            causes.append(Cause("", message, "FieldValueForbidden"))
        try:
            since = _fixed(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            causes.append(Cause("sinceTime", f"Invalid value: {text[:40]!r}: must be a time in RFC 3339"))
    elif since_seconds is not None:
        try:
            since = _fixed(now - timedelta(seconds=since_seconds))
        except OverflowError:
            since = None  # longer ago than any log
    tail = _number(query, "tailLines", 0, causes)
    limit = _number(query, "limitBytes", 1, causes)
    if causes:
        raise invalid(_OPTIONS, pod, causes)
    return LogOptions(
        container=query.get("container", ""),
        follow=flag(query, "follow"),
        previous=flag(query, "previous"),
        timestamps=flag(query, "timestamps"),
        since=since,
        tail=tail,
        limit=limit,
    )


def check_container(pod: dict[str, Any], container: str) -> str:
    """The container that is meant. Raises ApiError 400 as upstream does."""
    name = pod["metadata"]["name"]
    held = [str(one.get("name", "")) for one in pod.get("spec", {}).get("containers") or ()]
    if container:
        if container not in held:
            raise bad_request(f"container {container} is not valid for pod {name}")
        return container
    if len(held) != 1:
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(held)}]")
    return held[0]


class LogServing:
    """Answers for the Pods whose logs are kept; without `logs` none are."""

    def __init__(self, logs: PodLogs | None, verbs: Verbs, now: Callable[[], datetime]) -> None:
        self._logs = logs
        self._verbs = verbs
        self._now = now

    async def serve(self, request: web.Request, target: Target) -> web.StreamResponse:
        """Streams until the log, the run or the client ends. Raises ApiError before the first byte only."""
        pod = msgspec.json.decode(self._verbs.entry(target.storage, target.scope, target.name).raw)
        metadata = pod["metadata"]
        options = log_options(request.query, metadata["name"], self._now())
        container = check_container(pod, options.container)
        lines = self._read(metadata["namespace"], metadata["name"], options)
        if lines is None:
            message = f'container "{container}" in pod "{metadata["name"]}" does not run here: only the parts of '
            raise bad_request(message + "Hearthgate have logs")
        try:
            return await _stream(request, lines, options)
        except NoPreviousRunError as error:
            message = f'previous terminated container "{container}" in pod "{metadata["name"]}" not found'
            raise bad_request(message) from error
        finally:
            await lines.aclose()

    def _read(
        self, namespace: str, pod: str, options: LogOptions
    ) -> AsyncGenerator[Sequence[LogLine], None] | None:
        if self._logs is None:
            return None
        return self._logs.read(namespace, pod, previous=options.previous, tail=options.tail, follow=options.follow)


async def _stream(
    request: web.Request, lines: AsyncGenerator[Sequence[LogLine], None], options: LogOptions
) -> web.StreamResponse:
    batch = await anext(lines, ())
    response = web.StreamResponse(
        headers={"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-cache, private"}
    )
    response.enable_chunked_encoding()
    await response.prepare(request)
    writer = _Limited(response, options)
    try:
        await writer.send(batch)
        async for batch in lines:
            if writer.is_full:
                break
            await writer.send(batch)
        await response.write_eof()
    except ConnectionError:
        pass  # the client has what it wanted
    return response


class _Limited:
    """Sends what the options let through, at most so many bytes."""

    def __init__(self, response: web.StreamResponse, options: LogOptions) -> None:
        self._response = response
        self._options = options
        self._left = options.limit

    @property
    def is_full(self) -> bool:
        return self._left is not None and self._left <= 0

    async def send(self, lines: Sequence[LogLine]) -> None:
        options = self._options
        data = b"".join(
            (f"{line.time} ".encode() if options.timestamps else b"") + line.text + b"\n"
            for line in lines
            if options.since is None or line.time >= options.since
        )
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data:
            await self._response.write(data)


def _number(query: Query, name: str, least: int, causes: list[Cause]) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = int(text[:20])
    except ValueError:
        causes.append(Cause(name, f"Invalid value: {text[:40]!r}: must be a number"))
        return None
    if value < least:
        bound = "greater than 0" if least else "greater than or equal to 0"
        causes.append(Cause(name, f"Invalid value: {value}: must be {bound}"))
    return value


def _fixed(time: datetime) -> str:
    utc = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}000Z"
