"""What the API serves now: the kinds of the registry, their other versions, and what definitions brought.

One resource is stored once, as its storage kind; every served version of it is a view of the same objects.
Native kinds win: a definition of a resource that Hearthgate has itself is accepted and changes nothing.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, Self

import msgspec

from hearthgate.resources.kinds import Kind
from hearthgate.resources.registry import KINDS
from hearthgate.resources.structural.definitions import Definition
from hearthgate.resources.versions import OTHER_VERSIONS

Object = dict[str, Any]
Convert = Callable[[Object], Object]


class Served(NamedTuple):
    """One version of a resource as clients address it.

    to_storage, from_storage: None when stored objects have this shape already. warning: for each use of a
    deprecated version.
    """

    kind: Kind
    storage: Kind
    to_storage: Convert | None = None
    from_storage: Convert | None = None
    warning: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        return (self.warning,) if self.warning else ()

    def shown(self, raw: bytes) -> bytes:
        """A stored object in this version."""
        if self.from_storage is None:
            return raw
        return msgspec.json.encode(self.from_storage(msgspec.json.decode(raw)))

    def stored(self, asked: Any) -> Any:
        """What a client sent in this version, as it is stored. Left as it is when it is no object of this kind:
        the verbs say so."""
        if self.to_storage is None or not isinstance(asked, dict):
            return asked
        named = {"apiVersion": self.kind.api_version, "kind": self.kind.kind, **asked}
        if (named["apiVersion"], named["kind"]) != (self.kind.api_version, self.kind.kind):
            return asked
        return self.to_storage(named)

    def changed(self, change: Callable[[Object], Any]) -> Callable[[Object], Any]:
        """A change of the object in this version, as one of the stored object."""
        if self.from_storage is None:
            return change
        from_storage = self.from_storage
        return lambda current: self.stored(change(from_storage(current)))


class ServedKinds:
    """`generation` counts the changes, for documents that are made from all of it."""

    def __init__(self, native: Iterable[Kind] = KINDS) -> None:
        self.generation = 0
        views = [Served(kind, kind) for kind in native]
        resources = {kind.resource for kind in native}
        views += [Served(*other[:5]) for other in OTHER_VERSIONS if other.storage.resource in resources]
        self._native: Final = tuple(views)
        self._native_resources: Final = frozenset(view.kind.resource for view in views)
        self._defined: dict[str, tuple[Served, ...]] = {}
        self._index()

    @property
    def all(self) -> tuple[Served, ...]:
        """Native kinds first, then by resource; of one resource the preferred version first."""
        return self._all

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every served version of everything."""
        return tuple(view.kind for view in self._all)

    @property
    def stored(self) -> tuple[Kind, ...]:
        """One kind for each resource that is stored."""
        return tuple(view.kind for view in self._all if view.kind is view.storage)

    def stored_as(self, resource: str) -> Kind | None:
        """The storage kind of a resource such as `ingressroutes.traefik.io`."""
        return self._by_resource.get(resource)

    def at(self, group: str, version: str, plural: str) -> Served | None:
        return self._by_path.get((group, version, plural))

    def of(self, api_version: str, kind: str) -> Served | None:
        return self._by_kind.get((api_version, kind))

    def is_native(self, resource: str) -> bool:
        return resource in self._native_resources

    def define(self, definition: Definition) -> bool:
        """Serves what a definition says from now on, in place of what it said before. False for native kinds."""
        storage = definition.storage
        if self.is_native(storage.resource):
            return False
        several = len(definition.kinds) > 1
        self._defined[storage.resource] = tuple(
            Served(
                kind,
                storage,
                _renamed(storage.api_version) if kind is not storage else None,
                # An object may have been stored before another version became the storage version.
                _renamed(kind.api_version) if several else None,
                definition.deprecations.get(kind.version, ""),
            )
            for kind in definition.kinds
        )
        self._index()
        return True

    def extended(self, definitions: Iterable[Definition]) -> Self:
        """A copy that serves these as well."""
        copied = copy.copy(self)
        copied._defined = dict(self._defined)
        for definition in definitions:
            copied.define(definition)
        return copied

    def undefine(self, resource: str) -> None:
        if self._defined.pop(resource, None) is not None:
            self._index()

    def _index(self) -> None:
        defined = (view for _, views in sorted(self._defined.items()) for view in views)
        self._all = (*self._native, *defined)
        self._by_resource = {kind.resource: kind for kind in self.stored}
        self._by_path = {(view.kind.group, view.kind.version, view.kind.plural): view for view in self._all}
        self._by_kind: Mapping[tuple[str, str], Served] = {
            (view.kind.api_version, view.kind.kind): view for view in self._all
        }
        self.generation += 1


def _renamed(api_version: str) -> Convert:
    """The conversion strategy None: nothing but the version differs."""
    return lambda obj: {**obj, "apiVersion": api_version}
