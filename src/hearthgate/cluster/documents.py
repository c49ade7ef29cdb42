"""Writes statuses that are more than conditions, and of which other controllers write a part: whole documents,
merged into what the object has at the moment of writing.

As for conditions: only when something differs, and never over another's write, because every patch names the
resourceVersion that it was made from.
"""

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import Conflict, NotFound
from hearthgate.cluster.limits import TokenBucket
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.status import now_utc
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

_ATTEMPTS = 3


class StatusDocument(Protocol):
    """What a status should say. Compared by value."""

    def merged(self, status: Mapping[str, Any], generation: int, now: datetime) -> dict[str, Any]:
        """The top fields of the status that are ours, made from the status that the object has. Merging the same
        again changes nothing."""

    def is_empty(self) -> bool:
        """Whether an object without a status needs none."""


class _Wanted(NamedTuple):
    kind: Kind
    version: str
    generation: int
    document: StatusDocument


class DocumentWriter:
    """Takes what each object's status should be; `run` writes it. rate: writes per second, on average."""

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], datetime] = now_utc,
        workers: int = 2,
        rate: float = 50.0,
        burst: float = 100.0,
    ) -> None:
        self._client = client
        self._now = now
        self._workers = workers
        self._bucket = TokenBucket(rate, burst)
        self._queue: WorkQueue[ObjectRef] = WorkQueue(first=0.1, most=60.0)
        self._wanted: dict[ObjectRef, _Wanted] = {}
        self.written = 0

    def want(self, subject: Resource, document: StatusDocument) -> None:
        """The object's status shall say this, of the generation of `subject`. Cheap when nothing has changed;
        never waits, never raises."""
        metadata = subject.metadata
        wanted = _Wanted(BY_TYPE[type(subject)], metadata.resource_version, metadata.generation, document)
        if self._wanted.get(subject.ref) == wanted:
            return
        self._wanted[subject.ref] = wanted
        if _says(subject.status, wanted, self._now()):
            self._queue.discard(subject.ref)
        else:
            self._queue.add(subject.ref)

    def retain(self, refs: AbstractSet[ObjectRef]) -> None:
        """Forgets every object that is not among `refs`."""
        for ref in [ref for ref in self._wanted if ref not in refs]:
            del self._wanted[ref]
            self._queue.discard(ref)

    async def idle(self) -> None:
        """Returns when everything wanted is written or given up."""
        await self._queue.idle()

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        await self._queue.work(self._write, workers=self._workers)

    async def _write(self, ref: ObjectRef) -> None:
        wanted = self._wanted.get(ref)
        if wanted is None:
            return
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    await self._patch(ref, wanted)
                    return
                except Conflict:
                    if attempt == _ATTEMPTS - 1:
                        raise
        except NotFound:
            # The object is gone, or the server knows no status of it: it is wanted anew when it comes back.
            if self._wanted.get(ref) is wanted:
                del self._wanted[ref]

    async def _patch(self, ref: ObjectRef, wanted: _Wanted) -> None:
        found = await self._client.get(wanted.kind, ref.namespace, ref.name)
        raw = found.get("status")
        status = raw if isinstance(raw, Mapping) else {}
        merged = wanted.document.merged(status, wanted.generation, self._now())
        if all(status.get(name) == value for name, value in merged.items()):
            return
        await asyncio.sleep(self._bucket.reserve(asyncio.get_running_loop().time()))
        version = str(found["metadata"].get("resourceVersion", ""))
        patch = {"metadata": {"resourceVersion": version}, "status": merged}
        await self._client.patch_status(wanted.kind, ref.namespace, ref.name, patch)
        self.written += 1


def _says(status: Any, wanted: _Wanted, now: datetime) -> bool:
    """Whether a status, as it was read, says what is wanted already."""
    if status is None:
        return wanted.document.is_empty()
    plain = msgspec.to_builtins(status)
    merged = {**plain, **wanted.document.merged(plain, wanted.generation, now)}
    return bool(msgspec.convert(merged, type(status)) == status)
