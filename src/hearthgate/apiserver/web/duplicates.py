"""Keys that a JSON object has twice: a decoder keeps the last, and what the first said is lost. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec


class _Twice(dict[str, Any]):
    """A map with keys that were given more than once."""

    keys_given_twice: tuple[str, ...] = ()


def duplicate_fields(body: bytes, value: Any) -> tuple[str, ...]:
    """The paths of keys that `body` gives twice in one map. `value` is what `body` decodes to.

    Most bodies are written as our own encoder would write them, which proves at once that nothing was lost.
    """
    if msgspec.json.encode(value) == body.strip():
        return ()
    found = False

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        plain = dict(pairs)
        if len(plain) == len(pairs):
            return plain
        found = True
        twice = _Twice(plain)
        keys = [key for key, _ in pairs]
        twice.keys_given_twice = tuple(key for key in plain if keys.count(key) > 1)
        return twice

    try:
        tree = json.loads(body, object_pairs_hook=collect)
    except (ValueError, RecursionError):
        return ()  # no JSON after all: whoever decodes it says so
    return tuple(_paths(tree, "")) if found else ()


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Twice):
        yield from (f"{path}.{key}" if path else key for key in value.keys_given_twice)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
