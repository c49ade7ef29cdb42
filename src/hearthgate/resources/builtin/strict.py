"""Compares a JSON object with the tables: fields that its kind does not have, and values of a wrong type.

What is required, and which values mean something, is not decided here. No message quotes a value: the same
checks see Secrets and tokens.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from hearthgate.model.problems import Reason, did_you_mean, shorten
from hearthgate.resources.builtin.table import Field, message, roots

_INT32: Final = 1 << 31
_INT64: Final = 1 << 63

_QUANTITY: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

Trail = tuple["Trail", str | int] | None
"""A path, linked from its end: it becomes text only when something is wrong."""


class Mistake(NamedTuple):
    """`holder` is the mapping that holds the field: what deletes it there prunes it."""

    path: str
    reason: Reason
    message: str
    holder: Any
    key: str


def mistakes(api_version: str, kind: str, obj: Mapping[str, Any]) -> list[Mistake]:
    """Every unknown field and wrong type in an object of a built-in kind, in its order. Raises KeyError."""
    found: list[Mistake] = []
    rest = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
    _check_message(roots()[api_version, kind].message, rest, None, found)
    return [one._replace(holder=obj) if one.holder is rest else one for one in found]


def message_mistakes(name: str, value: Any, path: str) -> list[Mistake]:
    """The same for a part of any object that is one message of the tables, such as its metadata."""
    found: list[Mistake] = []
    _check_message(name, value, (None, path), found)
    return found


def _check_message(name: str, value: Any, trail: Trail, found: list[Mistake]) -> None:
    if type(value) is not dict:
        found.append(_wrong(trail, f"must be a mapping, not {_shape(value)}"))
        return
    plan = _plan(name)
    for key, item in value.items():
        check = plan.get(key)
        if check is None:
            found.append(_unknown(name, value, key, trail))
        elif item is not None and type(item) is not check.simple:
            _check_field(check.field, item, (trail, key), found)


class _Check(NamedTuple):
    """`simple`: the Python type of a value that needs no further look."""

    simple: type | None
    field: Field


@cache
def _plan(name: str) -> dict[str, _Check]:
    simple: dict[str, type] = {"string": str, "bool": bool}
    return {
        key: _Check(None if field.is_list or field.is_map else simple.get(field.type), field)
        for key, field in message(name).fields.items()
    }


def _check_field(field: Field, value: Any, trail: Trail, found: list[Mistake]) -> None:
    if field.is_list:
        if type(value) is not list:
            found.append(_wrong(trail, f"must be a list, not {_shape(value)}"))
            return
        for index, item in enumerate(value):
            if type(item) is not str or field.type != "string":
                _check_one(field, item, (trail, index), found)
    elif field.is_map:
        if type(value) is not dict:
            found.append(_wrong(trail, f"must be a mapping, not {_shape(value)}"))
            return
        for key, item in value.items():
            if type(key) is not str:
                found.append(_wrong(trail, f"key {shorten(key)} must be a string (put it in quotes)"))
            if type(item) is not str or field.type != "string":
                _check_one(field, item, (trail, key), found)
    else:
        _check_one(field, value, trail, found)


def _check_one(field: Field, value: Any, trail: Trail, found: list[Mistake]) -> None:
    if field.message:
        # Go reads null in a list of structs as an empty one.
        _check_message(field.message, {} if value is None else value, trail, found)
    elif field.type.startswith("JSONSchemaPropsOr"):
        _check_schema_union(field.type, value, trail, found)
    elif said := _scalar(field.type, value):
        found.append(_wrong(trail, said))


def _check_schema_union(name: str, value: Any, trail: Trail, found: list[Mistake]) -> None:
    match name, value:
        case "JSONSchemaPropsOrBool", bool():
            return
        case "JSONSchemaPropsOrArray", list():
            for index, item in enumerate(value):
                _check_message("JSONSchemaProps", item, (trail, index), found)
        case "JSONSchemaPropsOrStringArray", list() if all(isinstance(item, str) for item in value):
            return
        case _:
            _check_message("JSONSchemaProps", value, trail, found)


def _scalar(name: str, value: Any) -> str:  # noqa: PLR0911 - one line for each type
    """What is wrong with a value of a scalar type; empty when nothing is."""
    match name:
        case "string":
            if not isinstance(value, str):
                quote = " (put it in quotes)" if isinstance(value, bool | int | float) else ""
                return f"must be a string, not {_shape(value)}{quote}"
        case "bool":
            return "" if isinstance(value, bool) else f"must be true or false, not {_shape(value)}"
        case "int32" | "int64":
            limit = _INT32 if name == "int32" else _INT64
            if not isinstance(value, int) or isinstance(value, bool):
                return f"must be an integer, not {_shape(value)}"
            return "" if -limit <= value < limit else f"does not fit into {name[3:]} bits"
        case "double":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return "" if is_number else f"must be a number, not {_shape(value)}"
        case "bytes":
            return "" if _is_base64(value) else "must be base64"
        case "IntOrString":
            is_right = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
            return "" if is_right else f"must be an integer or a string, not {_shape(value)}"
        case "Quantity":
            text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else "?"
            return "" if _QUANTITY.fullmatch(text) else "must be a quantity such as 100m, 0.5 or 64Mi"
        case "Time" | "MicroTime":
            is_time = isinstance(value, str) and _TIME.fullmatch(value)
            return "" if is_time else "must be a time such as 2024-05-01T12:00:00Z"
        case "FieldsV1":
            return "" if isinstance(value, dict) else f"must be a mapping, not {_shape(value)}"
        case "ExtraValue":
            is_right = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return "" if is_right else "must be a list of strings"
    return ""


def _is_base64(value: Any) -> bool:
    """Line breaks count for nothing, as in Go."""
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _unknown(name: str, holder: Any, key: str, trail: Trail) -> Mistake:
    known = message(name).fields
    hint = did_you_mean(str(key), known)
    said = f"unknown field {shorten(key)}{hint}"
    return Mistake(_text((trail, key)), Reason.UNKNOWN_FIELD, said, holder, key)


def _wrong(trail: Trail, said: str) -> Mistake:
    return Mistake(_text(trail), Reason.INVALID_VALUE, said, None, "")


def _text(trail: Trail) -> str:
    return "".join(reversed(list(_steps(trail)))).removeprefix(".")


def _steps(trail: Trail) -> Iterator[str]:
    while trail is not None:
        trail, step = trail
        yield f"[{step}]" if isinstance(step, int) else f".{step}"


def _shape(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"
