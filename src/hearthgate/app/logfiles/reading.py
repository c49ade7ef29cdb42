"""Reads the log file of a part: a run's lines, then what is added, across the change from one file to the next."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, Self

from hearthgate.apiserver.web.logs import LogLine, NoPreviousRunError
from hearthgate.app.logfiles.file import old_of
from hearthgate.app.logfiles.lines import current_run, is_mark, last_lines, parse, previous_run
from hearthgate.app.logfiles.writer import PartLogs

_CHUNK: Final = 262_144
_TRIES: Final = 3


async def read_log(
    logs: PartLogs, part: str, *, previous: bool, tail: int | None, follow: bool
) -> AsyncGenerator[Sequence[LogLine], None]:
    """As `PodLogs.read`. Never holds up the writer."""
    path = logs.path(part)
    if path is None:
        yield ()
        return
    snapshot = await asyncio.to_thread(_take, path)
    with _Cursor(path, snapshot.file, snapshot.size) as cursor, logs.listening(part) as fresh:
        run = previous_run(snapshot.data) if previous else current_run(snapshot.data)
        if run is None:
            raise NoPreviousRunError(part)
        del snapshot
        lines = await asyncio.to_thread(last_lines, run, tail)
        del run
        yield lines
        while follow and not previous:
            is_last = logs.ended
            fresh.clear()
            for batch in cursor.advance():
                yield batch
            if is_last or cursor.is_run_over:
                return
            await fresh.wait()


class _Snapshot(NamedTuple):
    """Both files as one: `size` bytes of the current file (None: there is none yet) are in `data`."""

    data: bytes
    file: FileIO | None
    size: int


def _take(path: Path) -> _Snapshot:
    """Whole lines only. Tries again when the files change places meanwhile."""
    for _ in range(_TRIES):
        file = _open(path)
        old = b""
        with contextlib.suppress(FileNotFoundError):
            old = old_of(path).read_bytes()
        if file is None:
            if not path.exists():
                return _Snapshot(old, None, 0)
        elif _identity(path) == _identity(file.fileno()):
            current = file.readall()
            whole = current.rfind(b"\n") + 1
            return _Snapshot(old + current[:whole], file, whole)
        else:
            file.close()
    return _Snapshot(b"", None, 0)


class _Cursor:
    """A place in the log, moved on by `advance`."""

    def __init__(self, path: Path, file: FileIO | None, offset: int) -> None:
        self._path = path
        self._file = file
        self._offset = offset
        self._rest = b""
        self.is_run_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def advance(self) -> Iterator[Sequence[LogLine]]:
        """What has been added, until the mark of the next run."""
        while not self.is_run_over:
            data = os.pread(self._file.fileno(), _CHUNK, self._offset) if self._file is not None else b""
            if data:
                self._offset += len(data)
                yield self._parsed(data)
            elif not self._next_file():
                return

    def _parsed(self, data: bytes) -> Sequence[LogLine]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for raw in lines:
            if is_mark(raw + b"\n"):
                self.is_run_over = True
                break
            if (line := parse(raw)) is not None:
                found.append(line)
        return found

    def _next_file(self) -> bool:
        """Whether the file that followed the held one is open now."""
        held = None if self._file is None else _identity(self._file.fileno())
        if _identity(self._path) in {held, None}:
            return False
        # Two changes since the last look: the file in between is the old one now.
        skipped = held is not None and _identity(old_of(self._path)) not in {held, None}
        fresh = _open(old_of(self._path) if skipped else self._path)
        if fresh is None:
            return False
        if self._file is not None:
            self._file.close()
        self._file, self._offset, self._rest = fresh, 0, b""
        return True


def _open(path: Path) -> FileIO | None:
    try:
        return FileIO(path, "rb")
    except FileNotFoundError:
        return None


def _identity(file: Path | int) -> int | None:
    try:
        return os.stat(file).st_ino  # noqa: PTH116 - a descriptor has no Path
    except FileNotFoundError:
        return None
