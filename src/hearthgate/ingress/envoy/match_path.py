"""Rules about paths in words of the proxy.

The proxy keeps percent escapes as the client wrote them, in either case, and escapes what may not stand raw;
it decodes unreserved characters only. Rules speak about the decoded path, where only reserved characters
stay escaped. So a literal has one wire form unless an escape contains a letter.
"""

import functools
import re
from typing import Final, NamedTuple

from hearthgate.ingress.envoy.match_atoms import (
    NEVER,
    ascii_taken,
    beyond_ascii,
    character_class,
    depends_on_encoding,
    either,
    plain,
)
from hearthgate.rules.paths import RESERVED, UNRESERVED
from hearthgate.rules.pattern import Part, PartKind, parts

_RAW: Final = UNRESERVED | RESERVED
_ESCAPE_OR_CHARACTER: Final = re.compile(r"%[0-9A-F]{2}|.", re.DOTALL)
ANY_NON_ASCII: Final = (
    "%[CcDd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
    "|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
"""One escaped character of two to four bytes in UTF-8."""


class WirePath(NamedTuple):
    """A literal as the proxy sees it. `text` is a pattern when `pattern` is set, else to be compared as it is."""

    text: str
    pattern: bool


@functools.lru_cache(maxsize=8192)
def wire_path(literal: str) -> WirePath:
    """The wire form of a routable path literal (its `%` all belong to escapes of reserved characters)."""
    pieces = [_wire_form(piece) for piece in _ESCAPE_OR_CHARACTER.findall(literal)]
    text = "".join(pieces)
    if any(character.isalpha() for piece in pieces if piece[0] == "%" for character in piece):
        return WirePath("".join(map(_either_case, pieces)), pattern=True)
    return WirePath(text, pattern=False)


def whole_path(wire: WirePath) -> str:
    """A pattern for `wire` itself."""
    return wire.text if wire.pattern else re.escape(wire.text)


@functools.lru_cache(maxsize=4096)
def path_pattern(pattern: str) -> str:
    """What a wire path matches as a whole when `pattern` is found in the routing path."""
    found = parts(pattern)
    if depends_on_encoding(pattern) or any(_escapes(part) for part in found):
        pattern = "".join(map(_rewritten, found))
    return rf"{_before(found)}(?:{pattern})\C*"


def _before(found: tuple[Part, ...]) -> str:
    """What may stand before a match: whole escapes, so that `b` is not found in the `%AB` of another character.
    Beside atoms that take an escape's characters one by one anything may."""
    if found[:1] and found[0].kind is PartKind.START and all(part.kind is not PartKind.BAR for part in found):
        return r"\C*"
    if any(part.kind is PartKind.ATOM and part.negative for part in found):
        return r"\C*"
    return r"(?:[^%]|%\C\C)*"


def escape_pattern(octets: bytes) -> str:
    """Percent escapes of `octets` in either case."""
    return "".join(map(_either_case, (f"%{octet:02X}" for octet in octets)))


def _wire_form(piece: str) -> str:
    return piece if len(piece) > 1 or piece in _RAW else "".join(f"%{octet:02X}" for octet in piece.encode())


def _either_case(piece: str) -> str:
    if piece[0] != "%":
        return re.escape(piece)
    return "".join(f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in piece)


@functools.lru_cache(maxsize=1024)
def _escapes(part: Part) -> tuple[str, ...]:
    """Patterns for what the atom takes and the wire shows escaped. Atoms such as `.` and `[^/]` take the
    characters of an escape one by one."""
    if part.kind is not PartKind.ATOM or part.negative or part.text in _RAW:
        return ()
    escaped = tuple(escape_pattern(character.encode()) for character in ascii_taken(part) if character not in _RAW)
    return escaped + beyond_ascii(part, escape_pattern, ANY_NON_ASCII)


def _rewritten(part: Part) -> str:
    escapes = _escapes(part)
    if part.kind is not PartKind.ATOM or not (escapes or depends_on_encoding(part.text)):
        return plain(part)
    raw = "".join(character for character in ascii_taken(part) if character in _RAW)
    return either((*([character_class(raw)] if raw else ()), *escapes) or (NEVER,))
