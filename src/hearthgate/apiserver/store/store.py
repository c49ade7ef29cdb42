"""The door of the store: reads from memory, writes one after another per object, everything durable first.

`revision` is global and is the resourceVersion of the API. Revisions are given in the order of commits, so
that a watch which saw one has seen all before.
"""

import asyncio
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
import structlog

from hearthgate.apiserver.errors import ApiError, too_large
from hearthgate.apiserver.store import switch
from hearthgate.apiserver.store.collection import Collection, Entry, Key
from hearthgate.apiserver.store.database import Database, Row
from hearthgate.apiserver.store.history import UNKNOWN, Event, History
from hearthgate.apiserver.store.lock import FolderLock
from hearthgate.apiserver.store.schema import is_full
from hearthgate.apiserver.store.writer import Writer

Object = dict[str, Any]

HISTORY: Final = 4096
HISTORY_BYTES: Final = 64 * 1024 * 1024
OBJECT_LIMIT: Final = 1_572_864
"""etcd's limit for one value, as upstream refuses it."""

_log = structlog.get_logger(__name__)


class Put(NamedTuple):
    """Create or replace. The store sets metadata.resourceVersion."""

    object: Object


class Remove(NamedTuple):
    """Delete; `object` is the last state that watches shall see."""

    object: Object


Decide = Callable[[Entry | None], Put | Remove | None]
"""From the current entry to the change; None leaves it as it is. Runs under the object's lock; may raise."""


Observer = Callable[[str, Event], None]
"""Called with the resource and the change. Must not wait."""


class Mutated(NamedTuple):
    """`entry`: the state after (or the last one, when deleted). `type`: ADDED, MODIFIED, DELETED or empty."""

    entry: Entry | None
    type: str = ""


class Store:
    """Use `open`; close exactly once. All methods belong to one event loop."""

    def __init__(self, lock: FolderLock, loaded: "_Loaded") -> None:
        self._lock = lock
        self._database = loaded.database
        self._collections = loaded.collections
        self._histories = loaded.histories
        self._history_limit = loaded.history_limit
        self._floor = loaded.floor
        self._given = self._visible = loaded.database.first_revision
        self._unwritable = ""
        self._pending: dict[int, asyncio.Future[Mutated]] = {}
        self._locks: weakref.WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._tasks: set[asyncio.Task[Mutated]] = set()
        self._observers: list[Observer] = []
        self._writer = Writer(loaded.database, asyncio.get_running_loop(), self._committed)

    @classmethod
    async def open(cls, folder: Path, *, history: int = HISTORY, max_pages: int | None = None) -> Self:
        """Raises Permanent when the folder is in use, damaged, or its key is missing.

        history: changes kept per resource. max_pages: an upper bound of the file's size.
        """
        lock = await asyncio.to_thread(FolderLock, folder)
        try:
            return cls(lock, await asyncio.to_thread(_load, folder, history, max_pages))
        except BaseException:
            lock.release()
            raise

    @property
    def revision(self) -> int:
        """Everything up to it is readable and in the histories."""
        return self._visible

    def observe(self, observer: Observer) -> None:
        """Told of every change once it is readable and before its writer is, even when that one has left."""
        self._observers.append(observer)

    def collection(self, resource: str) -> Collection:
        """The objects of any resource; none of one that was never written."""
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = Collection()
        return found

    def history(self, resource: str) -> History:
        found = self._histories.get(resource)
        if found is None:
            found = self._histories[resource] = History(self._history_limit, HISTORY_BYTES, self._floor)
        return found

    def retire(self, resource: str) -> None:
        """Ends the watches of a resource that is no longer served; whoever comes back later lists again."""
        if (history := self._histories.get(resource)) is not None:
            history.close()
            self._histories[resource] = History(self._history_limit, HISTORY_BYTES, self._visible)

    async def mutate(self, resource: str, key: Key, decide: Decide) -> Mutated:
        """Changes one object; answers after COMMIT. A cancelled caller does not cancel the write.

        Raises what `decide` raises, and ApiError when the state cannot be written.
        """
        task = asyncio.get_running_loop().create_task(self._mutate(resource, key, decide))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def copy(self, target: Path) -> None:
        """Copies the database file as it is when this returns, without Events and Leases; writes go on meanwhile.

        Raises ApiError when there is no room for it, or the store is closed.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(_unwritten(error) if isinstance(error, sqlite3.Error) else error)

        self._writer.copy(target, done)
        await future

    async def settle(self) -> None:
        """Returns when the writes that are under way now have ended."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def end_watches(self) -> None:
        """Everything that waits for a change returns: the server stops."""
        for history in self._histories.values():
            history.close()

    async def close(self) -> None:
        self.end_watches()
        while self._tasks:
            await self.settle()
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._database.close, self._given)
        self._lock.release()

    async def _mutate(self, resource: str, key: Key, decide: Decide) -> Mutated:
        lock = self._locks.setdefault((resource, *key), asyncio.Lock())
        async with lock:
            current = self.collection(resource).get(*key)
            change = decide(current)
            if change is None:
                return Mutated(current)
            return await self._submit(resource, key, change, exists=current is not None)

    async def _submit(self, resource: str, key: Key, change: Put | Remove, *, exists: bool) -> Mutated:
        self._given += 1
        revision = self._given
        change.object["metadata"]["resourceVersion"] = str(revision)
        raw = msgspec.json.encode(change.object)
        if len(raw) > OBJECT_LIMIT:
            raise too_large(f"object is too large: {len(raw)} bytes, at most {OBJECT_LIMIT}")
        kind = "DELETED" if isinstance(change, Remove) else "MODIFIED" if exists else "ADDED"
        future: asyncio.Future[Mutated] = asyncio.get_running_loop().create_future()
        self._pending[revision] = future
        self._writer.submit(Row(resource, *key, revision, raw, kind))
        return await future

    def _committed(self, batch: Sequence[Row], error: sqlite3.Error | None) -> None:
        self._tell(error)
        for row in batch:
            future = self._pending.pop(row.revision)
            if error is not None:
                future.set_exception(_unwritten(error))
                continue
            future.set_result(Mutated(self._publish(row), row.type))

    def _tell(self, error: sqlite3.Error | None) -> None:
        """Logs the first refused write, and the end of it: on a full disk everybody tries again and again."""
        if error is not None and self._unwritable != str(error):
            _log.error("writes are refused, reading goes on", error=str(error))
        elif error is None and self._unwritable:
            _log.info("writes work again")
        self._unwritable = "" if error is None else str(error)

    def _publish(self, row: Row) -> Entry:
        collection = self.collection(row.resource)
        before = collection.get(row.namespace, row.name)
        entry = Entry(row.namespace, row.name, row.revision, row.data)
        if row.type == "DELETED":
            collection.remove(row.namespace, row.name)
        else:
            collection.put(entry)
        self._visible = row.revision
        event = Event(row.revision, row.type, row.namespace, row.name, row.data, before and before.raw)
        self.history(row.resource).append(event)
        for observer in self._observers:
            try:
                observer(row.resource, event)
            except Exception:
                # A bug of ours: the write is done all the same, and whoever waits for it must hear.
                _log.exception("observer of the store failed", resource=row.resource, type=row.type)
        return entry

    def _finished(self, task: asyncio.Task[Mutated]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone; it is not an unseen failure


class _Loaded(NamedTuple):
    database: Database
    collections: dict[str, Collection]
    histories: dict[str, History]
    history_limit: int
    floor: int


def _load(folder: Path, history: int, max_pages: int | None) -> _Loaded:
    switch.finish(folder)
    database = Database(folder, history=history, max_pages=max_pages)
    try:
        entries: dict[str, list[Entry]] = {}
        for row in database.objects():
            entry = Entry(row.namespace, row.name, row.revision, row.data)
            entries.setdefault(row.resource, []).append(entry)
        events = _past(database.log())
        floor, floors = database.floor(), database.floors()
    except BaseException:
        database.abandon()
        raise
    return _Loaded(
        database,
        {resource: Collection(found) for resource, found in entries.items()},
        {
            resource: History(
                history, HISTORY_BYTES, max(floor, floors.get(resource, 0)), events.get(resource, ())
            )
            for resource in sorted({*floors, *events})
        },
        history,
        floor,
    )


def _past(log: Iterable[Row]) -> dict[str, list[Event]]:
    """The logged changes, each with the state before it as far as the log knows it."""
    events: dict[str, list[Event]] = {}
    last: dict[tuple[str, str, str], bytes | None] = {}
    for row in log:
        key = (row.resource, row.namespace, row.name)
        before = None if row.type == "ADDED" else last.get(key, UNKNOWN)
        last[key] = None if row.type == "DELETED" else row.data
        event = Event(row.revision, row.type, row.namespace, row.name, row.data, before)
        events.setdefault(row.resource, []).append(event)
    return events


def _unwritten(error: sqlite3.Error) -> ApiError:
    if is_full(error):
        return ApiError(507, "InsufficientStorage", "the disk of the state folder is full: nothing was changed")
    if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        message = (
            "the database of the state folder is damaged: nothing was changed, and what was read at the start"
            " is still served; stop and bring a backup back with `hearthgate restore`"
        )
        return ApiError(500, "InternalError", message)
    return ApiError(500, "InternalError", f"the state cannot be written ({error}): nothing was changed")
