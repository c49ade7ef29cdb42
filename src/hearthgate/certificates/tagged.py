"""Which objects of a kind stand in some relation, kept from one collection to the next. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar, cast

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)


class Tagged(Generic[R]):
    """tags: of an object, from its content alone. An update costs as much as there are changes."""

    def __init__(self, tags: Callable[[R], Iterable[Hashable]]) -> None:
        self._tags = tags
        self._seen = Collection({})
        self._keys: defaultdict[Hashable, set[Key]] = defaultdict(set)

    def follow(self, collection: Collection) -> "Tagged[R]":
        """Takes what has changed since the last call."""
        for key, (before, after) in changes(self._seen, collection).items():
            for tag in () if before is None else self._tags(cast("R", before)):
                self._keys[tag].discard(key)
                if not self._keys[tag]:
                    del self._keys[tag]
            for tag in () if after is None else self._tags(cast("R", after)):
                self._keys[tag].add(key)
        self._seen = collection
        return self

    def keys(self, tag: Hashable) -> tuple[Key, ...]:
        return tuple(sorted(self._keys.get(tag, ())))

    def of(self, tag: Hashable) -> tuple[R, ...]:
        """By namespace and name."""
        return tuple(cast("R", self._seen.objects[key]) for key in self.keys(tag))
