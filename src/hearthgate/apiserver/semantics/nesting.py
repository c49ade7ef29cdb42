"""How deep a value nests. Pure."""

from typing import Any, Final

DEPTH_LIMIT: Final = 100
"""Levels of lists and mappings that an object may have: everything that walks one is recursive, and must not find
the end of the stack in an object that was stored long ago."""


def nests_deeper(value: Any, limit: int) -> bool:
    """Level by level, without recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        level = [
            item
            for parent in level
            for item in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
