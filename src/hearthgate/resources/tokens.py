"""YAML and JSON text as one stream of tokens with line numbers.

YAML is read by libyaml (YAML 1.1); JSON by a scanner of its own, because YAML 1.1 refuses the tabs and the
surrogate escapes that JSON allows. Plain YAML scalars are resolved as Kubernetes does it (sigs.k8s.io/yaml):
`yes`, `on`, `y` are booleans, `0755` is octal, `1e3` is a number; dates and `22:30` stay strings.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

SCALAR, MAP, LIST, END, ALIAS = range(5)

_TAGS: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(f"{_TAGS}{name}" for name in ("int", "float", "bool", "null"))
_STRING_TAGS: Final = frozenset({"!", f"{_TAGS}str", f"{_TAGS}timestamp"})
_COLLECTION_TAGS: Final = frozenset({None, "!", f"{_TAGS}map", f"{_TAGS}seq"})

_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|[1-9][0-9_]*|0)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_LONGEST_NUMBER: Final = 400
"""Longer digits are a string: Python refuses to read integers of thousands of digits."""

_JSON: Final = re.compile(
    r'[ \t\r]*(?:(?P<newline>\n)|(?P<mark>[][{},:])|(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<word>true|false|null)|(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?))"
)


class Token(NamedTuple):
    """`line` counts from 1. `anchor`: name given here, or for ALIAS the name meant. `is_merge`: the key `<<`."""

    kind: int
    line: int
    value: Any = None
    anchor: str | None = None
    is_merge: bool = False


class TextError(Exception):
    """Text that is neither YAML nor JSON. Its message holds nothing of the text, which may be a secret."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def yaml_tokens(text: str, first_line: int) -> Iterator[Token]:
    """The tokens of one YAML document. Raises TextError."""
    parser: yaml.CLoader | None = None
    try:
        parser = yaml.CLoader(text)
        while (event := parser.get_event()) is not None:
            if token := _token(event, first_line):
                yield token
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        raise TextError(first_line + line, _explain(error, text, line)) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.count("\n", 0, error.position)
        raise TextError(line, f"character {_code(error.character)} cannot stand in YAML") from None
    finally:
        if parser is not None:
            parser.dispose()


def _token(event: Any, first_line: int) -> Token | None:
    line = first_line + event.start_mark.line
    match event:
        case yaml.ScalarEvent():
            plain = event.implicit[0] or event.tag in _PLAIN_TAGS
            if event.tag is not None and not (plain or event.tag in _STRING_TAGS):
                raise TextError(
                    line, "tags other than those of YAML's plain types are not supported: leave it out"
                )
            value = resolve(event.value, line) if plain else event.value
            return Token(SCALAR, line, value, event.anchor, event.implicit[0] and event.value == "<<")
        case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
            if event.tag not in _COLLECTION_TAGS:
                raise TextError(
                    line, "tags other than those of YAML's plain types are not supported: leave it out"
                )
            return Token(MAP if isinstance(event, yaml.MappingStartEvent) else LIST, line, None, event.anchor)
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            return Token(END, line)
        case yaml.AliasEvent():
            return Token(ALIAS, line, None, event.anchor)
        case _:
            return None


def resolve(text: str, line: int = 1) -> Any:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _number(float(text), line)
    if _NOT_FINITE.fullmatch(text):
        raise TextError(line, "infinity and NaN have no place in Kubernetes objects: put the word in quotes")
    return text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "")
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-").lower()
    if digits.startswith("0") and digits[1:].isdigit():
        digits = f"0o{digits[1:]}"
    try:
        return sign * int(digits, 0)
    except ValueError:  # `0x_`, `0_`: digits that are none
        return text


def _number(value: float, line: int) -> int | float:
    """Whole numbers as integers: JSON, through which Kubernetes reads everything, knows no difference."""
    if not math.isfinite(value):
        raise TextError(line, "a number too large to be read: put it in quotes")
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def json_tokens(text: str) -> Iterator[Token]:
    """The tokens of one or more JSON values. Raises TextError."""
    line, position, end = 1, 0, len(text)
    expect = _JSONOrder()
    while position < end:
        found = _JSON.match(text, position)
        if found is None:
            if not text[position:].strip():
                break
            bare = len(text) - len(text[position:].lstrip(" \t\r"))
            broken = "a string is not closed" if text[bare] == '"' else f"unexpected {_code(text[bare])}"
            raise TextError(line, f"{broken} in JSON")
        position = found.end()
        match found.lastgroup:
            case "newline":
                line += 1
            case "mark":
                if (mark := found["mark"]) in ",:":
                    expect.separator(mark, line)
                elif mark in "{[":
                    expect.opening(mark, line)
                    yield Token(MAP if mark == "{" else LIST, line)
                else:
                    expect.closing(mark, line)
                    yield Token(END, line)
            case group:
                expect.scalar(line, is_string=group == "string")
                yield Token(SCALAR, line, _json_scalar(found[0].lstrip(), line))
    expect.finish(line)


def _json_scalar(text: str, line: int) -> Any:
    if len(text) > _LONGEST_NUMBER and text[0] != '"':
        raise TextError(line, "a number too large to be read")
    try:
        value = json.loads(text)
    except ValueError:
        raise TextError(line, "a string with an escape that JSON does not know") from None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TextError(line, "half of a surrogate pair is not a character") from None
    return _number(value, line) if isinstance(value, float) else value


class _JSONOrder:
    """What may come next in JSON: the grammar as a small state machine."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._next = "value"  # value, first (value or closing), key, first-key, colon, more

    def opening(self, mark: str, line: int) -> None:
        if self._next not in ("value", "first"):
            raise TextError(line, f"unexpected '{mark}' in JSON: {self._wanted()}")
        self._open.append(mark)
        self._next = "first-key" if mark == "{" else "first"

    def closing(self, mark: str, line: int) -> None:
        fits = bool(self._open) and self._open[-1] == ("{" if mark == "}" else "[")
        if not fits or self._next not in ("more", "first", "first-key"):
            raise TextError(line, f"unexpected '{mark}' in JSON: {self._wanted()}")
        self._open.pop()
        self._after_value()

    def separator(self, mark: str, line: int) -> None:
        if mark == ":" and self._next == "colon":
            self._next = "value"
        elif mark == "," and self._next == "more" and self._open:
            self._next = "key" if self._open[-1] == "{" else "value"
        else:
            raise TextError(line, f"unexpected '{mark}' in JSON: {self._wanted()}")

    def scalar(self, line: int, *, is_string: bool) -> None:
        if self._next in ("key", "first-key") and is_string:
            self._next = "colon"
        elif self._next in ("value", "first"):
            self._after_value()
        else:
            raise TextError(line, f"unexpected value in JSON: {self._wanted()}")

    def finish(self, line: int) -> None:
        if self._open or self._next not in ("value", "more"):
            raise TextError(line, "the JSON ends too early: a bracket is not closed")

    def _after_value(self) -> None:
        self._next = "more" if self._open else "value"

    def _wanted(self) -> str:
        if self._next in ("key", "first-key"):
            return "a key in double quotes comes here"
        return {"colon": "a colon comes here", "more": "a comma or the closing bracket comes here"}.get(
            self._next, "a value comes here"
        )


_HINTS: Final = (
    ("cannot start any token", "put the value in quotes (indentation is made of spaces, never of tabs)"),
    ("mapping values are not allowed", "a value with ': ' in it needs quotes; else check the indentation"),
    ("expected <block end>", "check the indentation of this line and the one above"),
    ("did not find expected key", "check the indentation of this line and the one above"),
    ("did not find expected '-'", "check the indentation of this line and the one above"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("unexpected end of stream", "a quote is not closed"),
    ("unexpected document indicator", "a quote or bracket is not closed"),
    ("escape", "use single quotes, where a backslash is only a backslash"),
    ("did not find expected ',' or", "a bracket is not closed, or a comma is missing"),
    ("nesting", "nothing in Kubernetes is nested that deep"),
)


def _explain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """libyaml's words and the way out; nothing of the text itself."""
    problem = error.problem or "not YAML"
    lines = text.splitlines()
    bad = lines[line] if line < len(lines) else ""
    if "{{" in bad:
        hint = "this looks like a template: render it first"
    elif bad.lstrip(" ").startswith("\t"):
        hint = "indent with spaces: YAML allows no tabs"
    else:
        hint = next((way for words, way in _HINTS if words in problem), "check indentation, quotes and brackets")
    column = f", column {error.problem_mark.column + 1}" if error.problem_mark else ""
    return f"{problem}{column}: {hint}"


def _code(character: str | int | bytes) -> str:
    number = ord(character) if isinstance(character, str | bytes) else character
    return f"U+{number:04X}"
