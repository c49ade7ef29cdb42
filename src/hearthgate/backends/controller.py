"""Keeps the EndpointSlices of Services without pods at what annotations and Endpoints objects say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol

import structlog

from hearthgate.backends.upkeep import Diff, Upkeep
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Problem
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

WORKERS: Final = 8
LONGEST_BLIND: Final = 0.5
"""Seconds without a look at a newer snapshot, while writes are under way or fail."""
MANAGER: Final = "hearthgate-endpoints"

_KIND: Final = BY_TYPE[EndpointSlice]


class Writer(Protocol):
    """What is used of the cluster's Client."""

    async def apply(self, kind: Kind, content: Mapping[str, Any], *, manager: str) -> object: ...
    async def delete(self, kind: Kind, namespace: str, name: str) -> None: ...


class BackendsController:
    """mirrors: whether Endpoints are mirrored; on a real cluster its own controller does that.
    on_problems: called with all problems whenever they change."""

    def __init__(
        self,
        client: Writer,
        *,
        mirrors: bool = True,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None,
    ) -> None:
        self._client = client
        self._upkeep = Upkeep(mirrors=mirrors)
        self._taken = False
        self._refused: set[Key] = set()
        """Services whose slices the API would not take: another object may have been the reason."""
        self._on_problems = on_problems
        self._queue: WorkQueue[Key] = WorkQueue(first=0.05, most=30.0)
        self.problems: tuple[Problem, ...] = ()
        self.settled = asyncio.Event()
        """Set once a snapshot has all the slices that its Services ask for."""

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled, or the snapshots end and everything is written."""
        async with asyncio.TaskGroup() as group:
            workers = group.create_task(self._queue.work(self._write, workers=WORKERS))
            async for snapshot in snapshots:
                self._take(snapshot)
                # What is being written comes back as snapshots: one look after all of it, not one after each.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST_BLIND):
                        await self._queue.idle()
            await self._queue.idle()
            workers.cancel()

    def _take(self, snapshot: Snapshot) -> None:
        touched = self._upkeep.take(snapshot)
        if self._taken and not touched:
            return  # most changes concern neither Services nor endpoints
        self._taken = True
        again, self._refused = self._refused, set()
        for key in sorted({*touched, *again}):
            if key in self._upkeep.steps:
                self._queue.add(key)
        if not self._upkeep.steps:
            self.settled.set()
        if self._upkeep.problems != self.problems:
            self.problems = self._upkeep.problems
            self._on_problems(self.problems)

    async def _write(self, key: Key) -> None:
        """Does what the newest snapshot asks for one Service: writes first, so that it never lacks endpoints."""
        try:
            await self._take_steps(self._upkeep.steps.get(key, Diff((), ())))
        except Permanent:
            self._refused.add(key)
            raise

    async def _take_steps(self, steps: Diff) -> None:
        for wanted in steps.apply:
            await self._client.apply(_KIND, wanted.manifest(), manager=MANAGER)
            log.debug("endpoints written", slice=str(wanted.ref), endpoints=len(wanted.endpoints))
        for gone in steps.delete:
            with contextlib.suppress(NotFound):
                await self._client.delete(_KIND, gone.namespace, gone.name)
                log.debug("endpoints removed", slice=str(gone.ref))
