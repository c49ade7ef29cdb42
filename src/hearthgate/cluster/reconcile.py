"""Runs reconcilers: level-triggered work on one object at a time, from the newest snapshot.

A reconciler never remembers where it was: it looks at the snapshot, does the next step and returns; what it wrote
comes back as another snapshot. So a crash between any two steps loses nothing. A snapshot may lag behind our own
writes: every write names the version it was made from, and a Conflict means to look again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import structlog

from hearthgate.cluster.changes import changes
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.resources.meta import Resource

log = structlog.get_logger(__name__)

LONGEST_SLEEP: Final = 600.0
"""Seconds: whatever waits for a moment of the clock is looked at so often, since clocks are set."""
_NOTHING: Final = Collection({})


class Reconciler(Protocol):
    """kind: of the objects it works on. workers: how many at a time. limit: seconds that one step may take."""

    kind: type[Resource]
    workers: int
    limit: float

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        """Brings an object, which may be gone, one step on. Returns after how many seconds to look again even
        if nothing changes; None: not before something does. Raises Transient and Permanent as work queues
        take them."""

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        """Which objects of `kind` must be looked at when an object of another kind has changed or is gone: asked
        of what it was and of what it is."""


class _Task(NamedTuple):
    """A key of the one queue of a reconciler; its text stands in log lines."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Reconcilers:
    """kinds: whose changes concern somebody."""

    def __init__(self, reconcilers: Sequence[Reconciler], kinds: Iterable[type[Resource]]) -> None:
        self._reconcilers = tuple(reconcilers)
        self._queues: Mapping[Reconciler, WorkQueue[_Task]] = MappingProxyType(
            {reconciler: WorkQueue(first=0.005, most=300.0) for reconciler in reconcilers}
        )
        self._kinds = tuple(dict.fromkeys((*(reconciler.kind for reconciler in reconcilers), *kinds)))
        self._seen: dict[type[Resource], Collection] = {}
        self._snapshot = Snapshot()

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reconciler, queue in self._queues.items():
                group.create_task(self._work(reconciler, queue))
            async for snapshot in snapshots:
                self._take(snapshot)

    async def settled(self) -> None:
        """Returns once nothing is queued, delayed or worked on in any queue."""
        for queue in self._queues.values():
            await queue.idle()

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        for kind in self._kinds:
            collection = snapshot.collection(kind)
            for change in changes(self._seen.get(kind, _NOTHING), collection).values():
                for resource in change:
                    if resource is not None:
                        self._spread(snapshot, resource)
            self._seen[kind] = collection

    def _spread(self, snapshot: Snapshot, resource: Resource) -> None:
        for reconciler, queue in self._queues.items():
            if isinstance(resource, reconciler.kind):
                queue.add(_Task(reconciler.kind.__name__, *resource.key))
            for namespace, name in reconciler.concerned(snapshot, resource):
                queue.add(_Task(reconciler.kind.__name__, namespace, name))

    async def _work(self, reconciler: Reconciler, queue: WorkQueue[_Task]) -> None:
        async def handle(task: _Task) -> None:
            again = await reconciler.reconcile(self._snapshot, task.namespace, task.name)
            if again is not None:
                queue.add_after(task, min(max(again, 0.0), LONGEST_SLEEP))

        await queue.work(handle, workers=reconciler.workers, timeout=reconciler.limit)
