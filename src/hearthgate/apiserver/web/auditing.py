"""What of a request goes into the audit log: every write of somebody else than this program, allowed or not, and
who failed to be let in."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import msgspec
from aiohttp import web

from hearthgate.apiserver.access.audit import AuditLine, AuditLog
from hearthgate.apiserver.access.identity import OWN_USER, Identity
from hearthgate.apiserver.access.roles import Attributes
from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.web.body import decode_object
from hearthgate.apiserver.web.reviews import REVIEWS

CLIENT_LEFT: Final = 499
_READS: Final = frozenset({"get", "list", "watch", "head", "options"})
_ASKED: Final = frozenset((kind.group, kind.plural) for kind in REVIEWS)
_WORD_LIMIT: Final = 256
_FAILURES: Final = 10
_FAILURE_WINDOW: Final = 60.0


class Call:
    """What is found out about a request on its way. `real`: who sent it, None for a stranger; `acting`: as whom,
    None when that was refused."""

    def __init__(self, wanted: Attributes) -> None:
        self.wanted = wanted
        self.real: Identity | None = None
        self.acting: Identity | None = None
        self.started = monotonic()


class Auditing:
    """Without `log` nothing is written."""

    def __init__(self, log: AuditLog | None, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._failures = Failures()

    async def answered(self, request: web.Request, call: Call, response: web.StreamResponse) -> None:
        if self._log is None or not (response.status == 401 or self._counts(call)):
            return
        suppressed = 0
        if response.status == 401:
            counted = self._failures.count(monotonic())
            if counted is None:
                return
            suppressed = counted
        dry_run = bool(request.query.get("dryRun"))
        if request.method == "DELETE" and response.status < 400 and not dry_run:
            dry_run = _asks_dry_run(request.content_type, await request.read())  # read before, so kept
        name = _name(call.wanted, response)
        self._add(request, call, response.status, name=name, dry_run=dry_run, suppressed=suppressed)

    def interrupted(self, request: web.Request, call: Call) -> None:
        """The client left before the answer: whether it was done is not known."""
        if self._log is not None and self._counts(call):
            dry_run = bool(request.query.get("dryRun"))
            self._add(request, call, CLIENT_LEFT, name=call.wanted.name, dry_run=dry_run)

    def _counts(self, call: Call) -> bool:
        """Whether somebody wrote. What the controllers write follows from that, and would hide it."""
        own = call.real is not None and call.real.user == OWN_USER and call.acting == call.real
        return _is_write(call.wanted) and not own

    def _add(
        self, request: web.Request, call: Call, code: int, *, name: str, dry_run: bool, suppressed: int = 0
    ) -> None:
        assert self._log is not None  # noqa: S101 - checked by both callers
        wanted, user, acting = call.wanted, call.real, call.acting
        line = AuditLine(
            time=self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            user=user.user if user else "",
            impersonated=acting.user if acting and acting != user else "",
            groups=acting.groups if acting else (),
            verb=wanted.verb,
            group=_word(wanted.group),
            version=_word(wanted.version),
            resource=_word(wanted.resource),
            subresource=_word(wanted.subresource),
            namespace=_word(wanted.namespace),
            name=_word(name),
            path="" if wanted.resource else _word(wanted.path),
            code=code,
            dry_run=dry_run,
            field_manager=_word(request.query.get("fieldManager", "")),
            user_agent=_word(request.headers.get("User-Agent", "")),
            source=request.remote or "",
            duration=round((monotonic() - call.started) * 1000, 3),
            suppressed=suppressed,
        )
        self._log.add(line)


class Failures:
    """So many lines in each window: somebody who guesses shall not fill the disk."""

    def __init__(self) -> None:
        self._until = 0.0
        self._told = 0
        self._untold = 0

    def count(self, now: float) -> int | None:
        """How many were not told before this one; None when this one is not told either."""
        if now >= self._until:
            self._until, self._told = now + _FAILURE_WINDOW, 0
        if self._told >= _FAILURES:
            self._untold += 1
            return None
        self._told += 1
        untold, self._untold = self._untold, 0
        return untold


class _Metadata(msgspec.Struct):
    name: str = ""


class _Answer(msgspec.Struct):
    """Where an object has its name, and a Status that refuses one."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    details: _Metadata = msgspec.field(default_factory=_Metadata)


def _is_write(wanted: Attributes) -> bool:
    return wanted.verb not in _READS and (wanted.group, wanted.resource) not in _ASKED


def _name(wanted: Attributes, response: web.StreamResponse) -> str:
    """The path names no object that is to be created: the answer does, and nothing else of it is read."""
    if wanted.name or wanted.verb != "create" or not isinstance(response, web.Response):
        return wanted.name
    body = response.body
    if not isinstance(body, bytes):
        return ""
    try:
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, OSError, EOFError):
        return ""
    return answer.metadata.name or answer.details.name


def _asks_dry_run(content_type: str, body: bytes) -> bool:
    if not body.strip():
        return False
    try:
        asked = decode_object(content_type, body)
    except ApiError:
        return False
    return isinstance(asked, dict) and bool(asked.get("dryRun"))


def _word(text: str) -> str:
    return text[:_WORD_LIMIT]
