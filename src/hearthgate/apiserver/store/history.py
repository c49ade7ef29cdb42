"""The last changes of one resource, from which watches read: one shared ring instead of a queue for each."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

UNKNOWN: Final = b""
"""`Event.before` when an older process saw the object's earlier state and this one does not know it."""


class Expired(Exception):
    """The changes after the asked revision are no longer all here."""


class Event(NamedTuple):
    """One change. `raw`: the object after it, or for DELETED its last state with the new revision.
    `before`: the object before it, None if there was none, `UNKNOWN` if nobody knows."""

    revision: int
    type: str
    namespace: str
    name: str
    raw: bytes
    before: bytes | None


class History:
    """Keeps at least the last `limit` changes unless their bytes exceed `max_bytes`."""

    def __init__(self, limit: int, max_bytes: int, floor: int = 0, events: Iterable[Event] = ()) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._events = list(events)
        self._bytes = sum(len(event.raw) for event in self._events)
        self._floor = floor
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def append(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += len(event.raw)
        if len(self._events) > 2 * self._limit or self._bytes > self._max_bytes:
            self._cut()
        self._wake()

    def since(self, revision: int) -> list[Event]:
        """Every change after `revision`, oldest first. Raises Expired when some are gone."""
        if revision < self._floor:
            raise Expired
        return self._events[bisect_right(self._events, revision, key=_revision) :]

    async def wait(self, revision: int) -> None:
        """Returns once there is a change after `revision`, or the history is closed."""
        while not self._closed and not (self._events and self._events[-1].revision > revision):
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    def close(self) -> None:
        """Ends every wait: the server stops."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def _cut(self) -> None:
        """Half of the ring at a time, so that a change costs O(1) on average."""
        gone = max(len(self._events) - self._limit, len(self._events) // 2)
        self._floor = self._events[gone - 1].revision
        self._bytes -= sum(len(event.raw) for event in self._events[:gone])
        del self._events[:gone]


def _revision(event: Event) -> int:
    return event.revision
