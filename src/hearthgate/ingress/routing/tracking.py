"""Results that remember what they read, so that a change costs only what depends on it.

Every result is computed by a function of the snapshot alone. While it runs, each object that it looks up is
recorded. On the next snapshot the result is valid as long as every recorded look-up gives the very same
object: nothing has to declare its dependencies, so none can be forgotten (Bazel calls it a verifying trace).
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
Key = tuple[str, str]


class Result(NamedTuple, Generic[T]):
    """A value and what is wrong with the object that it was made from."""

    value: T
    problems: tuple[Problem, ...] = ()


class _Trace:
    """What one computation read: the object under each key (None: there was none), and its collection then;
    `whole` holds collections of which every object mattered."""

    __slots__ = ("collections", "read", "refusals", "whole")

    def __init__(self) -> None:
        self.whole: dict[type[Resource], Collection] = {}
        self.read: dict[tuple[type[Resource], Key], Resource | None] = {}
        self.refusals: dict[tuple[type[Resource], Key], bool] = {}
        self.collections: dict[type[Resource], Collection] = {}

    def include(self, other: "_Trace") -> None:
        self.whole.update(other.whole)
        self.read.update(other.read)
        self.refusals.update(other.refusals)
        self.collections.update(other.collections)

    def holds(self, snapshot: Snapshot) -> bool:
        if any(snapshot.collection(kind) is not seen for kind, seen in self.whole.items()):
            return False
        changed = {k for k, seen in self.collections.items() if snapshot.collection(k) is not seen}
        if changed:
            for (kind, key), seen in self.read.items():
                if kind in changed and snapshot.collection(kind).objects.get(key) is not seen:
                    return False
            for kind in changed:
                self.collections[kind] = snapshot.collection(kind)
        return all(snapshot.is_refused(kind, *key) == refused for (kind, key), refused in self.refusals.items())


class _Entry(NamedTuple):
    result: Result[Any]
    trace: _Trace


class Tracker:
    """Looks objects up for computations and keeps their results from snapshot to snapshot."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self._entries: dict[Hashable, _Entry] = {}
        self._used: dict[Hashable, _Entry] = {}
        self._active: list[_Trace] = []
        self._running: set[Hashable] = set()

    def begin(self, snapshot: Snapshot) -> None:
        """Starts a build on `snapshot`."""
        self.snapshot = snapshot
        self._used = {}

    def finish(self) -> None:
        """Forgets the results that this build did not use."""
        self._entries = self._used

    def problems(self) -> Iterator[Problem]:
        """The problems of every result that the last build used."""
        for entry in self._entries.values():
            yield from entry.result.problems

    def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The object, or None. The computation that asks depends on the answer."""
        found = self.snapshot.get(kind, namespace, name)
        if self._active:
            trace = self._active[-1]
            trace.read[kind, (namespace, name)] = found
            trace.collections[kind] = self.snapshot.collection(kind)
            if found is None:
                trace.refusals[kind, (namespace, name)] = self.snapshot.is_refused(kind, namespace, name)
        return found

    def collection(self, kind: type[Resource]) -> Collection:
        """All objects of a kind. The computation that asks depends on every one of them."""
        found = self.snapshot.collection(kind)
        if self._active:
            self._active[-1].whole[kind] = found
        return found

    def is_refused(self, kind: type[Resource], namespace: str, name: str) -> bool:
        """Whether an object that `get` did not find exists, but could not be decoded."""
        return self.snapshot.is_refused(kind, namespace, name)

    def is_running(self, key: Hashable) -> bool:
        """Whether the computation of `key` is under way: to ask for it now would be a cycle."""
        return key in self._running

    def result(self, key: Hashable, compute: Callable[[], Result[T]]) -> Result[T]:
        """The result under `key`: the kept one while everything that it read is the same, else a new one."""
        entry = self._used.get(key)
        if entry is None:
            entry = self._entries.get(key)
            if entry is None or not entry.trace.holds(self.snapshot):
                entry = self._compute(key, compute)
            self._used[key] = entry
        if self._active:
            self._active[-1].include(entry.trace)
        return entry.result

    def _compute(self, key: Hashable, compute: Callable[[], Result[T]]) -> _Entry:
        trace = _Trace()
        self._active.append(trace)
        self._running.add(key)
        try:
            return _Entry(compute(), trace)
        finally:
            self._running.discard(key)
            self._active.pop()
