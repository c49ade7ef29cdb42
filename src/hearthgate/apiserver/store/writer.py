"""The one thread that writes: takes what has queued up, commits it together, reports each result."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Final

from hearthgate.apiserver.store.database import Database, Row

_BATCH: Final = 256

Done = Callable[[Sequence[Row], sqlite3.Error | None], None]


class Writer:
    """Rows are committed in the order of `submit`; `done` is called on the loop, in the same order."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        self._database = database
        self._loop = loop
        self._done = done
        self._queue: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hearthgate-store", daemon=True)
        self._thread.start()

    def submit(self, row: Row) -> None:
        self._queue.put(row)

    def stop(self) -> None:
        """Blocks until everything submitted is committed."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            while len(batch) < _BATCH and not self._queue.empty():
                row = self._queue.get()
                if row is None:
                    running = False
                    break
                batch.append(row)
            self._commit(batch)

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
