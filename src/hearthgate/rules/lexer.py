"""From the text of a rule to tokens. Lexical rules are Go's: raw strings in backquotes, others with escapes."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    NAME = "name"
    STRING = "string"
    AND = "&&"
    OR = "||"
    NOT = "!"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    END = "end"


class Token(NamedTuple):
    """`text`: as written; `value`: what a string means. `offset`: of its first character in the rule."""

    kind: Kind
    text: str
    value: str
    offset: int


class Refused(Exception):
    """Unwinds lexer and parser; never leaves `rule.compile_rule`, which turns it into a value."""

    def __init__(self, offset: int, message: str, hint: str = "", *, too_complex: bool = False) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint
        self.too_complex = too_complex


_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<punctuation>&&|\|\||[!(),])|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<raw>`[^`]*`)|(?P<quoted>\"(?:[^\"\\\n]|\\.)*\")"
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\\"])|([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))|(\\)", re.ASCII
)
_SIMPLE: Final = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
_HINTS: Final = {
    "'": 'strings stand in `backquotes` or "double quotes"',
    "`": "this string is never closed: a '`' is missing",
    '"': "this string is never closed: a '\"' is missing",
    "&": "did you mean '&&'?",
    "|": "did you mean '||'?",
}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, the last one of kind END. Raises Refused at the first character that fits nowhere."""
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            character = text[offset]
            raise Refused(offset, f"unexpected character {character!r}", _HINTS.get(character, ""))
        written = match[0]
        match match.lastgroup:
            case "punctuation":
                yield Token(Kind(written), written, "", offset)
            case "name":
                yield Token(Kind.NAME, written, "", offset)
            case "raw":
                # Go drops carriage returns from raw strings.
                yield Token(Kind.STRING, written, written[1:-1].replace("\r", ""), offset)
            case "quoted":
                yield Token(Kind.STRING, written, _unquote(written[1:-1], offset + 1), offset)
        offset = match.end()
    yield Token(Kind.END, "", "", len(text))


def _unquote(body: str, offset: int) -> str:
    """What the inside of a double-quoted string means. Octal and `\\x` escapes are bytes, as in Go."""
    if "\\" not in body:
        return body

    def replaced(match: re.Match[str]) -> str:
        simple, octal, byte, short, long, stray = match.groups()
        if simple:
            return _SIMPLE[simple]
        number = int(octal, 8) if octal else int(byte or short or long or "0", 16)
        if stray or (octal and number > 255) or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise Refused(
                offset + match.start(), "unknown escape in a string", "in `backquotes` nothing is escaped"
            )
        # Bytes above 127 pass as lone surrogates until the whole string is known.
        return chr(0xDC00 + number) if (octal or byte) and number > 127 else chr(number)

    try:
        return _ESCAPE.sub(replaced, body).encode(errors="surrogateescape").decode()
    except UnicodeDecodeError:
        raise Refused(offset, "the string is not UTF-8") from None
