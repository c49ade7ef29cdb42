"""Writes by which the API itself brings objects to their end: finalizers and owners removed, conditions told.

They touch what the API is in charge of and nothing else, so that no rule for clients stands in the way: an
object that could not be created today must be able to go.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hearthgate.apiserver.patches.managers import Writer, track_update
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.apiserver.semantics import lifecycle
from hearthgate.apiserver.semantics.definitions import CLEANUP, DEFINITIONS
from hearthgate.apiserver.semantics.namespaces import Remains, ending_conditions
from hearthgate.apiserver.semantics.ownership import Place
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.store import Object, Put, Remove, Store
from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import BY_API_VERSION

MANAGER: Final = "hearthgate-api"
_DEFINITION: Final = BY_API_VERSION["apiextensions.k8s.io/v1", "CustomResourceDefinition"]

Edit = Callable[[Object], None]
"""Changes an object in place."""


class Endings:
    """Every method is harmless when the object has gone. Raises ApiError when the state cannot be written."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def drop_finalizer(self, kind: Kind, place: Place, uid: str, finalizer: str) -> None:
        """With the last one an ending object goes."""

        def edit(obj: Object) -> None:
            held = obj["metadata"].get("finalizers") or []
            _keep(obj["metadata"], "finalizers", [one for one in held if one != finalizer])

        await self._change(kind, place, uid, edit)

    async def disown(self, kind: Kind, place: Place, uid: str, owners: Collection[str]) -> None:
        """Removes the references to owners of these uids."""

        def edit(obj: Object) -> None:
            held = obj["metadata"].get("ownerReferences") or []
            _keep(obj["metadata"], "ownerReferences", [one for one in held if one.get("uid") not in owners])

        await self._change(kind, place, uid, edit)

    async def unblock(self, kind: Kind, place: Place, uid: str) -> None:
        """Lets the owners go without waiting for the object."""

        def edit(obj: Object) -> None:
            for reference in obj["metadata"].get("ownerReferences") or []:
                if reference.get("blockOwnerDeletion"):
                    reference["blockOwnerDeletion"] = False

        await self._change(kind, place, uid, edit)

    async def finish_namespace(self, name: str) -> None:
        """Removes a terminating namespace unless finalizers of others hold it. Its contents must be gone."""

        def edit(obj: Object) -> None:
            if "deletionTimestamp" in obj["metadata"]:
                held = obj.get("spec", {}).get("finalizers") or []
                kept = [finalizer for finalizer in held if finalizer != lifecycle.NAMESPACE_FINALIZER]
                obj["spec"] = {**obj.get("spec", {}), "finalizers": kept}

        await self._change(lifecycle.NAMESPACE, Place(lifecycle.NAMESPACES, "", name), "", edit)

    async def tell_namespace(self, name: str, remains: Remains) -> None:
        """Writes into the status of a terminating namespace what holds it."""
        now = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        def edit(obj: Object) -> None:
            if "deletionTimestamp" in obj["metadata"]:
                status = obj.get("status", {})
                said = ending_conditions(status.get("conditions") or (), remains, now)
                obj["status"] = {**status, "phase": "Terminating", "conditions": said}

        await self._change(lifecycle.NAMESPACE, Place(lifecycle.NAMESPACES, "", name), "", edit, "status")

    async def finish_definition(self, name: str) -> None:
        """Lets an ending definition go unless finalizers of others hold it. Its objects must be gone."""

        def edit(obj: Object) -> None:
            if "deletionTimestamp" in obj["metadata"]:
                held = obj["metadata"].get("finalizers") or []
                _keep(obj["metadata"], "finalizers", [one for one in held if one != CLEANUP])

        await self._change(_DEFINITION, Place(DEFINITIONS, "", name), "", edit)

    async def _change(self, kind: Kind, place: Place, uid: str, edit: Edit, subresource: str = "") -> None:
        """uid: that the object must have; empty for any."""

        def decide(entry: Entry | None) -> Put | Remove | None:
            if entry is None:
                return None
            old: Object = msgspec.json.decode(entry.raw)
            if uid and old["metadata"]["uid"] != uid:
                return None
            new: Object = msgspec.json.decode(entry.raw)
            edit(new)
            if new == old:
                return None
            if lifecycle.is_released(kind, new):
                return Remove(new)
            now = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            writer = Writer(MANAGER, "Update", subresource, kind.api_version, now)
            return Put(track_update(old, new, writer, Topology.of(kind)))

        await self._store.mutate(place.resource, (place.namespace, place.name), decide)


def _keep(metadata: Object, name: str, values: Sequence[Any]) -> None:
    """An empty list is left out."""
    if values:
        metadata[name] = list(values)
    else:
        metadata.pop(name, None)
