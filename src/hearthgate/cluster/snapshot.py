"""The Snapshot: everything known at one moment, immutable, numbered, sorted. Pure."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar, cast

from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)
Key = tuple[str, str]
"""(namespace, name)"""


class Collection:
    """All objects of one kind. Never changes: a change makes a new one and shares the objects."""

    def __init__(self, objects: Mapping[Key, Resource]) -> None:
        self.objects = MappingProxyType(dict(objects))

    @cached_property
    def ordered(self) -> tuple[Resource, ...]:
        return tuple(self.objects[key] for key in sorted(self.objects))


_EMPTY = Collection({})


class Snapshot:
    """number: grows with every change. refused: objects that exist but could not be decoded, with the reasons;
    they are in no collection, so that a reference to one can say `invalid` instead of `not found`."""

    def __init__(
        self,
        number: int = 0,
        collections: Mapping[type[Resource], Collection] | None = None,
        refused: Mapping[ObjectRef, tuple[Problem, ...]] | None = None,
        warnings: tuple[Problem, ...] = (),
    ) -> None:
        self.number = number
        self._collections = MappingProxyType(dict(collections or {}))
        self.refused = MappingProxyType(dict(refused or {}))
        self.warnings = warnings

    @classmethod
    def of(cls, resources: Iterable[Resource], problems: Iterable[Problem] = (), number: int = 1) -> "Snapshot":
        """A snapshot of these objects; `problems` are those that decoding gave."""
        by_type: dict[type[Resource], dict[Key, Resource]] = {}
        for resource in resources:
            by_type.setdefault(type(resource), {})[resource.key] = resource
        refused: dict[ObjectRef, list[Problem]] = {}
        warnings = []
        for problem in problems:
            if problem.is_error:
                refused.setdefault(problem.ref, []).append(problem)
            else:
                warnings.append(problem)
        return cls(
            number,
            {kind: Collection(objects) for kind, objects in by_type.items()},
            {ref: tuple(found) for ref, found in refused.items()},
            tuple(warnings),
        )

    def collection(self, kind: type[Resource]) -> Collection:
        """The collection of a kind; the same object as long as nothing of the kind has changed."""
        return self._collections.get(kind, _EMPTY)

    def all(self, kind: type[R]) -> tuple[R, ...]:
        """Every object of a kind, by namespace and name."""
        return cast("tuple[R, ...]", self.collection(kind).ordered)

    def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        return cast("R | None", self.collection(kind).objects.get((namespace, name)))

    def is_refused(self, kind: type[Resource], namespace: str, name: str) -> bool:
        """Whether the object exists but could not be decoded."""
        return ObjectRef(kind.__name__, namespace, name) in self.refused

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What decoding found, errors and warnings, sorted."""
        return tuple(sorted([*self.warnings, *(p for found in self.refused.values() for p in found)]))
