"""Garbage collection: dependents go with their owners, before them or without them, as the delete asked.

The rules are upstream's (garbagecollector `attemptToDeleteItem`, `processDeletingDependentsItem`,
`orphanDependents`). Every decision is made from the state of now, so that a death in between loses nothing: at
the start everything that has owners or is ending is looked at once.
"""

import hashlib
from typing import Final, NamedTuple

import structlog

from hearthgate.apiserver.endings import MANAGER, Endings
from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics.definitions import DEFINITIONS
from hearthgate.apiserver.semantics.deletion import (
    FOREGROUND,
    ORPHAN,
    Deletion,
    Propagation,
    propagation_of,
)
from hearthgate.apiserver.semantics.ownership import Dependents, Head, Place, Reference, head_of, may_matter
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.history import Event
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Options, Verbs
from hearthgate.apiserver.worklist import Worklist, in_batches
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

_DEAD_KEPT: Final = 4096
_ACTOR: Final = Options(manager=MANAGER)
_EVENT: Final = BY_API_VERSION["v1", "Event"]

_log = structlog.get_logger(__name__)


class _Owners(NamedTuple):
    """The owners of an object by what they are: there, gone, waiting for their dependents to go, or of a kind
    that nobody serves."""

    solid: tuple[Reference, ...]
    gone: tuple[Reference, ...]
    waiting: tuple[Reference, ...]
    unknown: tuple[Reference, ...]


class Collector:
    """`observe` is told of every change of the store; `run` until cancelled."""

    def __init__(self, store: Store, verbs: Verbs, endings: Endings, served: ServedKinds) -> None:
        self._store = store
        self._verbs = verbs
        self._endings = endings
        self._served = served
        self._dependents = Dependents()
        self._waiting: dict[str, Place] = {}
        self._unknown: set[Place] = set()
        self._dead: dict[str, str] = {}
        self._work = Worklist("garbage collection", self._look)

    async def run(self) -> None:
        for kind in self._served.stored:
            for entry in self._store.collection(kind.resource).entries():
                if may_matter(entry.raw):
                    self._note(Place(kind.resource, entry.namespace, entry.name), head_of(entry.raw))
        await self._work.run()

    def observe(self, resource: str, event: Event) -> None:
        place = Place(resource, event.namespace, event.name)
        if resource == DEFINITIONS:
            # Owners may have become known.
            for dependent in self._unknown:
                self._work.add(dependent)
        if event.type == "DELETED":
            self._forget(place, head_of(event.raw))
        elif may_matter(event.raw) or self._dependents.knows(place):
            self._note(place, head_of(event.raw))

    def _note(self, place: Place, head: Head) -> None:
        owners = {reference.uid for reference in head.owners}
        before = self._dependents.set(place, owners)
        self._wake(before | owners)
        if head.goes_last or head.leaves_orphans:
            self._waiting[head.uid] = place
        else:
            self._waiting.pop(head.uid, None)
        if owners or head.uid in self._waiting:
            self._work.add(place)

    def _forget(self, place: Place, head: Head) -> None:
        self._waiting.pop(head.uid, None)
        self._unknown.discard(place)
        self._wake(self._dependents.set(place, ()))
        if dependents := self._dependents.of(head.uid):
            # The kind may be gone, too, when they are looked at: nobody could say then whether the owner is there.
            self._dead[head.uid] = place.namespace
            while len(self._dead) > _DEAD_KEPT:
                del self._dead[next(iter(self._dead))]
        for dependent in dependents:
            self._work.add(dependent)

    def _wake(self, owners: frozenset[str] | set[str]) -> None:
        """Owners that wait for a dependent look again when it changes."""
        for uid in owners:
            if uid in self._waiting:
                self._work.add(self._waiting[uid])

    async def _look(self, place: Place) -> None:
        found = self._find(place)
        if found is None:
            return
        kind, head = found
        if head.leaves_orphans:
            await self._orphan(kind, place, head)
        elif head.goes_last:
            await self._go_last(kind, place, head)
        elif head.owners and not head.is_ending:
            await self._follow(kind, place, head)

    def _find(self, place: Place) -> tuple[Kind, Head] | None:
        kind = self._served.stored_as(place.resource)
        entry = self._store.collection(place.resource).get(place.namespace, place.name)
        return None if kind is None or entry is None else (kind, head_of(entry.raw))

    async def _orphan(self, kind: Kind, place: Place, head: Head) -> None:
        async def disown(dependent: Place) -> None:
            if (found := self._find(dependent)) is not None:
                await self._endings.disown(found[0], dependent, found[1].uid, {head.uid})

        await in_batches(self._dependents.of(head.uid), disown)
        await self._endings.drop_finalizer(kind, place, head.uid, ORPHAN)

    async def _go_last(self, kind: Kind, place: Place, head: Head) -> None:
        """Goes once no dependent blocks it; one that blocks it is looked at, and its end comes back here."""
        blocked = False
        for dependent in self._dependents.of(head.uid):
            found = self._find(dependent)
            if found is None or dependent == place:
                continue
            blocked |= any(owner.blocks and owner.uid == head.uid for owner in found[1].owners)
            if not found[1].is_ending:
                self._work.add(dependent)
        if not blocked:
            await self._endings.drop_finalizer(kind, place, head.uid, FOREGROUND)

    async def _follow(self, kind: Kind, place: Place, head: Head) -> None:
        """Deletes a dependent that has no owner left, or lets it go of those that are leaving."""
        owners = self._classified(kind, place, head)
        for reference in (*owners.gone, *owners.unknown):
            await self._warn(kind, place, head, reference)
        if owners.unknown:
            # Nobody can say whether it is there: as upstream, the object stays as it is.
            self._unknown.add(place)
            return
        self._unknown.discard(place)
        if owners.solid:
            if leaving := {reference.uid for reference in (*owners.gone, *owners.waiting)}:
                await self._endings.disown(kind, place, head.uid, leaving)
            return
        policy = propagation_of(head.finalizers or ())
        if owners.waiting and (dependents := self._dependents.of(head.uid)):
            policy = Propagation.FOREGROUND
            if any((found := self._find(one)) is not None and found[1].goes_last for one in dependents):
                # A circle: its members would wait for one another for ever.
                await self._endings.unblock(kind, place, head.uid)
                head = self._head(place, head)
        await self._delete(kind, place, head, policy)

    def _head(self, place: Place, before: Head) -> Head:
        """After a write of ours, so that the next one does not take it for somebody else's."""
        found = self._find(place)
        return before if found is None else found[1]

    def _classified(self, kind: Kind, place: Place, head: Head) -> _Owners:
        solid, gone, waiting, unknown = [], [], [], []
        for reference in head.owners:
            if self._dead.get(reference.uid) in {"", place.namespace}:
                gone.append(reference)
                continue
            served = self._served.of(reference.api_version, reference.kind)
            if served is None or (served.storage.namespaced and not kind.namespaced):
                unknown.append(reference)
                continue
            owner = served.storage
            found = self._find(Place(owner.resource, place.namespace if owner.namespaced else "", reference.name))
            if found is None or found[1].uid != reference.uid:
                gone.append(reference)
            elif found[1].goes_last:
                waiting.append(reference)
            else:
                solid.append(reference)
        return _Owners(tuple(solid), tuple(gone), tuple(waiting), tuple(unknown))

    async def _delete(self, kind: Kind, place: Place, head: Head, policy: Propagation) -> None:
        """Raises ApiError Conflict when the object has changed since it was looked at."""
        deletion = Deletion(head.uid, head.resource_version, policy)
        try:
            await self._verbs.delete(kind, place.namespace, place.name, _ACTOR, deletion)
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    async def _warn(self, kind: Kind, place: Place, head: Head, reference: Reference) -> None:
        """Tells of an owner that is there, but in another namespace, which counts as none."""
        served = self._served.of(reference.api_version, reference.kind)
        if served is None or not served.storage.namespaced or not self._is_elsewhere(served.storage, reference):
            return
        owner = f"{reference.api_version} {reference.kind}, name: {reference.name}, uid: {reference.uid}"
        said = f'ownerRef [{owner}] does not exist in namespace "{place.namespace}"'
        told_in = place.namespace or "default"
        mark = hashlib.sha256(f"{head.uid} {reference.uid}".encode()).hexdigest()[:16]
        event = {
            "metadata": {"name": f"{place.name[:230]}.{mark}", "namespace": told_in},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "uid": head.uid,
                "namespace": place.namespace,
                "name": place.name,
            },
            "reason": "OwnerRefInvalidNamespace",
            "message": said,
            "type": "Warning",
            "count": 1,
            "firstTimestamp": self._verbs.now(),
            "lastTimestamp": self._verbs.now(),
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
        }
        try:
            await self._verbs.create(_EVENT, told_in, event, _ACTOR)
        except ApiError as error:
            # It was told already, or the namespace is ending: the collection goes on.
            _log.debug("event not written", error=error.message)

    def _is_elsewhere(self, owner: Kind, reference: Reference) -> bool:
        collection = self._store.collection(owner.resource)
        for namespace in self._store.collection("namespaces").entries():
            entry = collection.get(namespace.name, reference.name)
            if entry is not None and head_of(entry.raw).uid == reference.uid:
                return True
        return False
