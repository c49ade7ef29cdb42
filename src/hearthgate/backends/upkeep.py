"""What is wanted, what is there and what is to do, brought up to date by what changed between two snapshots. Pure.

Endpoints change most of all, one Service at a time: nothing here looks at the others.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

from hearthgate.backends.desired import MANAGERS, Wanted, wanted
from hearthgate.backends.slices import Slice, read
from hearthgate.cluster.changes import Change, changes
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Endpoints, Service
from hearthgate.resources.discovery import MANAGED_BY_LABEL, EndpointSlice


class Diff(NamedTuple):
    """What to write for one Service, then what to delete: nothing is without endpoints in between."""

    apply: tuple[Slice, ...]
    delete: tuple[Slice, ...]


class Upkeep:
    """Takes one snapshot after the other. Equal to a fresh one that takes the newest alone.

    mirrors: whether Endpoints are mirrored, see `wanted`.
    wanted: all slices that should be there, by namespace and name. problems: sorted; the same object until they
    change. steps: by Service, only of those for which there is something to do.
    """

    def __init__(self, *, mirrors: bool = True) -> None:
        self._mirrors = mirrors
        self._snapshot = Snapshot()
        self._members: dict[Key, dict[Key, EndpointSlice]] = {}
        """All slices by the Service that they name."""
        self._present: dict[Key, Slice] = {}
        """Ours: slices of others are not ours to look at."""
        self._parts: dict[Key, Wanted] = {}
        self._wanted: dict[Key, Slice] = {}
        self._steps: dict[Key, Diff] = {}
        self.wanted: Mapping[Key, Slice] = MappingProxyType(self._wanted)
        self.steps: Mapping[Key, Diff] = MappingProxyType(self._steps)
        self.problems: tuple[Problem, ...] = ()

    def take(self, snapshot: Snapshot) -> Collection[Key]:
        """Brings everything up to date. Returns the Services for which something changed, sorted."""
        old, self._snapshot = self._snapshot, snapshot
        touched = {*changes(old.collection(Service), snapshot.collection(Service))}
        touched.update(changes(old.collection(Endpoints), snapshot.collection(Endpoints)))
        for key, change in changes(old.collection(EndpointSlice), snapshot.collection(EndpointSlice)).items():
            touched.update(self._move(key, change))
        others: set[Key] = set()
        anew = False
        for service in touched:
            before = self._parts.get(service, Wanted())
            part = self._work_out(service)
            anew = anew or part.problems != before.problems
            if part.slices != before.slices:
                others.update(self._want(before.slices, part.slices))
        touched |= others
        for service in touched:
            self._compare(service)
        if anew:
            self.problems = tuple(sorted(one for part in self._parts.values() for one in part.problems))
        return sorted(touched)

    def _move(self, key: Key, change: Change) -> Iterable[Key]:
        """Files a slice under its Service. Yields the Services that it concerns."""
        before, after = cast("tuple[EndpointSlice | None, EndpointSlice | None]", change)
        if before is not None:
            members = self._members[before.service_key]
            del members[key]
            if not members:
                del self._members[before.service_key]
            yield before.service_key
        self._present.pop(key, None)
        if after is not None:
            self._members.setdefault(after.service_key, {})[key] = after
            if after.metadata.labels.get(MANAGED_BY_LABEL) in MANAGERS:
                self._present[key] = read(after)
            yield after.service_key

    def _work_out(self, service: Key) -> Wanted:
        part = wanted(
            self._snapshot.get(Service, *service),
            self._snapshot.get(Endpoints, *service),
            self._members.get(service, {}).values(),
            mirrors=self._mirrors,
        )
        if part == Wanted():
            self._parts.pop(service, None)
        else:
            self._parts[service] = part
        return part

    def _want(self, before: Iterable[Slice], now: Iterable[Slice]) -> Iterable[Key]:
        """Yields the Services that the slices which are no longer wanted name, or that hold one now wanted."""
        for one in before:
            self._wanted.pop((one.namespace, one.name), None)
        for one in now:
            self._wanted[(one.namespace, one.name)] = one
        for one in (*before, *now):
            if (present := self._present.get((one.namespace, one.name))) is not None:
                yield (present.namespace, present.service)

    def _compare(self, service: Key) -> None:
        members = self._members.get(service, {})
        apply = tuple(
            one
            for one in self._parts.get(service, Wanted()).slices
            if self._present.get((one.namespace, one.name)) != one
        )
        unwanted = (key for key in sorted(members) if key not in self._wanted)
        diff = Diff(apply, tuple(self._present[key] for key in unwanted if key in self._present))
        if diff == Diff((), ()):
            self._steps.pop(service, None)
        else:
            self._steps[service] = diff
