"""JSON patch (RFC 6902) with JSON pointers (RFC 6901)."""

import copy
from collections.abc import Sequence
from typing import Any, Final

from hearthgate.apiserver.errors import ApiError, bad_request
from hearthgate.model.problems import shorten

_MAX_OPERATIONS: Final = 10_000
"""As upstream: a longer patch is refused."""
_MAX_COPIED: Final = 10_000
"""Copy operations double an object at a time; upstream bounds the bytes, here their number is bounded."""


def apply_json_patch(target: Any, patch: Any) -> Any:
    """A patched copy of `target`. Raises ApiError: 400 for what is no patch, 422 for one that does not fit."""
    if not isinstance(patch, list):
        raise bad_request("a JSON patch is a list of operations")
    if len(patch) > _MAX_OPERATIONS:
        raise ApiError(413, "RequestEntityTooLarge", f"a JSON patch has at most {_MAX_OPERATIONS} operations")
    document = copy.deepcopy(target)
    copied = 0
    for operation in patch:
        if not isinstance(operation, dict):
            raise bad_request("an operation of a JSON patch is an object")
        if operation.get("op") == "copy":
            copied += _weight(_get(document, _pointer(operation, "from")))
            if copied > _MAX_COPIED:
                raise ApiError(413, "RequestEntityTooLarge", "the JSON patch copies too much")
        document = _run(document, operation)
    return document


def _run(document: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            value = _value(operation)
            _get(document, path)
            return _add(_remove(document, path), path, value) if path else value
        case "move":
            source = _pointer(operation, "from")
            value = _get(document, source)
            if path[: len(source)] == source and path != source:
                raise _misfit(path, "cannot move a value into itself")
            return _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(operation, "from"))))
        case "test":
            if not _same(_get(document, path), _value(operation)):
                raise _misfit(path, "the value is not the tested one")
            return document
        case other:
            raise bad_request(f"unknown operation {shorten(other)} in the JSON patch")


def _pointer(operation: dict[str, Any], key: str) -> list[str]:
    text = operation.get(key)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise bad_request(f"{key!r} of a JSON patch operation must be a pointer such as /spec/routes/0")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise bad_request(f"operation {shorten(operation.get('op'))} of a JSON patch needs a value")
    return operation["value"]


def _get(document: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_index(document, step, path)]
        else:
            raise _misfit(path, "there is no such value")
    return document


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        index = len(parent) if path[-1] == "-" else _index(parent, path[-1], path, end=True)
        parent.insert(index, value)
    else:
        raise _misfit(path, "its parent is neither an object nor a list")
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        del parent[_index(parent, path[-1], path)]
    else:
        del parent[path[-1]]
    return document


def _index(items: list[Any], step: str, path: Sequence[str], *, end: bool = False) -> int:
    canonical = step == "0" or (step.isascii() and step.isdigit() and not step.startswith("0"))
    if not canonical or len(step) > 9 or int(step) >= len(items) + end:
        raise _misfit(path, f"{shorten(step)} is no index of a list of {len(items)}")
    return int(step)


def _same(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_weight, value))
    return 1 + len(value) // 100 if isinstance(value, str) else 1


def _misfit(path: Sequence[str], why: str) -> ApiError:
    pointer = "".join(f"/{step}" for step in path)
    return ApiError(
        422, "Invalid", f"the server rejected our request due to an error in our request: {pointer}: {why}"
    )
