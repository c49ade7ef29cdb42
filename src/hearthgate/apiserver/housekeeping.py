"""What the API does by itself: empties ended namespaces, removes dependents of what is gone, forgets Events.

Level-triggered: at the start everything is looked at once, so that a death in between loses nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.expiry import EventExpiry
from hearthgate.apiserver.semantics.definitions import DEFINITIONS
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Object, Store
from hearthgate.apiserver.verbs import Options, Preconditions, Verbs, is_terminating
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

_SWEEP_EVERY: Final = 60.0
_RETRY_AFTER: Final = 5.0
_ACTOR: Final = Options(manager="hearthgate-api")

_log = structlog.get_logger(__name__)


class _Namespace(NamedTuple):
    """A namespace that may have ended."""

    name: str


class _Definition(NamedTuple):
    """A custom resource definition that may have ended."""

    name: str


class _Owner(NamedTuple):
    """The uid of an object that has gone; its dependents follow, or with `orphan` stay without it."""

    uid: str
    orphan: bool


class Housekeeping:
    """`run` until cancelled; `on_end` and `on_terminating` are told by the verbs."""

    def __init__(self, store: Store, verbs: Verbs, served: ServedKinds) -> None:
        self._store = store
        self._verbs = verbs
        self._served = served
        self._namespaces = BY_API_VERSION["v1", "Namespace"]
        self._events = BY_API_VERSION["v1", "Event"]
        self._expiry = EventExpiry(monotonic)
        self._queue: asyncio.Queue[_Namespace | _Definition | _Owner] = asyncio.Queue()

    def on_end(self, kind: Kind, obj: Object, orphan: bool) -> None:
        metadata = obj["metadata"]
        if kind is not self._events:
            self._queue.put_nowait(_Owner(metadata["uid"], orphan))
        if kind.schema is not None and self._is_ending(kind.resource):
            self._queue.put_nowait(_Definition(kind.resource))
        if namespace := metadata.get("namespace"):
            entry = self._store.collection(self._namespaces.resource).get("", namespace)
            if entry is not None and is_terminating(entry):
                self._queue.put_nowait(_Namespace(namespace))

    def on_terminating(self, namespace: str) -> None:
        self._queue.put_nowait(_Namespace(namespace))

    def on_definition(self, name: str, definition: Object | None) -> None:
        if definition is not None and "deletionTimestamp" in definition["metadata"]:
            self._queue.put_nowait(_Definition(name))

    async def run(self) -> None:
        for entry in self._store.collection(DEFINITIONS).entries():
            self._queue.put_nowait(_Definition(entry.name))
        for entry in self._store.collection(self._namespaces.resource).entries():
            self._queue.put_nowait(_Namespace(entry.name))
        for uid in self._lost_owners():
            self._queue.put_nowait(_Owner(uid, orphan=False))
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(next_sweep):
                    work = await self._queue.get()
            except TimeoutError:
                await self._sweep_events()
                next_sweep = loop.time() + _SWEEP_EVERY
            else:
                await self._tidy(work)

    async def _tidy(self, work: _Namespace | _Definition | _Owner) -> None:
        try:
            match work:
                case _Namespace():
                    await self._empty(work.name)
                case _Definition():
                    await self._drop(work.name)
                case _Owner():
                    await self._follow(work)
        except ApiError as error:
            # A full disk, for instance: nothing is lost, it is tried again later.
            _log.warning("housekeeping postponed", error=error.message)
            asyncio.get_running_loop().call_later(_RETRY_AFTER, self._queue.put_nowait, work)

    async def _empty(self, namespace: str) -> None:
        """Deletes what is in a terminating namespace, then the namespace."""
        entry = self._store.collection(self._namespaces.resource).get("", namespace)
        if entry is None or not is_terminating(entry):
            return
        await self._store.settle()  # creations that were let in before the namespace began to end
        left = 0
        for kind in self._served.stored:
            for held in self._store.collection(kind.resource).entries(namespace) if kind.namespaced else ():
                await self._delete(kind, namespace, held.name)
            left += len(self._store.collection(kind.resource).entries(namespace)) if kind.namespaced else 0
        if not left:  # else finalizers hold something: the end of the last one comes back here
            await self._verbs.finish_namespace(self._namespaces, namespace)

    async def _drop(self, resource: str) -> None:
        """Deletes the objects of an ending definition, then lets it go. Native kinds keep theirs."""
        if not self._is_ending(resource):
            return
        await self._store.settle()
        if not self._served.is_native(resource) and (view := self._served.stored_as(resource)) is not None:
            for held in self._store.collection(resource).entries():
                await self._delete(view, held.namespace, held.name)
            if self._store.collection(resource).entries():
                return  # finalizers hold something: the end of the last one comes back here
        await self._verbs.finish_definition(resource)

    def _is_ending(self, definition: str) -> bool:
        entry = self._store.collection(DEFINITIONS).get("", definition)
        return entry is not None and is_terminating(entry)

    async def _follow(self, owner: _Owner) -> None:
        """Background garbage collection: a dependent goes when none of its owners is left."""
        mark = owner.uid.encode()
        for kind in self._served.stored:
            for entry in self._store.collection(kind.resource).entries():
                if mark not in entry.raw:
                    continue
                references = _references(msgspec.json.decode(entry.raw))
                others = [held for held in references if held.get("uid") != owner.uid]
                if len(others) == len(references):
                    continue
                if owner.orphan or any(self._exists(kind, entry.namespace, held) for held in others):
                    await self._disown(kind, entry.namespace, entry.name, owner.uid)
                else:
                    await self._delete(kind, entry.namespace, entry.name)

    def _exists(self, dependent: Kind, namespace: str, reference: dict[str, Any]) -> bool:
        """Whether an owner is there; one of a kind that is not served counts as there."""
        served = self._served.of(str(reference.get("apiVersion")), str(reference.get("kind")))
        if served is None:
            return True
        kind = served.storage
        place = namespace if kind.namespaced else ""
        entry = self._store.collection(kind.resource).get(place, str(reference.get("name")))
        return entry is not None and msgspec.json.decode(entry.raw)["metadata"]["uid"] == reference.get("uid")

    def _lost_owners(self) -> Sequence[str]:
        """Owners that went while nobody followed."""
        lost: dict[str, None] = {}
        for kind in self._served.stored:
            for entry in self._store.collection(kind.resource).entries():
                if b'"ownerReferences"' in entry.raw:
                    for reference in _references(msgspec.json.decode(entry.raw)):
                        if not self._exists(kind, entry.namespace, reference):
                            lost[str(reference.get("uid"))] = None
        return tuple(lost)

    async def _delete(self, kind: Kind, namespace: str, name: str) -> None:
        try:
            await self._verbs.delete(kind, namespace, name, _ACTOR, Preconditions())
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _disown(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        def change(current: Object) -> Object:
            kept = [held for held in _references(current) if held.get("uid") != uid]
            metadata = {key: value for key, value in current["metadata"].items() if key != "ownerReferences"}
            return {**current, "metadata": {**metadata, **({"ownerReferences": kept} if kept else {})}}

        try:
            await self._verbs.update(kind, namespace, name, change, _ACTOR)
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _sweep_events(self) -> None:
        now = datetime.fromisoformat(self._verbs.now())
        try:
            for entry in self._expiry.over(self._store.collection(self._events.resource).entries(), now):
                await self._delete(self._events, entry.namespace, entry.name)
        except ApiError as error:
            _log.warning("events are not swept, trying again later", error=error.message)


def _references(obj: Object) -> list[dict[str, Any]]:
    return [held for held in obj["metadata"].get("ownerReferences") or () if isinstance(held, dict)]
