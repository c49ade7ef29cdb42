"""Rules about the query in words of the proxy: patterns for `:path`, whose query is still encoded.

The proxy's own query matchers see the first value only, undecoded, and cannot be negated. Here every
character of a key or value is given in each of its forms: raw, escaped in either case, `+` for a space.
"""

import functools
import re
from typing import Final

from hearthgate.ingress.envoy.match_atoms import NEVER, ascii_taken, beyond_ascii, character_class, either
from hearthgate.ingress.envoy.match_path import ANY_NON_ASCII, escape_pattern
from hearthgate.rules.pattern import Alternative, Part, PartKind, alternatives
from hearthgate.rules.regex import found
from hearthgate.rules.syntax import Condition, Matcher

_NEVER_RAW: Final = frozenset("&;%+#")
"""Separators, escapes, spaces and the start of a fragment."""
_ANYTHING: Final = "(?:[^&;%]|%[0-9A-Fa-f]{2})*"
"""Any well-formed text of a value. A malformed pair does not exist for rules."""


@functools.lru_cache(maxsize=4096)
def target_pattern(condition: Condition) -> str:
    """What a `:path` matches as a whole when a `Query` or `QueryRegexp`, without its negation, holds."""
    key, *rest = condition.arguments
    if not rest:
        value = "=?"
    elif condition.matcher is Matcher.QUERY:
        value = f"={_encoded(rest[0])}"
    else:
        value = f"={_value_pattern(rest[0])}"
        if found(rest[0], ""):
            value = f"(?:{value})?"
    # The first raw `=` ends the key.
    name = _encoded(key, _NEVER_RAW | {"="})
    return rf"[^?]*\?(?:\C*[&;])?{name}{value}(?:[&;]\C*)?"


def _encoded(text: str, never_raw: frozenset[str] = _NEVER_RAW) -> str:
    return "".join(_character(character, never_raw) for character in text)


def _character(character: str, never_raw: frozenset[str]) -> str:
    forms = [escape_pattern(character.encode())]
    if character == " ":
        forms.append(r"\+")
    elif "!" <= character <= "~" and character not in never_raw:
        forms.insert(0, re.escape(character))
    return either(forms)


def _value_pattern(pattern: str) -> str:
    """A pattern with its anchors resolved: what is not anchored may have anything before or behind it."""
    sides = alternatives(pattern)
    if sides is None:
        # The parser has refused such patterns.
        raise ValueError(f"anchors inside a QueryRegexp: {pattern!r}")
    return either(map(_alternative, sides))


def _alternative(side: Alternative) -> str:
    body = "".join(map(_rewritten, side.parts))
    return f"{'' if side.starts else _ANYTHING}{body}{'' if side.ends else _ANYTHING}"


def _rewritten(part: Part) -> str:
    match part.kind:
        case PartKind.ATOM:
            return _atom(part)
        case PartKind.OPEN:
            return "(?:"
        case _:
            return part.text


@functools.lru_cache(maxsize=1024)
def _atom(part: Part) -> str:
    taken = ascii_taken(part)
    raw = [character for character in taken if "!" <= character <= "~" and character not in _NEVER_RAW]
    forms = [character_class(raw)] if raw else []
    if " " in taken:
        forms.append(r"\+")
    forms += [f"%{high}[{digits}]" for high in range(8) if (digits := _digits(taken, high))]
    return either((*forms, *beyond_ascii(part, escape_pattern, ANY_NON_ASCII)) or (NEVER,))


def _digits(taken: str, high: int) -> str:
    """The second digits, in either case, of the escapes that begin with `high`."""
    digits = [f"{ord(character) & 15:X}" for character in taken if ord(character) >> 4 == high]
    if len(digits) == 16:
        return "0-9A-Fa-f"
    return "".join(f"{digit}{digit.lower()}" if digit.isalpha() else digit for digit in digits)
