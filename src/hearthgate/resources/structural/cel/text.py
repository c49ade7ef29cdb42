"""Functions on strings: the standard ones, the strings extension, and regular expressions in RE2's dialect."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.cel.times import duration_text, timestamp_text
from hearthgate.resources.structural.cel.values import CelError, Uint, no_such_overload
from hearthgate.resources.structural.checks import pattern_of

_LONGEST: Final = 4_000_000
"""Characters of a string that an expression may make: more than a request may have."""


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise no_such_overload()


def _regex(pattern: Any) -> Any:
    try:
        return pattern_of(_text(pattern))
    except ValueError as error:
        raise CelError(f"invalid regular expression: {error}") from None


def matches(text: Any, pattern: Any) -> bool:
    """Whether some part of the text matches."""
    return _regex(pattern).search(_text(text)) is not None


def _find(text: str, pattern: Any) -> str:
    found = _regex(pattern).search(text)
    return "" if found is None else str(found.group(0))


def _find_all(text: str, pattern: Any, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    found: list[str] = []
    for match in _regex(pattern).finditer(text):
        found.append(match.group(0))
        if len(found) == limit:
            break
    return found


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise CelError(f"index out of range: {index}")
    return text[index : index + 1]


def _index_of(text: str, part: Any, start: int = 0) -> int:
    if start < 0 or start > len(text):
        raise CelError(f"index out of range: {start}")
    return text.find(_text(part), start)


def _last_index_of(text: str, part: Any, last: int | None = None) -> int:
    if last is None:
        return text.rfind(_text(part))
    if last < 0 or last > len(text):
        raise CelError(f"index out of range: {last}")
    return text.rfind(_text(part), 0, last + len(part))


def _replace(text: str, old: Any, new: Any, limit: int = -1) -> str:
    count = text.count(_text(old)) if limit < 0 else min(limit, text.count(_text(old)))
    if len(text) + count * max(len(_text(new)) - len(old), 0) > _LONGEST:
        raise CelError("string too long")
    return text.replace(old, new, limit if limit >= 0 else -1)


def _split(text: str, separator: Any, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator == "":
        whole = list(text)
        return whole if limit < 0 or limit >= len(whole) else [*whole[: limit - 1], "".join(whole[limit - 1 :])]
    return text.split(_text(separator), limit - 1 if limit > 0 else -1)


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise CelError("index out of range")
    return text[start:stop]


def _ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(char) if char.isascii() else char for char in text)


def join(items: list[Any], separator: Any = "") -> str:
    if sum(len(_text(item)) for item in items) + len(_text(separator)) * len(items) > _LONGEST:
        raise CelError("string too long")
    return str(separator).join(items)


def text_of(value: Any) -> str:
    """`string(value)`."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(int(value))
        case float():
            return double_text(value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
        case datetime():
            return timestamp_text(value)
        case timedelta():
            return duration_text(value)
        case _:
            raise no_such_overload()


def double_text(value: float) -> str:
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    return str(value).removesuffix(".0")


def quote(text: Any) -> str:
    """`strings.quote`."""
    simple = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
    simple |= {"\\": r"\\", '"': r"\""}
    return '"' + "".join(simple.get(char, char) for char in _text(text)) + '"'


def format_text(pattern: str, args: Any) -> str:
    """`"%s: %d".format([name, count])`; the verbs are s, d, f, e, b, o, x, X and %%."""
    if type(args) is not list:
        raise no_such_overload()
    out: list[str] = []
    at = used = 0
    while at < len(pattern):
        next_at = pattern.find("%", at)
        if next_at < 0:
            break
        out.append(pattern[at:next_at])
        at = next_at + 1
        digits = ""
        if pattern[at : at + 1] == ".":
            start = at = at + 1
            while pattern[at : at + 1].isdecimal():
                at += 1
            digits = pattern[start:at]
        verb = pattern[at : at + 1]
        at += 1
        if verb == "%":
            out.append("%")
            continue
        if used >= len(args):
            raise CelError(f"index {used} out of range")
        out.append(_formatted(verb, args[used], min(int(digits or 6), 100)))
        used += 1
    out.append(pattern[at:])
    return "".join(out)


def _formatted(verb: str, value: Any, digits: int) -> str:
    whole = type(value) in (int, Uint)
    match verb:
        case "s":
            return shown(value)
        case "d" if whole:
            return str(int(value))
        case "f" if whole or type(value) is float:
            return f"{float(value):.{digits}f}"
        case "e" if whole or type(value) is float:
            return f"{float(value):.{digits}e}"
        case "b" if whole or type(value) is bool:
            return f"{int(value):b}"
        case "o" if whole:
            return f"{int(value):o}"
        case "x" | "X" if whole or type(value) in (str, bytes):
            text = f"{int(value):x}" if whole else (value.encode() if type(value) is str else value).hex()
            return text.upper() if verb == "X" else text
        case "d" | "f" | "e" | "b" | "o" | "x" | "X":
            raise no_such_overload()
        case _:
            raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')


def shown(value: Any) -> str:
    """A value inside a message: maps and lists in brackets."""
    match value:
        case None:
            return "null"
        case list():
            return "[" + ", ".join(map(shown, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{shown(key)}: {shown(value[key])}" for key in sorted(value, key=str)) + "}"
        case _:
            return text_of(value)


STRING_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "contains": lambda text, part: _text(part) in text,
        "startsWith": lambda text, part: text.startswith(_text(part)),
        "endsWith": lambda text, part: text.endswith(_text(part)),
        "matches": matches,
        "size": len,
        "charAt": _char_at,
        "find": _find,
        "findAll": _find_all,
        "format": format_text,
        "indexOf": _index_of,
        "lastIndexOf": _last_index_of,
        "lowerAscii": _ascii(str.lower),
        "upperAscii": _ascii(str.upper),
        "replace": _replace,
        "reverse": lambda text: text[::-1],
        "split": _split,
        "substring": _substring,
        "trim": str.strip,
    }
)
