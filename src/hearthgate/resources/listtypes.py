"""How lists and maps merge when several writers apply parts of one object (`x-kubernetes-list-type`)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Path = tuple[str, ...]
"""Field names from the root; steps into a list are left out."""


class KeyedList(NamedTuple):
    """A list whose items are told apart by `keys`, with the defaults of missing ones. The first key is the
    merge key of strategic patches."""

    keys: tuple[str, ...]
    defaults: Mapping[str, Any] = MappingProxyType({})


class SetList(NamedTuple):
    """A list of scalars in which none occurs twice."""


ListType = KeyedList | SetList | None
"""None: atomic."""
