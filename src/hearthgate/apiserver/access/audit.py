"""The audit log: one JSON line for each write that was asked for, in a file that only the owner reads.

A thread of its own writes, so that no request waits for the disk. What the disk does not take is lost, and said
once: a full disk must not stop the API.
"""

import os
import queue
import threading
from pathlib import Path
from typing import Final

import msgspec
import structlog

AUDIT_FILE: Final = "audit.log"
_LIMIT: Final = 10_000_000
_KEPT: Final = 3
_QUEUED: Final = 10_000
_AT_ONCE: Final = 500
_CLOSE_DEADLINE: Final = 2.0

_log = structlog.get_logger(__name__)


class AuditLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """No body, no header but the user agent: a value of a Secret has no way in here.

    time: RFC 3339. impersonated: as whom `user` acted. path: of requests that are not about a resource. code: of
    the answer; 499 when the client left before it. duration: milliseconds. suppressed: failed authentications
    before this one that have no line.
    """

    time: str
    user: str
    impersonated: str = ""
    groups: tuple[str, ...] = ()
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    code: int
    dry_run: bool = False
    field_manager: str = ""
    user_agent: str = ""
    source: str = ""
    duration: float
    suppressed: int = 0


class AuditLog:
    """Writes from `start` to `close`; `limit` is the size at which the file becomes `audit.log.1`, and so on."""

    def __init__(self, path: Path, *, limit: int = _LIMIT, kept: int = _KEPT) -> None:
        self._path = path
        self._limit = limit
        self._kept = kept
        self._queue: queue.Queue[AuditLine | None] = queue.Queue(_QUEUED)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._lost = 0

    def start(self) -> None:
        self._thread.start()

    def add(self, line: AuditLine) -> None:
        """Returns at once. A line too many is lost."""
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Writes what is waiting, for a moment."""
        try:
            self._queue.put(None, timeout=_CLOSE_DEADLINE)
        except queue.Full:
            return
        self._thread.join(_CLOSE_DEADLINE)

    def _run(self) -> None:
        failing = False
        while True:
            lines = [self._queue.get()]
            while lines[-1] is not None and len(lines) < _AT_ONCE and not self._queue.empty():
                lines.append(self._queue.get())
            data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines if line is not None)
            try:
                if data:
                    self._append(data)
            except OSError as error:
                self._lost += len(lines)
                if not failing:
                    _log.error("the audit log cannot be written", path=str(self._path), error=error.strerror)
                failing = True
            else:
                if failing or self._lost:
                    _log.warning("lines of the audit log are lost", path=str(self._path), lines=self._lost)
                failing, self._lost = False, 0
            if lines[-1] is None:
                return

    def _append(self, data: bytes) -> None:
        """All of `data` or nothing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        # Opened each time: whoever moves the file away, logrotate for one, need not tell.
        descriptor = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(data) > self._limit:
                self._rotate()
                os.close(descriptor)
                descriptor = os.open(self._path, flags, 0o600)
                size = 0
            try:
                written = 0
                while written < len(data):
                    written += os.write(descriptor, data[written:])
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
