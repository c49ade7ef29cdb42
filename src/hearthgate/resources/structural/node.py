"""The compiled form of one place in a schema: what the walks over objects need, and nothing to parse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hearthgate.resources.listtypes import KeyedList, SetList
from hearthgate.resources.structural.mistake import Mistake, Where

if TYPE_CHECKING:
    from hearthgate.resources.structural.rules import Rule

ABSENT: Final = object()
"""Stands for a value that is not there; null is one that is."""

Check = Callable[[Any, Any, Where, list[Mistake]], None]
"""check(value, old, where, found): adds the mistakes of `value` to `found`. `old` is the value that stood in
the same place before, or ABSENT: what has not changed is not checked again."""


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """One place of a schema. Filled while a schema is compiled, never changed afterwards.

    additional: the node of the values of a map; True when they may be anything. format: only for what rules
    must know (`date-time`, `duration`, `byte`). rules: those of this very place; ruled: whether this place or
    one below it has any; typed: whether values must be converted before rules see them.
    """

    type: str = ""
    format: str = ""
    nullable: bool = False
    int_or_string: bool = False
    keep_unknown: bool = False
    embedded: bool = False
    properties: Mapping[str, "Node"] = field(default_factory=dict)
    additional: "Node | bool" = False
    items: "Node | None" = None
    required: tuple[str, ...] = ()
    default: Any = ABSENT
    list_type: KeyedList | SetList | None = None
    atomic_map: bool = False
    rules: tuple["Rule", ...] = ()
    ruled: bool = False
    typed: bool = False
    check: Check = lambda value, old, where, found: None

    def below(self, name: str) -> "Node | None":
        """The node of the field `name`; None when the schema says nothing of it."""
        child = self.properties.get(name)
        if child is None and isinstance(self.additional, Node):
            return self.additional
        return child
