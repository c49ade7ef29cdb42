"""What the API does by itself: empties ended namespaces and definitions, fills in new defaults, collects garbage,
forgets Events.

Level-triggered: at the start everything is looked at once, so that a death in between loses nothing.
"""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Final

import structlog

from hearthgate.apiserver.collector import Collector
from hearthgate.apiserver.endings import MANAGER, Endings
from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.expiry import EventExpiry
from hearthgate.apiserver.refill import Refill
from hearthgate.apiserver.semantics.definitions import DEFINITIONS
from hearthgate.apiserver.semantics.deletion import Deletion, Propagation
from hearthgate.apiserver.semantics.lifecycle import NAMESPACES
from hearthgate.apiserver.semantics.namespaces import Remains
from hearthgate.apiserver.semantics.ownership import head_of
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.history import Event
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Options, Verbs, is_terminating
from hearthgate.apiserver.worklist import Worklist, in_batches
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

_SWEEP_EVERY: Final = 60.0
_ACTOR: Final = Options(manager=MANAGER)
_BACKGROUND: Final = Deletion(propagation=Propagation.BACKGROUND)
_EVENTS: Final = BY_API_VERSION["v1", "Event"]

_log = structlog.get_logger(__name__)


class Housekeeping:
    """`observe` is told of every change of the store; `run` until cancelled."""

    def __init__(self, store: Store, verbs: Verbs, endings: Endings, served: ServedKinds) -> None:
        self._store = store
        self._verbs = verbs
        self._endings = endings
        self._served = served
        self._expiry = EventExpiry(monotonic)
        self._collector = Collector(store, verbs, endings, served)
        self._namespaces = Worklist("ending namespaces", self._empty)
        self._definitions = Worklist("ending definitions", self._drop)
        self._changed = Worklist("changed definitions", Refill(store, served).bring_up)

    def observe(self, resource: str, event: Event) -> None:
        self._collector.observe(resource, event)
        if event.type == "DELETED":
            if self._is_ending(NAMESPACES, event.namespace):
                self._namespaces.add(event.namespace)
            if self._is_ending(DEFINITIONS, resource):
                self._definitions.add(resource)
        elif resource == NAMESPACES and b'"deletionTimestamp"' in event.raw:
            self._namespaces.add(event.name)
        elif resource == DEFINITIONS and b'"deletionTimestamp"' in event.raw:
            self._definitions.add(event.name)
        elif resource == DEFINITIONS and event.type == "MODIFIED":
            self._changed.add(event.name)

    async def run(self) -> None:
        for entry in self._store.collection(DEFINITIONS).entries():
            self._definitions.add(entry.name)
            self._changed.add(entry.name)
        for entry in self._store.collection(NAMESPACES).entries():
            self._namespaces.add(entry.name)
        async with asyncio.TaskGroup() as group:
            for chore in (self._collector, self._namespaces, self._definitions, self._changed):
                group.create_task(chore.run())
            group.create_task(self._sweep())

    async def _empty(self, namespace: str) -> None:
        """Deletes what is in a terminating namespace, then the namespace."""
        if not self._is_ending(NAMESPACES, namespace):
            return
        await self._store.settle()  # creations that were let in before the namespace began to end
        failures: list[str] = []
        for kind in self._served.stored:
            if kind.namespaced:
                try:
                    await self._delete_all(kind, self._store.collection(kind.resource).entries(namespace))
                except ApiError as error:
                    failures.append(error.message)
        remains = self._remaining(namespace)._replace(failures=failures)
        if not remains.resources and not failures:
            await self._endings.finish_namespace(namespace)
            return
        # Finalizers hold something: the end of the last one comes back here.
        await self._endings.tell_namespace(namespace, remains)
        if failures:
            raise ApiError(500, "InternalError", failures[0])

    def _remaining(self, namespace: str) -> Remains:
        resources: dict[str, int] = {}
        finalizers: dict[str, int] = {}
        for kind in self._served.stored:
            held = self._store.collection(kind.resource).entries(namespace) if kind.namespaced else []
            if held:
                resources[kind.resource] = len(held)
            for entry in held:
                for finalizer in head_of(entry.raw).finalizers or ():
                    finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
        return Remains(resources, finalizers)

    async def _drop(self, resource: str) -> None:
        """Deletes the objects of an ending definition, then lets it go. Native kinds keep theirs."""
        if not self._is_ending(DEFINITIONS, resource):
            return
        await self._store.settle()
        if not self._served.is_native(resource) and (kind := self._served.stored_as(resource)) is not None:
            await self._delete_all(kind, self._store.collection(resource).entries())
            if len(self._store.collection(resource)):
                return  # finalizers hold something: the end of the last one comes back here
        await self._endings.finish_definition(resource)

    def _is_ending(self, resource: str, name: str) -> bool:
        entry = self._store.collection(resource).get("", name)
        return entry is not None and is_terminating(entry)

    async def _delete_all(self, kind: Kind, entries: list[Entry]) -> None:
        """What is ending already waits for its finalizers."""

        async def delete(entry: Entry) -> None:
            try:
                await self._verbs.delete(kind, entry.namespace, entry.name, _ACTOR, _BACKGROUND)
            except ApiError as error:
                if error.reason != "NotFound":
                    raise

        await in_batches([entry for entry in entries if not is_terminating(entry)], delete)

    async def _sweep(self) -> None:
        """Forgets Events that are over, now and then."""
        while True:
            now = datetime.fromisoformat(self._verbs.now())
            try:
                over = list(self._expiry.over(self._store.collection(_EVENTS.resource).entries(), now))
                await self._delete_all(_EVENTS, over)
            except ApiError as error:
                _log.warning("events are not swept, trying again later", error=error.message)
            await asyncio.sleep(_SWEEP_EVERY)
