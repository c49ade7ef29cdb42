"""From the keywords of a schema to closures that check a value: compiled once, run for every object.

Messages are upstream's, which names the path twice. Nothing here raises on any decoded JSON value.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import re2

from hearthgate.resources.structural.formats import FORMATS
from hearthgate.resources.structural.mistake import (
    Mistake,
    Where,
    invalid,
    not_supported,
    path_of,
    too_long,
    too_many,
    type_invalid,
)

Simple = Callable[[Any, Where, list[Mistake]], None]
"""Checks a value that has no parts of its own, or only its own extent."""

_RANGES: Final = {"int32": 31, "int64": 63}


def json_type(value: Any) -> str:
    """The JSON type of a decoded value, in upstream's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case dict():
            return "object"
        case _:
            return "array"


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: `true` is not 1, `1` is `1.0`."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@lru_cache(maxsize=4096)
def pattern_of(text: str) -> Any:
    """A compiled regular expression in the dialect of Go and Envoy. Raises ValueError with the reason."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "cannot be read"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
    except UnicodeEncodeError:
        raise ValueError("not valid text") from None


def searches(regex: Any, text: str) -> bool:
    """Whether `text` holds a match; text that is not valid Unicode holds none."""
    try:
        return regex.search(text) is not None
    except UnicodeEncodeError:
        return False


def wrong_type(where: Where, wanted: str, value: Any) -> Mistake:
    path, got = path_of(where), json_type(value)
    return type_invalid(path, got, f'{path} in body must be of type {wanted}: "{got}"')


def string_checks(schema: Mapping[str, Any]) -> Iterable[Simple]:
    if (most := schema.get("maxLength")) is not None:
        yield _limit(len, most, lambda path, _, value: too_long(path, most))
    if (least := schema.get("minLength")) is not None:

        def check_least(value: str, where: Where, found: list[Mistake]) -> None:
            if len(value) < least:
                path = path_of(where)
                found.append(invalid(path, value, f"{path} in body should be at least {least} chars long"))

        yield check_least
    if pattern := schema.get("pattern"):
        regex = pattern_of(pattern)

        def check_pattern(value: str, where: Where, found: list[Mistake]) -> None:
            if not searches(regex, value):
                path = path_of(where)
                found.append(invalid(path, value, f"{path} in body should match '{pattern}'"))

        yield check_pattern
    if fits := FORMATS.get(schema.get("format", "")):
        name = schema["format"]

        def check_format(value: str, where: Where, found: list[Mistake]) -> None:
            if not fits(value):
                path = path_of(where)
                detail = f"{path} in body must be of type {name}: {mistake_text(value)}"
                found.append(type_invalid(path, value, detail))

        yield check_format


def mistake_text(value: str) -> str:
    return f'"{value}"' if len(value) <= 256 else f'"{value[:256]}..."'


def number_checks(schema: Mapping[str, Any]) -> Iterable[Simple]:
    def bound(wrong: Callable[[float], bool], words: str) -> Simple:
        def check(value: float, where: Where, found: list[Mistake]) -> None:
            if wrong(value):
                path = path_of(where)
                found.append(invalid(path, value, f"{path} in body should be {words}"))

        return check

    if (most := schema.get("maximum")) is not None:
        if schema.get("exclusiveMaximum"):
            yield bound(lambda value: value >= most, f"less than {most}")
        else:
            yield bound(lambda value: value > most, f"less than or equal to {most}")
    if (least := schema.get("minimum")) is not None:
        if schema.get("exclusiveMinimum"):
            yield bound(lambda value: value <= least, f"greater than {least}")
        else:
            yield bound(lambda value: value < least, f"greater than or equal to {least}")
    if step := schema.get("multipleOf"):
        yield bound(lambda value: not _is_multiple(value, step), f"a multiple of {step}")
    if bits := _RANGES.get(schema.get("format", "")):

        def check_range(value: float, where: Where, found: list[Mistake]) -> None:
            if not -(2**bits) <= value < 2**bits:
                detail = f"Checked value must be of type integer with format int{bits + 1} in {path_of(where)}"
                found.append(invalid(path_of(where), value, detail))

        yield check_range


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        quotient = value / step
    except OverflowError:
        return False
    return math.isfinite(quotient) and abs(quotient - round(quotient)) < 1e-9 * max(1.0, abs(quotient))


def extent_checks(schema: Mapping[str, Any], least_key: str, most_key: str, words: str) -> Iterable[Simple]:
    """minItems and maxItems, minProperties and maxProperties."""
    if (most := schema.get(most_key)) is not None:
        yield _limit(len, most, lambda path, size, value: too_many(path, size, most))
    if (least := schema.get(least_key)) is not None:

        def check(value: Any, where: Where, found: list[Mistake]) -> None:
            if len(value) < least:
                path = path_of(where)
                found.append(invalid(path, len(value), f"{path} in body should have at least {least} {words}"))

        yield check


def _limit(size: Callable[[Any], int], most: int, mistake: Callable[[str, int, Any], Mistake]) -> Simple:
    def check(value: Any, where: Where, found: list[Mistake]) -> None:
        if size(value) > most:
            found.append(mistake(path_of(where), size(value), value))

    return check


def enum_check(schema: Mapping[str, Any]) -> Simple | None:
    """Applies to values of every type."""
    allowed = schema.get("enum")
    if not allowed:
        return None
    words = frozenset(value for value in allowed if isinstance(value, str))
    rest = [value for value in allowed if not isinstance(value, str)]

    def check(value: Any, where: Where, found: list[Mistake]) -> None:
        if isinstance(value, str):
            if value in words:
                return
        elif any(same(value, known) for known in rest):
            return
        found.append(not_supported(path_of(where), value, allowed))

    return check
