"""Who is a copy of what: kept from one collection to the next, in proportion to what changed."""

from collections import defaultdict
from typing import cast

from hearthgate.certificates.mirrors.rules import Mirrored, copies_by_rule, source_of
from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.meta import Resource


class MirrorIndex:
    """Of one kind. sources: keys of what asks for copies by rule."""

    def __init__(self) -> None:
        self._seen = Collection({})
        self._mirrors: defaultdict[Key, set[Key]] = defaultdict(set)
        self.sources: set[Key] = set()

    def follow(self, collection: Collection) -> None:
        """Takes what has changed since the last call."""
        for key, (before, after) in changes(self._seen, collection).items():
            self._forget(key, before)
            if after is not None:
                self._learn(key, cast("Mirrored", after))
        self._seen = collection

    def mirrors(self, source: Key) -> tuple[Mirrored, ...]:
        """All copies of a source, those that people made among them, in order."""
        return tuple(cast("Mirrored", self._seen.objects[key]) for key in sorted(self._mirrors.get(source, ())))

    def _learn(self, key: Key, resource: Mirrored) -> None:
        source = source_of(resource)
        if source is not None and source != key:
            self._mirrors[source].add(key)
        if copies_by_rule(resource):
            self.sources.add(key)

    def _forget(self, key: Key, resource: Resource | None) -> None:
        self.sources.discard(key)
        if resource is None:
            return
        source = source_of(cast("Mirrored", resource))
        if source is not None and source in self._mirrors:
            self._mirrors[source].discard(key)
            if not self._mirrors[source]:
                del self._mirrors[source]
