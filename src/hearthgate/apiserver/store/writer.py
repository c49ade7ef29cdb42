"""The one thread that writes: takes what has queued up, commits it together, reports each result."""

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.apiserver.store.database import Database, Row
from hearthgate.model.errors import Transient

_BATCH: Final = 256

Done = Callable[[Sequence[Row], sqlite3.Error | None], None]
Copied = Callable[[Exception | None], None]


class _Copy(NamedTuple):
    target: Path
    done: Copied


class Writer:
    """Rows are committed in the order of `submit`; `done` is called on the loop, in the same order."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        self._database = database
        self._loop = loop
        self._done = done
        self._queue: queue.SimpleQueue[Row | _Copy | None] = queue.SimpleQueue()
        self._copies: deque[_Copy] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="hearthgate-store", daemon=True)
        self._thread.start()

    def submit(self, row: Row) -> None:
        self._queue.put(row)

    def copy(self, target: Path, done: Copied) -> None:
        """Copies the database between the commits; `done` is called on the loop. It gives way to `stop`."""
        self._queue.put(_Copy(target, done))

    def stop(self) -> None:
        """Blocks until everything submitted is committed."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._commit_queued(wait=not self._copies)
            if self._copies:
                self._make(self._copies.popleft())
        for copy in self._copies:
            self._tell(copy, _stopped())

    def _commit_queued(self, *, wait: bool) -> None:
        """One batch of what is there; `wait` for something if there is nothing."""
        batch: list[Row] = []
        while len(batch) < _BATCH and (wait or not self._queue.empty()):
            wait = False
            item = self._queue.get()
            if item is None:
                self._stopping = True
                break
            if isinstance(item, Row):
                batch.append(item)
            else:
                self._copies.append(item)
        if batch:
            self._commit(batch)

    def _make(self, copy: _Copy) -> None:
        try:
            self._database.copy(copy.target, self._between_steps)
        except (sqlite3.Error, OSError, Transient) as error:
            self._tell(copy, error)
        else:
            self._tell(copy, None)

    def _between_steps(self) -> None:
        self._commit_queued(wait=False)
        if self._stopping:
            raise _stopped()

    def _tell(self, copy: _Copy, error: Exception | None) -> None:
        self._loop.call_soon_threadsafe(copy.done, error)

    def _commit(self, batch: Sequence[Row]) -> None:
        try:
            self._database.commit(batch)
        except sqlite3.Error as error:
            if len(batch) == 1:
                self._report(batch, error)
                return
            for row in batch:  # one that does not fit must not take the others with it
                self._commit([row])
        else:
            self._report(batch, None)

    def _report(self, batch: Sequence[Row], error: sqlite3.Error | None) -> None:
        self._loop.call_soon_threadsafe(self._done, batch, error)


def _stopped() -> Transient:
    return Transient("the copy of the database was given up: the server stops")
