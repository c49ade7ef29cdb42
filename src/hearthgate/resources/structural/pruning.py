"""Removes from an object what its schema does not know."""

from typing import Any, Final

from hearthgate.resources.structural.mistake import Where, path_of
from hearthgate.resources.structural.node import Node

_ENVELOPE: Final = frozenset({"apiVersion", "kind", "metadata"})
"""Fields that every object has, whether its schema names them or not."""


def prune_node(node: Node, value: Any, where: Where, removed: list[str], *, whole: bool = False) -> None:
    """Removes unknown fields of `value` in place and adds their paths. whole: an object with its envelope."""
    if isinstance(value, dict):
        _prune_fields(node, value, where, removed, whole=whole or node.embedded)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                prune_node(node.items, item, (where, f"[{index}]"), removed)


def _prune_fields(node: Node, value: dict[str, Any], where: Where, removed: list[str], *, whole: bool) -> None:
    unknown: list[str] = []
    for name, item in value.items():
        if whole and name in _ENVELOPE:
            continue
        child = node.below(name)
        if child is not None:
            if isinstance(item, dict | list):
                prune_node(child, item, (where, name), removed)
        elif not node.keep_unknown and not node.additional:
            unknown.append(name)
            removed.append(path_of((where, name)))
    for name in unknown:
        del value[name]
