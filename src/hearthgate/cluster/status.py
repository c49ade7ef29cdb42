"""Writes conditions into the status of objects: only ours, only when they change, never over another's write.

Every patch names the resourceVersion it was made from; when that is no longer the object's, the object is read
anew and compared again, so a late cache costs a request, not a wrong status. Kinds without the status subresource
on this server (upstream's own definitions of traefik.io have none) are left alone: there, Events tell.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from hearthgate.cluster.client import Client, Object
from hearthgate.cluster.conditions import merge_conditions
from hearthgate.cluster.errors import Conflict, NotFound
from hearthgate.cluster.limits import TokenBucket
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import RefusedObject, Subject
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Condition, ConditionsStatus
from hearthgate.resources.registry import BY_TYPE, KINDS

log = structlog.get_logger(__name__)

_BY_NAME: Mapping[str, Kind] = {kind.kind: kind for kind in KINDS}
_ATTEMPTS = 3
"""Conflicts in a row that are met at once; then the queue's delays."""


def now_utc() -> datetime:
    return datetime.now(UTC)


class _Wanted(NamedTuple):
    """base: the conditions that the object had at `version`; None when they are not known."""

    kind: Kind
    version: str
    conditions: tuple[Condition, ...]
    base: tuple[Condition, ...] | None


class _Own(NamedTuple):
    """Our last write: the cache may not show it yet, or never, as a status is no change for it."""

    seen: str
    version: str
    base: tuple[Condition, ...]


class StatusWriter:
    """Takes what each object's conditions should be; `run` writes them. rate: writes per second, on average."""

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], datetime] = now_utc,
        workers: int = 4,
        rate: float = 100.0,
        burst: float = 200.0,
        queue: WorkQueue[ObjectRef] | None = None,
    ) -> None:
        self._client = client
        self._now = now
        self._workers = workers
        self._bucket = TokenBucket(rate, burst)
        self._queue: WorkQueue[ObjectRef] = queue or WorkQueue(first=0.1, most=60.0)
        self._wanted: dict[ObjectRef, _Wanted] = {}
        self._own: dict[ObjectRef, _Own] = {}
        self._without_status: set[Kind] = set()
        self.written = 0

    def want(self, subject: Subject, conditions: Iterable[Condition]) -> None:
        """The object shall have these conditions, each stamped with the generation of `subject`. Cheap when
        nothing has changed; never waits, never raises. Types that are not named are left alone."""
        ref = subject.ref
        kind, version, generation, base = _known(subject)
        if kind in self._without_status:
            return
        stamped = tuple(
            msgspec.structs.replace(condition, observed_generation=generation, last_transition_time="")
            for condition in conditions
        )
        known = self._wanted.get(ref)
        if known is not None and known.version == version and known.conditions == stamped:
            return
        self._wanted[ref] = _Wanted(kind, version, stamped, base)
        own = self._own.get(ref)
        if base is not None and own is not None and own.seen == version:
            base = own.base
        if base is None or _merged(base, stamped, self._now()) is not None:
            self._queue.add(ref)
        else:
            self._queue.discard(ref)

    def retain(self, refs: AbstractSet[ObjectRef]) -> None:
        """Forgets every object that is not among `refs`: gone, or no longer ours to speak of."""
        for ref in [ref for ref in self._wanted if ref not in refs]:
            del self._wanted[ref]
            self._own.pop(ref, None)
            self._queue.discard(ref)

    def lacks_status(self, kind: Kind) -> bool:
        """Whether the server turned out to have no status subresource for the kind."""
        return kind in self._without_status

    async def idle(self) -> None:
        """Returns when everything wanted is written or given up."""
        await self._queue.idle()

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        await self._queue.work(self._write, workers=self._workers)

    async def _write(self, ref: ObjectRef) -> None:
        wanted = self._wanted.get(ref)
        if wanted is None or wanted.kind in self._without_status:
            return
        patch = self._from_cache(ref, wanted)
        try:
            for attempt in range(_ATTEMPTS):
                if patch is None:
                    patch = self._from_object(wanted, await self._client.get(wanted.kind, ref.namespace, ref.name))
                    if patch is None:
                        return
                try:
                    await self._patch(ref, wanted, patch)
                    return
                except Conflict:
                    patch = None
                    if attempt == _ATTEMPTS - 1:
                        raise
        except NotFound:
            # The object is gone, and with it the wish; or it comes back and is wanted anew.
            if self._wanted.get(ref) is wanted:
                del self._wanted[ref]
                self._own.pop(ref, None)

    async def _patch(self, ref: ObjectRef, wanted: _Wanted, patch: Object) -> None:
        kind = wanted.kind
        await asyncio.sleep(self._bucket.reserve(asyncio.get_running_loop().time()))
        try:
            written = await self._client.patch_status(kind, ref.namespace, ref.name, patch)
        except NotFound:
            await self._client.get(kind, ref.namespace, ref.name)
            # The object is there: it is the subresource that is not.
            self._without_status.add(kind)
            log.info("the server has no status for this kind, Events only", kind=kind.resource)
            return
        self.written += 1
        version = str(written["metadata"].get("resourceVersion", ""))
        self._own[ref] = _Own(wanted.version, version, tuple(map(_condition, _entries(written))))

    def _from_cache(self, ref: ObjectRef, wanted: _Wanted) -> Object | None:
        """The patch made from the cached object; None when the object must be read first: nothing is known of its
        status, or others write there too, whose conditions may have fields that the typed object does not hold."""
        if wanted.base is None or not wanted.version:
            return None
        version, base = wanted.version, wanted.base
        own = self._own.get(ref)
        if own is not None and own.seen == version:
            version, base = own.version, own.base
        ours = {condition.type for condition in wanted.conditions}
        if any(condition.type not in ours for condition in base):
            return None
        merged = merge_conditions(base, wanted.conditions, self._now())
        return _patch_of(version, [msgspec.to_builtins(condition) for condition in merged])

    def _from_object(self, wanted: _Wanted, found: Object) -> Object | None:
        """The patch made from the object as the server has it; None when it needs none."""
        entries = _entries(found)
        ours = {condition.type for condition in wanted.conditions}
        base = tuple(_condition(entry) for entry in entries if entry.get("type") in ours)
        merged = _merged(base, wanted.conditions, self._now())
        if merged is None:
            return None
        by_type: dict[str, Any] = {condition.type: msgspec.to_builtins(condition) for condition in merged}
        kept = [by_type.pop(str(entry.get("type")), entry) for entry in entries]
        return _patch_of(str(found["metadata"].get("resourceVersion", "")), [*kept, *by_type.values()])


def _known(subject: Subject) -> tuple[Kind, str, int, tuple[Condition, ...] | None]:
    if isinstance(subject, RefusedObject):
        return _BY_NAME[subject.ref.kind], subject.resource_version, subject.generation, None
    metadata = subject.metadata
    status = subject.status
    base = status.conditions if isinstance(status, ConditionsStatus) else () if status is None else None
    return BY_TYPE[type(subject)], metadata.resource_version, metadata.generation, base


def _merged(
    base: tuple[Condition, ...], wanted: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...] | None:
    """The new conditions, or None when they are those of `base`."""
    merged = merge_conditions(base, wanted, now)
    return None if merged == base else merged


def _entries(found: Object) -> list[Object]:
    """The conditions of an object as the server has them."""
    status = found.get("status")
    raw = status.get("conditions") if isinstance(status, dict) else None
    return [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []


def _condition(entry: Mapping[str, Any]) -> Condition:
    """A condition as found on the server; blank but for its type when it is not one."""
    try:
        return msgspec.convert(entry, Condition)
    except msgspec.ValidationError:
        return Condition(type=str(entry.get("type")), status="")


def _patch_of(version: str, conditions: list[Any]) -> Object:
    return {"metadata": {"resourceVersion": version}, "status": {"conditions": conditions}}
