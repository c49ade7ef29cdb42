"""Results that remember what they read, so that a change costs only what depends on it.

Every result is computed by a function of the snapshot alone. While it runs, each object that it looks up is
recorded. When the next snapshot has another object under one of those keys, the result is dropped: nothing has
to declare its dependencies, so none can be forgotten (build systems call it a verifying trace).
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
Key = tuple[str, str]
_TYPES = {kind.__name__: kind for kind in BY_TYPE}
_Read = tuple[type[Resource], Key | None]
"""An object by its key, found or not; None stands for every object of the kind."""


class Result(NamedTuple, Generic[T]):
    """A value and what is wrong with the objects that it was made from, those of nested results included."""

    value: T
    problems: tuple[Problem, ...] = ()


class _Running(NamedTuple):
    """A computation under way: what it read, and the problems of the results that it used."""

    read: set[_Read]
    problems: dict[Problem, None]


class _Entry(NamedTuple):
    result: Result[Any]
    read: frozenset[_Read]


class Tracker:
    """Looks objects up for computations and keeps their results from snapshot to snapshot."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self._entries: dict[Hashable, _Entry] = {}
        self._readers: dict[_Read, set[Hashable]] = {}
        self._running: dict[Hashable, _Running] = {}

    def begin(self, snapshot: Snapshot) -> frozenset[Hashable]:
        """Takes the next snapshot and drops what it makes invalid. Returns the keys of the dropped results."""
        changed = list(_changes(self.snapshot, snapshot))
        self.snapshot = snapshot
        dropped = frozenset(key for read in changed for key in self._readers.get(read, ()))
        for key in dropped:
            for read in self._entries.pop(key).read:
                readers = self._readers[read]
                readers.discard(key)
                if not readers:
                    del self._readers[read]
        return dropped

    def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The object, or None. The computation that asks depends on the answer."""
        self._note((kind, (namespace, name)))
        return self.snapshot.get(kind, namespace, name)

    def collection(self, kind: type[Resource]) -> Collection:
        """All objects of a kind. The computation that asks depends on every one of them."""
        self._note((kind, None))
        return self.snapshot.collection(kind)

    def is_refused(self, kind: type[Resource], namespace: str, name: str) -> bool:
        """Whether the object exists, but could not be decoded."""
        self._note((kind, (namespace, name)))
        return self.snapshot.is_refused(kind, namespace, name)

    def is_running(self, key: Hashable) -> bool:
        """Whether the computation of `key` is under way: to ask for it now would be a cycle."""
        return key in self._running

    def result(self, key: Hashable, compute: Callable[[], Result[T]]) -> Result[T]:
        """The result under `key`: the kept one while everything that it read is the same, else a new one."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._compute(key, compute)
        if self._running:
            asking = next(reversed(self._running.values()))
            asking.read.update(entry.read)
            asking.problems.update(dict.fromkeys(entry.result.problems))
        return entry.result

    def _note(self, read: _Read) -> None:
        if self._running:
            next(reversed(self._running.values())).read.add(read)

    def _compute(self, key: Hashable, compute: Callable[[], Result[T]]) -> _Entry:
        running = self._running[key] = _Running(set(), {})
        try:
            value, problems = compute()
        finally:
            del self._running[key]
        running.problems.update(dict.fromkeys(problems))
        entry = _Entry(Result(value, tuple(running.problems)), frozenset(running.read))
        self._entries[key] = entry
        for read in entry.read:
            self._readers.setdefault(read, set()).add(key)
        return entry


def _changes(old: Snapshot, new: Snapshot) -> Iterable[_Read]:
    """What reads differently in `new`: other objects, and others that exist without being readable."""
    kinds = {*old.kinds, *new.kinds}
    for kind in kinds:
        before, after = old.collection(kind), new.collection(kind)
        if before is not after:
            yield (kind, None)
            for key in changes(before, after):
                yield (kind, key)
    if old.refused != new.refused:
        for ref in old.refused.keys() ^ new.refused.keys():
            if refused := _TYPES.get(ref.kind):
                yield (refused, (ref.namespace, ref.name))
                yield (refused, None)
