"""Keeps the EndpointSlices of Services without pods at what annotations and Endpoints objects say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import structlog

from hearthgate.backends.desired import Desired, DesiredSlices, Diff, PresentSlices, by_service, steps
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Collection, Key, Snapshot
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
        self._slices = DesiredSlices(mirrors=mirrors)
        self._present = PresentSlices()
        self._seen: tuple[Collection, Desired] | None = None
        self._on_problems = on_problems
        self._queue: WorkQueue[Key] = WorkQueue(first=0.05, most=30.0)
        self._steps: Mapping[Key, Diff] = MappingProxyType({})
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
        desired = self._slices.of(snapshot)
        slices = snapshot.collection(EndpointSlice)
        if self._seen is not None and self._seen[0] is slices and self._seen[1] is desired:
            return  # most changes concern neither Services nor endpoints
        self._seen = (slices, desired)
        wanted, problems = desired
        self._steps = by_service(steps(self._present.of(snapshot), wanted))
        for key in self._steps:
            self._queue.add(key)
        if not self._steps:
            self.settled.set()
        if problems != self.problems:
            self.problems = problems
            self._on_problems(problems)

    async def _write(self, key: Key) -> None:
        """Does what the newest snapshot asks for one Service: writes first, so that it never lacks endpoints."""
        steps = self._steps.get(key, Diff((), ()))
        for wanted in steps.apply:
            await self._client.apply(_KIND, wanted.manifest(), manager=MANAGER)
            log.debug("endpoints written", slice=str(wanted.ref), endpoints=len(wanted.endpoints))
        for gone in steps.delete:
            with contextlib.suppress(NotFound):
                await self._client.delete(_KIND, gone.namespace, gone.name)
                log.debug("endpoints removed", slice=str(gone.ref))
