"""How lists merge: which are maps with keys, which are sets; every other list is replaced as a whole.

For built-in kinds the tables of `resources.builtin` say it, for kinds of definitions their schema. The lists of
other custom resources are atomic, except the conditions of their status.
"""

from typing import Any, Final, NamedTuple, Self

from hearthgate.resources import builtin
from hearthgate.resources.kinds import Kind
from hearthgate.resources.listtypes import KeyedList, ListType, Path, SetList
from hearthgate.resources.structural.schema import Structural

__all__ = ["KeyedList", "ListType", "Path", "SetList", "Topology", "item_key"]

_CONDITIONS: Final = KeyedList(("type",))
"""Of the status of native custom resources, as the convention for conditions has it."""


class Topology(NamedTuple):
    """The list types of one resource."""

    resource: str
    schema: Structural | None = None

    @classmethod
    def of(cls, kind: Kind) -> Self:
        return cls(kind.resource, kind.schema)

    def list_type(self, path: Path) -> ListType:
        """How server-side apply merges the list at `path`."""
        if builtin.is_builtin_resource(self.resource) or path[:1] == ("metadata",):
            return builtin.list_type(self.resource, path)
        if self.schema is not None:
            return self.schema.list_type(path)
        return _CONDITIONS if path == ("status", "conditions") else None

    def is_atomic(self, path: Path) -> bool:
        """Whether the mapping at `path`, or each item of the list there, has one manager as a whole."""
        if self.schema is not None and path[:1] != ("metadata",):
            return self.schema.is_atomic_map(path)
        return builtin.is_atomic(self.resource, path)

    def merge_key(self, path: Path) -> str | None:
        """How a strategic merge patch treats the list at `path`: by this key of its items; as a set of scalars
        when it is empty; None: the list of the patch replaces it."""
        return builtin.merge_key(self.resource, path)


def item_key(keyed: KeyedList, item: Any) -> tuple[tuple[str, Any], ...] | None:
    """The item's identity in its list; None when it lacks a key."""
    if not isinstance(item, dict):
        return None
    pairs = []
    for key in keyed.keys:
        value = item.get(key, keyed.defaults.get(key))
        if value is None or isinstance(value, dict | list):
            return None
        pairs.append((key, value))
    return tuple(pairs)
