"""How the lists and maps of built-in kinds merge, by the marks of the tables."""

from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from hearthgate.resources.builtin.table import Field, message, roots
from hearthgate.resources.listtypes import KeyedList, ListType, Path, SetList

_METADATA: Final = "metadata"
_KEPT: Final = 4096
"""Paths remembered: maps in definitions have keys of any name, so there is no end of paths."""


def is_builtin_resource(resource: str) -> bool:
    """Whether the tables describe a resource such as `ingresses.networking.k8s.io`."""
    return resource in _messages()


@lru_cache(_KEPT)
def list_type(resource: str, path: Path) -> ListType:
    """How server-side apply merges the list at `path`. Metadata are known of any resource."""
    field = _field_at(resource, path)
    if field is None or not field.is_list:
        return None
    if field.is_set:
        return SetList()
    if not field.map_keys:
        return None
    inside = message(field.message).fields
    defaults = {key: inside[key].default for key in field.map_keys if inside[key].default}
    return KeyedList(field.map_keys, MappingProxyType(defaults))


@lru_cache(_KEPT)
def is_atomic(resource: str, path: Path) -> bool:
    """Whether the mapping at `path`, or each item of the list there, has one owner as a whole."""
    field = _field_at(resource, path)
    if field is None:
        return False
    return field.is_atomic or bool(field.message and message(field.message).is_atomic)


@lru_cache(_KEPT)
def merge_key(resource: str, path: Path) -> str | None:
    """How a strategic merge patch treats the list at `path`: by this key of its items; as a set of scalars when
    it is empty; None: the list of the patch replaces it."""
    field = _field_at(resource, path)
    return field.merge_key if field is not None and field.is_merged else None


@cache
def _messages() -> dict[str, str]:
    return {root.resource: root.message for root in roots().values()}


def _field_at(resource: str, path: Path) -> Field | None:
    name = _messages().get(resource, "")
    if not name and path[:1] == (_METADATA,):
        name, path = "ObjectMeta", path[1:]
    field: Field | None = None
    steps = iter(path)
    for step in steps:
        field = message(name).fields.get(step) if name else None
        if field is None:
            return None
        name = field.message
        if field.is_map and next(steps, None) is not None:
            # Behind the key of a map stands its value, which is no list in any table.
            field = None
    return field
