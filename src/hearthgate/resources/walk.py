"""Compares a mapping with a msgspec type and names every mistake: the slow, complete path of decoding."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import inspect

from hearthgate.model.problems import Reason, did_you_mean, shorten
from hearthgate.resources.scalars import WORDS


class Mistake(NamedTuple):
    path: str
    reason: Reason
    message: str


Hook = Callable[[type, Any], Any]

_SCALARS: dict[type, tuple[tuple[type, ...], str]] = {
    inspect.StrType: ((str,), "a string"),
    inspect.BoolType: ((bool,), "true or false"),
    inspect.IntType: ((int,), "an integer"),
    inspect.FloatType: ((int, float), "a number"),
}


def mistakes(wanted: type, value: Any, hook: Hook) -> Iterator[Mistake]:
    """Every mistake in `value` read as `wanted`, in the order of the fields."""
    yield from _check(inspect.type_info(wanted), value, "", hook)


def _check(info: inspect.Type, value: Any, path: str, hook: Hook) -> Iterator[Mistake]:
    match info:
        case inspect.Metadata():
            words = (info.extra or {}).get(WORDS)
            if words and isinstance(value, str) and not _fits(info.type, value):
                yield _invalid(path, f"{shorten(value)} is not {words}")
            else:
                yield from _check(info.type, value, path, hook)
        case inspect.AnyType():
            return
        case inspect.UnionType():
            yield from _check_union(info, value, path, hook)
        case inspect.StructType():
            yield from _check_struct(info, value, path, hook)
        case inspect.VarTupleType():
            yield from _check_list(info, value, path, hook)
        case inspect.DictType():
            yield from _check_map(info, value, path, hook)
        case inspect.LiteralType():
            if value not in info.values:
                known = ", ".join(sorted(str(known) for known in info.values if known))
                hint = did_you_mean(value, map(str, info.values)) if isinstance(value, str) else ""
                yield _invalid(path, f"{shorten(value)} is not one of {known}{hint}")
        case inspect.CustomType():
            try:
                hook(info.cls, value)
            except ValueError as error:
                yield _invalid(path, str(error))
        case _:
            yield from _check_scalar(info, value, path)


def _check_struct(info: inspect.StructType, value: Any, path: str, hook: Hook) -> Iterator[Mistake]:
    if not isinstance(value, Mapping):
        yield _invalid(path, f"must be a mapping, not {_shape(value)}")
        return
    fields = {field.encode_name: field for field in info.fields}
    for name, field in fields.items():
        below = f"{path}.{name}" if path else name
        if name in value:
            yield from _check(field.type, value[name], below, hook)
        elif field.required:
            yield Mistake(below, Reason.MISSING_FIELD, "is required")
    if info.forbid_unknown_fields:
        for name in value:
            if name not in fields:
                below = f"{path}.{name}" if path else str(name)
                hint = did_you_mean(str(name), fields) or _known(fields)
                yield Mistake(below, Reason.UNKNOWN_FIELD, f"unknown field {shorten(name)}{hint}")


def _known(fields: Mapping[str, Any]) -> str:
    names = sorted(fields)
    return f" (known: {', '.join(names)})" if len(names) <= 8 else ""


def _check_list(info: inspect.VarTupleType, value: Any, path: str, hook: Hook) -> Iterator[Mistake]:
    if not isinstance(value, list | tuple):
        yield _invalid(path, f"must be a list, not {_shape(value)}")
        return
    for index, item in enumerate(value):
        yield from _check(info.item_type, item, f"{path}[{index}]", hook)


def _check_map(info: inspect.DictType, value: Any, path: str, hook: Hook) -> Iterator[Mistake]:
    if not isinstance(value, Mapping):
        yield _invalid(path, f"must be a mapping, not {_shape(value)}")
        return
    for key, item in value.items():
        if not isinstance(key, str):
            yield _invalid(path, f"key {shorten(key)} must be a string (put it in quotes)")
        yield from _check(info.value_type, item, f"{path}.{key}", hook)


def _check_union(info: inspect.UnionType, value: Any, path: str, hook: Hook) -> Iterator[Mistake]:
    """The alternative with the fewest mistakes tells best what was meant."""
    tries = []
    for alternative in info.types:
        if isinstance(alternative, inspect.NoneType):
            if value is None:
                return
            continue
        found = list(_check(alternative, value, path, hook))
        if not found:
            return
        tries.append(found)
    if len(tries) > 1 and all(len(found) == 1 and found[0].path == path for found in tries):
        kinds = " or ".join(_SCALARS[type(known)][1] for known in info.types if type(known) in _SCALARS)
        yield _invalid(path, f"must be {kinds}, not {_shape(value)}") if kinds else tries[0][0]
        return
    yield from min(tries, key=len)


def _check_scalar(info: inspect.Type, value: Any, path: str) -> Iterator[Mistake]:
    python_types, words = _SCALARS[type(info)]
    number: Any = value
    if not isinstance(value, python_types) or (int in python_types and isinstance(value, bool)):
        quote = " (put it in quotes)" if str in python_types and isinstance(value, int | float | bool) else ""
        yield _invalid(path, f"must be {words}, not {_shape(value)}{quote}")
    elif isinstance(info, inspect.IntType | inspect.FloatType):
        if info.ge is not None and number < info.ge:
            yield _invalid(path, f"{value} is too small: the least is {info.ge}")
        if info.le is not None and number > info.le:
            yield _invalid(path, f"{value} is too large: the most is {info.le}")


def _fits(info: inspect.Type, value: str) -> bool:
    """Whether the text obeys the pattern and the length of its type, which has words for what it wants."""
    if not isinstance(info, inspect.StrType):
        return True
    if info.max_length is not None and len(value) > info.max_length:
        return False
    return info.pattern is None or re.search(info.pattern, value) is not None


def _shape(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return shorten(value)


def _invalid(path: str, message: str) -> Mistake:
    return Mistake(path, Reason.INVALID_VALUE, message)
