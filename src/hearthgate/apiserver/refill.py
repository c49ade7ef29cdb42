"""Brings stored objects up to a definition that has changed: to its stored version, with its new defaults.

Upstream does it whenever it reads an object. Done once, watchers hear of it too, and reading stays cheap.
"""

import msgspec

from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.store import Object, Put, Store
from hearthgate.apiserver.worklist import in_batches
from hearthgate.resources.kinds import Kind
from hearthgate.resources.structural.schema import Structural, fill


class Refill:
    """Nobody becomes the manager of a default: it is no wish of anybody's."""

    def __init__(self, store: Store, served: ServedKinds) -> None:
        self._store = store
        self._served = served

    async def bring_up(self, resource: str) -> None:
        """Looks at every object of the resource. Raises ApiError when the state cannot be written."""
        kind = self._served.stored_as(resource)
        if kind is None or kind.schema is None:
            return
        schema = kind.schema

        async def one(entry: Entry) -> None:
            if _filled(kind, schema, entry) is not None:
                key = (entry.namespace, entry.name)
                await self._store.mutate(resource, key, lambda current: _decided(kind, schema, current))

        await in_batches(self._store.collection(resource).entries(), one)


def _decided(kind: Kind, schema: Structural, entry: Entry | None) -> Put | None:
    """The object may have changed, or gone, since it was looked at."""
    new = None if entry is None else _filled(kind, schema, entry)
    return None if new is None else Put(new)


def _filled(kind: Kind, schema: Structural, entry: Entry) -> Object | None:
    """The object as it should be stored; None when it is."""
    old: Object = msgspec.json.decode(entry.raw)
    new: Object = {**msgspec.json.decode(entry.raw), "apiVersion": kind.api_version}
    fill(schema, new)
    return None if new == old else new
