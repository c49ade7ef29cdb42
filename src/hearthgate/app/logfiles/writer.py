"""Keeps the log lines of the parts: taken at once from any thread, written by a thread of its own.

Logging never waits for a disk and never fails. What a full disk or a flood costs is lines, and the log says
how many.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.app.logfiles.file import RotatingFile
from hearthgate.app.logfiles.lines import mark, written

MAX_WAITING: Final = 20_000
_AT_ONCE: Final = 2_000
_END_WITHIN: Final = 5.0


class _Entry(NamedTuple):
    """`text` None: a run of the part begins."""

    time: int
    part: str
    text: str | None


class _Listener(NamedTuple):
    """A reader that follows: told in its own event loop."""

    loop: asyncio.AbstractEventLoop
    fresh: asyncio.Event


class PartLogs:
    """part_of: the part that a logger's lines belong to. Until `open`, lines wait in memory."""

    def __init__(self, part_of: Callable[[str], str], *, now: Callable[[], int] = time.time_ns) -> None:
        self._part_of = part_of
        self._now = now
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._lost: Counter[str] = Counter()
        self._files: dict[str, RotatingFile] = {}
        self._thread: threading.Thread | None = None
        self._listeners: dict[str, set[_Listener]] = {}
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self.ended = False

    def keep(self, logger: str, text: str) -> None:
        """Takes what `logger` says. Never waits, never raises."""
        self._put(_Entry(self._now(), self._part_of(logger), text))

    def begin_run(self, part: str) -> None:
        """What follows was written by a new run of the part."""
        self._put(_Entry(self._now(), part, None))

    def open(self, folder: Path) -> None:
        """Begins to write. Only the process that holds the state folder may. Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._thread = threading.Thread(target=self._run, name="part-logs", daemon=True)
        self._thread.start()

    def path(self, part: str) -> Path | None:
        """The part's file; None before `open`."""
        return None if self._folder is None else self._folder / f"{part}.log"

    @contextlib.contextmanager
    def listening(self, part: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set whenever the part's file has grown, and at `end_follows`."""
        listener = _Listener(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._listeners.setdefault(part, set()).add(listener)
        try:
            yield listener.fresh
        finally:
            with self._lock:
                self._listeners[part].discard(listener)

    def readers(self, part: str) -> int:
        """How many follow the part's log now."""
        return len(self._listeners.get(part, ()))

    def end_follows(self) -> None:
        """Who follows reads what there is, and ends."""
        self.ended = True
        for part in list(self._listeners):
            self._tell(part)

    async def close(self) -> None:
        """Writes what waits, and ends. Later lines are dropped."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join, _END_WITHIN)

    def _put(self, entry: _Entry) -> None:
        if self._queue.qsize() < MAX_WAITING:
            self._queue.put(entry)
        else:
            with self._lock:
                self._lost[entry.part] += 1

    def _run(self) -> None:
        going = True
        while going:
            entries = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(entries) < _AT_ONCE:
                    entries.append(self._queue.get_nowait())
            going = None not in entries
            by_part = defaultdict[str, list[_Entry]](list)
            for entry in entries:
                if entry is not None:
                    by_part[entry.part].append(entry)
            for part, found in by_part.items():
                self._write(part, found)
        for file in self._files.values():
            file.close()

    def _write(self, part: str, entries: list[_Entry]) -> None:
        path = self.path(part)
        assert path is not None, "the thread runs from `open` on"  # noqa: S101
        file = self._files.setdefault(part, RotatingFile(path))
        lost = self._lost[part]
        note = written(entries[0].time, f"{lost} lines of this log are lost here") if lost else b""
        lines = b"".join(mark(time) if text is None else written(time, text) for time, _, text in entries)
        failed, whole = file.append(note + lines), lines.count(b"\n")
        with self._lock:
            # While not even the note can be written, those before stay lost.
            self._lost[part] += whole if failed > whole else failed - lost
        self._tell(part)

    def _tell(self, part: str) -> None:
        with self._lock:
            for loop, fresh in self._listeners.get(part, ()):
                with contextlib.suppress(RuntimeError):  # a loop that has ended needs no word
                    loop.call_soon_threadsafe(fresh.set)
