"""Fills the defaults of a schema into an object, and drops nulls where null is not a value.

A null in a field that is not nullable means that the field was left out: its default takes its place.
"""

import copy
from typing import Any

from hearthgate.resources.structural.node import ABSENT, Node


def fill_node(node: Node, value: Any) -> None:
    """Changes `value` in place."""
    if isinstance(value, dict):
        for name, child in node.properties.items():
            if child.default is not ABSENT and (name not in value or (value[name] is None and not child.nullable)):
                value[name] = copy.deepcopy(child.default)
        _fill_fields(node, value)
    elif isinstance(value, list) and node.items is not None:
        items = node.items
        for index, item in enumerate(value):
            if item is None and not items.nullable and items.default is not ABSENT:
                value[index] = copy.deepcopy(items.default)
            if isinstance(value[index], dict | list):
                fill_node(items, value[index])


def _fill_fields(node: Node, value: dict[str, Any]) -> None:
    dropped: list[str] = []
    for name, item in value.items():
        child = node.below(name)
        if child is None:
            continue
        if isinstance(item, dict | list):
            fill_node(child, item)
        elif item is None and not child.nullable:
            if child.default is ABSENT:
                dropped.append(name)
            else:
                value[name] = copy.deepcopy(child.default)
                fill_node(child, value[name])
    for name in dropped:
        del value[name]
