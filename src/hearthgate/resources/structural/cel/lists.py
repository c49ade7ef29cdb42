"""Functions on lists and sets: the standard ones, the lists and sets extensions and those of Kubernetes."""

import functools
import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.cel.text import join
from hearthgate.resources.structural.cel.values import (
    CelError,
    Optional,
    Uint,
    add,
    contains,
    equal,
    less,
    no_such_overload,
    not_greater,
)

_LONGEST_RANGE: Final = 1_000_000


def _sum(items: list[Any]) -> Any:
    if not items:
        return 0
    if type(items[0]) not in (int, Uint, float, timedelta):
        raise no_such_overload()
    return functools.reduce(add, items)


def _extreme(items: list[Any], beats: Callable[[Any, Any], bool], name: str) -> Any:
    if not items:
        raise CelError(f"{name} called on empty list")
    best = items[0]
    for item in items:
        if beats(item, best):
            best = item
    return best


def least(items: list[Any]) -> Any:
    return _extreme(items, less, "min")


def greatest(items: list[Any]) -> Any:
    return _extreme(items, lambda one, other: less(other, one), "max")


def _index_of(items: list[Any], wanted: Any) -> int:
    return next((index for index, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: list[Any], wanted: Any) -> int:
    return next((index for index in reversed(range(len(items))) if equal(items[index], wanted)), -1)


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    seen: set[tuple[type, Any]] = set()
    for item in items:
        if type(item) in (str, bool):
            if (type(item), item) not in seen:
                seen.add((type(item), item))
                found.append(item)
        elif not contains(item, found):
            if len(found) > 2000:
                raise CelError("list too long")
            found.append(item)
    return found


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise CelError("level must be non-negative")
    found: list[Any] = []
    for item in items:
        if type(item) is list and depth > 0:
            found.extend(_flatten(item, depth - 1))
        else:
            found.append(item)
    return found


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise CelError("index out of range")
    return items[start:end]


def _sort(items: list[Any]) -> list[Any]:
    if any(type(item) is not type(items[0]) for item in items):
        raise no_such_overload()
    for item in items[:1]:
        less(item, item)  # whether such items have an order at all
    return sorted(items)


def _is_sorted(items: list[Any]) -> bool:
    return all(not_greater(one, other) for one, other in itertools.pairwise(items))


def _end(items: list[Any], index: int) -> Optional:
    return Optional(items[index], present=True) if items else Optional(present=False)


def span(count: Any) -> list[int]:
    """`lists.range(n)`."""
    if type(count) is not int or count > _LONGEST_RANGE:
        raise no_such_overload()
    return list(range(count))


def _all_in(part: Any, items: Any) -> bool:
    if len(part) * len(items) > _LONGEST_RANGE:
        raise CelError("sets too large")
    return all(contains(item, items) for item in part)


def _intersects(one: Any, other: Any) -> bool:
    if len(one) * len(other) > _LONGEST_RANGE:
        raise CelError("sets too large")
    return any(contains(item, other) for item in one)


SET_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "sets.contains": lambda items, part: _all_in(part, items),
        "sets.equivalent": lambda one, other: _all_in(one, other) and _all_in(other, one),
        "sets.intersects": _intersects,
    }
)
LIST_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "size": len,
        "distinct": _distinct,
        "first": lambda items: _end(items, 0),
        "last": lambda items: _end(items, -1),
        "flatten": _flatten,
        "indexOf": _index_of,
        "lastIndexOf": _last_index_of,
        "isSorted": _is_sorted,
        "join": join,
        "max": greatest,
        "min": least,
        "reverse": lambda items: items[::-1],
        "slice": _slice,
        "sort": _sort,
        "sum": _sum,
    }
)
