"""How lists merge: which are maps with keys, which are sets; every other list is replaced as a whole.

The facts are upstream's (`x-kubernetes-list-type`, patchMergeKey) for the parts that kubectl and
controllers patch. The lists of custom resources are atomic, except the conditions of their status.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from hearthgate.resources.kinds import Kind
from hearthgate.resources.listtypes import KeyedList, ListType, Path, SetList
from hearthgate.resources.structural.schema import Structural

__all__ = ["KeyedList", "ListType", "Path", "SetList", "Topology", "item_key"]

_EVERYWHERE: Final[Mapping[Path, ListType]] = MappingProxyType(
    {
        ("metadata", "finalizers"): SetList(),
        ("metadata", "ownerReferences"): KeyedList(("uid",)),
        ("status", "conditions"): KeyedList(("type",)),
    }
)
_CONTAINER: Final[Mapping[Path, ListType]] = MappingProxyType(
    {
        (): KeyedList(("name",)),
        ("env",): KeyedList(("name",)),
        ("ports",): KeyedList(("containerPort", "protocol"), MappingProxyType({"protocol": "TCP"})),
        ("volumeMounts",): KeyedList(("mountPath",)),
    }
)
_BY_RESOURCE: Final[Mapping[str, Mapping[Path, ListType]]] = MappingProxyType(
    {
        "services": {
            ("spec", "ports"): KeyedList(("port", "protocol"), MappingProxyType({"protocol": "TCP"})),
        },
        "nodes": {("status", "addresses"): KeyedList(("type",)), ("spec", "podCIDRs"): SetList()},
        "pods": {
            **{
                ("spec", field, *path): list_type
                for field in ("containers", "initContainers")
                for path, list_type in _CONTAINER.items()
            },
            ("spec", "volumes"): KeyedList(("name",)),
            ("spec", "imagePullSecrets"): KeyedList(("name",)),
        },
    }
)


class Topology(NamedTuple):
    """The list types of one resource."""

    resource: str
    schema: Structural | None = None

    @classmethod
    def of(cls, kind: Kind) -> Self:
        return cls(kind.resource, kind.schema)

    def list_type(self, path: Path) -> ListType:
        if path in _EVERYWHERE:
            return _EVERYWHERE[path]
        if self.schema is not None:
            return self.schema.list_type(path)
        return _BY_RESOURCE.get(self.resource, {}).get(path)


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
