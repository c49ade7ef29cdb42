"""What differs between two collections of one kind, found in proportion to the difference. Pure.

For whoever keeps something for each object from snapshot to snapshot: the one place that tells it what to look at
again.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Resource


class Change(NamedTuple):
    """An object before and after; None where it was not there, or is no more. Never the same object twice."""

    before: Resource | None
    after: Resource | None


_NONE: Final[Mapping[Key, Change]] = MappingProxyType({})


def changes(old: Collection, new: Collection) -> Mapping[Key, Change]:
    """The objects that came, went, or are others than before (by identity: collections share what stays), by key.

    Costs as much as there are changes when `new` was made from `old` by Collection.changed, in at most some dozen
    steps; else a look at every object, 2 ms for 5,000.
    """
    if old is new:
        return _NONE
    touched: Iterable[Key] | None = new.touched_since(old)
    if touched is None:
        touched = old.objects.keys() | new.objects.keys()
    found = ((key, Change(old.objects.get(key), new.objects.get(key))) for key in touched)
    return dict(sorted((entry for entry in found if entry[1].before is not entry[1].after), key=lambda e: e[0]))


def changed_refs(old: Snapshot, new: Snapshot) -> frozenset[ObjectRef]:
    """What came, went, or is another than before, of every kind: also objects that cannot be decoded."""
    refs = {
        ObjectRef(kind.__name__, *key)
        for kind in {*old.kinds, *new.kinds}
        for key in changes(old.collection(kind), new.collection(kind))
    }
    refused = old.refused.keys() | new.refused.keys()
    return frozenset(refs.union(ref for ref in refused if old.subject(ref) != new.subject(ref)))
