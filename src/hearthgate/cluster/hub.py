"""All caches together: one Snapshot after another, each settled, sharing with the last what did not change."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import structlog

from hearthgate.cluster.cache import Findings, KindCache
from hearthgate.cluster.client import Client
from hearthgate.cluster.lastgood import LastGood
from hearthgate.cluster.reflector import Reflector, Timing
from hearthgate.cluster.snapshot import Collection, RefusedObject, Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.kinds import Kind

log = structlog.get_logger(__name__)

SAVE_EVERY: Final = 5.0
"""Seconds between two writes of the last good snapshot; a crash loses at most so much of it."""


class Hub:
    """Reads `kinds` from one API server.

    hold_off: the first change after a quiet time waits so long for company; every further one starts the wait
    anew, up to `max_hold_off` in all. last_good: where to keep the newest snapshot, and what to serve when the
    API server cannot be reached at the start.
    """

    def __init__(
        self,
        client: Client,
        kinds: Iterable[Kind],
        *,
        hold_off: float = 0.002,
        max_hold_off: float = 0.25,
        timing: Timing | None = None,
        last_good: LastGood | None = None,
    ) -> None:
        self._client = client
        self._caches = {kind: KindCache(kind, self._on_change) for kind in kinds}
        self._hold_off = hold_off
        self._max_hold_off = max_hold_off
        self._timing = timing
        self._last_good = last_good
        self._dirty = asyncio.Event()
        self._published = asyncio.Event()
        self._current: Snapshot | None = None
        self._changed_at = 0.0
        self._built: tuple[tuple[Collection, Findings], ...] = ()
        self.stale = False

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest settled snapshot. `stale` says that it comes from disk."""
        return self._current

    @property
    def synced(self) -> bool:
        return all(cache.synced for cache in self._caches.values())

    def missing(self) -> list[str]:
        """The kinds that have not been listed yet, each with the trouble that keeps it, if known."""
        return [
            f"{kind.resource} ({cache.trouble})" if cache.trouble else kind.resource
            for kind, cache in self._caches.items()
            if not cache.synced
        ]

    def caches(self) -> Mapping[Kind, KindCache]:
        """For metrics: per kind the number of objects and lists, `absent`, `trouble`."""
        return self._caches

    def ages(self) -> dict[str, float]:
        """Seconds since the API server was last heard of, per kind that it was heard of at all."""
        now = asyncio.get_running_loop().time()
        return {
            kind.resource: now - cache.last_event
            for kind, cache in self._caches.items()
            if cache.last_event is not None
        }

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        async with asyncio.TaskGroup() as group:
            for cache in self._caches.values():
                group.create_task(Reflector(self._client, cache, timing=self._timing).run())
            group.create_task(self._publish())
            if self._last_good is not None:
                group.create_task(self._keep(self._last_good))

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """The newest snapshot now and after every change. Who is slow misses those in between."""
        seen: Snapshot | None = None
        while True:
            if self._current is seen or self._current is None:
                await self._published.wait()
                continue
            seen = self._current
            yield seen

    def _on_change(self) -> None:
        self._changed_at = asyncio.get_running_loop().time()
        self._dirty.set()

    async def _publish(self) -> None:
        while True:
            await self._dirty.wait()
            await self._settle()
            if self.synced:
                self._build()
            elif self._current is None and any(cache.trouble for cache in self._caches.values()):
                await self._fall_back()

    async def _settle(self) -> None:
        """Returns when nothing has changed for `hold_off`, or `max_hold_off` after the first change."""
        clock = asyncio.get_running_loop().time
        latest = clock() + self._max_hold_off
        while (rest := min(self._changed_at + self._hold_off, latest) - clock()) > 0:  # noqa: ASYNC110 - the deadline moves
            await asyncio.sleep(rest)
        self._dirty.clear()

    def _build(self) -> None:
        state = tuple((cache.collection, cache.findings) for cache in self._caches.values())
        if state == self._built and not self.stale:
            return  # only the state of the connection has changed
        self._built = state
        refused: dict[ObjectRef, tuple[Problem, ...]] = {}
        objects: dict[ObjectRef, RefusedObject] = {}
        for _, found in state:
            refused.update(found.refused)
            objects.update(found.objects)
        collections = {cache.resource_type: cache.collection for cache in self._caches.values()}
        warnings = tuple(warning for _, found in state for warning in found.warnings)
        number = self._current.number + 1 if self._current is not None else 1
        self._show(Snapshot(number, collections, refused, warnings, objects), stale=False)

    def _show(self, snapshot: Snapshot, *, stale: bool) -> None:
        self._current = snapshot
        self.stale = stale
        self._published.set()
        self._published = asyncio.Event()

    async def _fall_back(self) -> None:
        """Shows the snapshot on disk until the API server answers."""
        if self._last_good is None:
            return
        try:
            snapshot = await asyncio.to_thread(self._last_good.load)
        except Permanent as error:
            log.warning("no last good snapshot to serve", error=str(error))
            return
        if snapshot is not None and not self.synced:
            log.warning("API server out of reach, serving the last good snapshot", path=str(self._last_good.path))
            self._show(snapshot, stale=True)

    async def _keep(self, last_good: LastGood) -> None:
        """Writes the newest snapshot to disk, at most every SAVE_EVERY seconds."""
        async for snapshot in self.snapshots():
            if self.stale:
                continue
            try:
                await asyncio.to_thread(last_good.save, snapshot)
            except Permanent as error:
                log.error("last good snapshot not saved", error=str(error))
            await asyncio.sleep(SAVE_EVERY)
