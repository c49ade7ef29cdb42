"""From the text of an expression to tokens."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from hearthgate.resources.structural.cel.syntax import CelSyntaxError
from hearthgate.resources.structural.cel.values import INT_MAX, UINT_MAX, Uint


class Token(NamedTuple):
    """kind: name, quoted (a name in backquotes), value, sign, or end. text: as written; value: of literals."""

    kind: str
    text: str
    at: int
    value: Any = None


_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:\s+|//[^\n]*)+)
  | (?P<float>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
  | (?P<int>(?:0[xX][0-9a-fA-F]+|[0-9]+)[uU]?)
  | (?P<string>(?P<prefix>[bB]?[rR]?|[rR][bB])
      (?:'''(?P<s3>(?:\\.|[^\\])*?)''' | \"\"\"(?P<d3>(?:\\.|[^\\])*?)\"\"\"
        | '(?P<s1>(?:\\.|[^\\'\r\n])*)' | "(?P<d1>(?:\\.|[^\\"\r\n])*)"))
  | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
  | `(?P<quoted>[a-zA-Z0-9_.\-/ ]+)`
  | (?P<sign>&&|\|\||[<>=!]=|\.\?|\[\?|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_RAW: Final = re.compile(
    r"(?s)(?P<string>(?P<prefix>[bB]?[rR][bB]?)"
    r"(?:'''(?P<s3>.*?)'''|\"\"\"(?P<d3>.*?)\"\"\"|'(?P<s1>[^'\r\n]*)'|\"(?P<d1>[^\"\r\n]*)\"))"
)
_ESCAPE: Final = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|X(?P<X>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<char>.))",
    re.DOTALL,
)
_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


def tokens(text: str) -> Iterator[Token]:
    """Raises CelSyntaxError."""
    at = 0
    while at < len(text):
        found = _RAW.match(text, at) or _TOKEN.match(text, at)
        if found is None:
            raise CelSyntaxError(f"cannot read {text[at : at + 20]!r} at position {at}")
        token = _token(found, at)
        if token is not None:
            yield token
        at = found.end()
    yield Token("end", "", at)


def _token(found: re.Match[str], at: int) -> Token | None:
    text = found[0]
    groups = found.groupdict()
    if groups["string"] is not None:
        body = next(groups[quote] for quote in ("s3", "d3", "s1", "d1") if groups[quote] is not None)
        prefix = groups["prefix"].lower()
        return Token("value", text, at, _unquoted(body, prefix))
    match found.lastgroup:
        case "space":
            return None
        case "float":
            return Token("value", text, at, float(text))
        case "int":
            return Token("value", text, at, _integer(text))
        case "name" if text in _CONSTANTS:
            return Token("value", text, at, _CONSTANTS[text])
        case "quoted":
            return Token("quoted", text[1:-1], at)
        case kind:
            return Token(str(kind), text, at)


def _integer(text: str) -> int:
    """The sign of a negative number is an operator; -2^63 is written by no rule."""
    digits = text.rstrip("uU")
    if len(digits) > 20:
        raise CelSyntaxError(f"integer out of range: {digits[:24]}")
    value = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
    is_uint = digits is not text and digits != text
    if value > (UINT_MAX if is_uint else INT_MAX + 1):
        raise CelSyntaxError(f"integer out of range: {text}")
    return Uint(value) if is_uint else value


def _unquoted(body: str, prefix: str) -> str | bytes:
    if "r" in prefix:
        return body.encode() if "b" in prefix else body
    if "b" in prefix:
        return b"".join(_bytes_of(part) for part in re.split(r"(\\(?:[xX][0-9a-fA-F]{2}|[0-3][0-7]{2}|.))", body))
    return _ESCAPE.sub(_escaped, body)


def _bytes_of(part: str) -> bytes:
    found = _ESCAPE.fullmatch(part)
    if found is None:
        return part.encode()
    if code := found["x"] or found["X"]:
        return bytes([int(code, 16)])
    return bytes([int(found["octal"], 8)]) if found["octal"] else _escaped(found).encode()


def _escaped(found: re.Match[str]) -> str:
    if code := found["x"] or found["X"] or found["u"] or found["U"]:
        number = int(code, 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise CelSyntaxError(f"no character has the code {found[0]}")
        return chr(number)
    if found["octal"]:
        return chr(int(found["octal"], 8))
    if found["char"] not in _SIMPLE:
        raise CelSyntaxError(f"unknown escape {found[0]!r}")
    return _SIMPLE[found["char"]]
