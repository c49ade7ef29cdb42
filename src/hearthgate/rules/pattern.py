"""The parts of an RE2 pattern, so that a translation can put another text under it (a host with its port,
a percent-encoded query) without changing what it means.

Only patterns that compile are taken apart. Flags (`(?i)`, `(?s:…)`) are resolved into the parts they govern.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from hearthgate.rules.regex import covers, found


class PartKind(StrEnum):
    ATOM = "atom"
    """Consumes one character."""
    START = "start"
    END = "end"
    BOUNDARY = "boundary"
    OPEN = "open"
    CLOSE = "close"
    BAR = "bar"
    REPEAT = "repeat"


class Part(NamedTuple):
    """`flags`: of `i` and `s` those in force here."""

    kind: PartKind
    text: str
    flags: str = ""

    @property
    def negative(self) -> bool:
        """Whether the atom names what it does not take: `.`, `[^a]`, `\\D`."""
        return self.text == "." or self.text.startswith("[^") or (self.text[0] == "\\" and self.text[1] in "DSWPC")

    def takes(self, character: str) -> bool:
        return covers(f"(?{self.flags}:{self.text})", character)


class Alternative(NamedTuple):
    """One side of a top-level `|`, its outermost anchors taken off."""

    starts: bool
    parts: tuple[Part, ...]
    ends: bool


_ESCAPE: Final = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|.)", re.DOTALL)
_CLASS: Final = re.compile(
    r"\[\^?\]?(?:\[:\^?\w+:\]|\\(?:[pPx]\{[^}]*\}|.)|[^\]\\])*\]",
    re.DOTALL,
)
_GROUP: Final = re.compile(r"\((?:\?P?<\w+>|\?([imsU]*)(?:-([imsU]+))?([:)]))?")
_REPEAT: Final = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")
_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_ANCHORS: Final = {
    "^": PartKind.START,
    "\\A": PartKind.START,
    "$": PartKind.END,
    "\\z": PartKind.END,
    "\\b": PartKind.BOUNDARY,
    "\\B": PartKind.BOUNDARY,
}


@functools.lru_cache(maxsize=1024)
def parts(pattern: str) -> tuple[Part, ...]:
    """The parts of `pattern`, which must compile."""
    return tuple(_scan(pattern))


def _scan(pattern: str) -> Iterator[Part]:
    flags: frozenset[str] = frozenset()
    outer: list[frozenset[str]] = []
    offset = 0
    while offset < len(pattern):
        if quoted := _QUOTED.match(pattern, offset):
            for character in quoted[1]:
                yield Part(PartKind.ATOM, re.escape(character), _text(flags))
            offset = quoted.end()
            continue
        if group := _GROUP.match(pattern, offset):
            on, off, end = group.groups()
            changed = (flags | frozenset(on or "")) - frozenset(off or "")
            if end != ")":
                outer.append(flags)
                yield Part(PartKind.OPEN, "(")
            flags = changed
            offset = group.end()
            continue
        text = _one(pattern, offset)
        offset += len(text)
        if text == ")":
            flags = outer.pop()
            yield Part(PartKind.CLOSE, text)
        elif text == "|":
            yield Part(PartKind.BAR, text)
        elif text in _ANCHORS:
            yield Part(_ANCHORS[text], text)
        elif _REPEAT.fullmatch(text):
            yield Part(PartKind.REPEAT, text)
        elif text != "\\E":
            yield Part(PartKind.ATOM, text, _text(flags))


def _one(pattern: str, offset: int) -> str:
    for expression in (_ESCAPE, _CLASS, _REPEAT):
        if match := expression.match(pattern, offset):
            return match[0]
    return pattern[offset]


def _text(flags: frozenset[str]) -> str:
    return "".join(sorted(flags & {"i", "s"}))


def alternatives(pattern: str) -> tuple[Alternative, ...] | None:
    """The top-level alternatives of `pattern`; None when an anchor or word boundary stands further inside."""
    sides: list[list[Part]] = [[]]
    depth = 0
    for part in parts(pattern):
        depth += (part.kind is PartKind.OPEN) - (part.kind is PartKind.CLOSE)
        if part.kind is PartKind.BAR and not depth:
            sides.append([])
        else:
            sides[-1].append(part)
    split = tuple(_alternative(side) for side in sides)
    if any(part.kind in _ANCHORS.values() for side in split for part in side.parts):
        return None
    if any(side.parts[:1] and side.parts[0].kind is PartKind.REPEAT for side in split):
        return None
    return split


def finds_everything(pattern: str) -> bool:
    """Whether a search for `pattern` succeeds in any text: it can be empty, and nothing ties it to a place."""
    return found(pattern, "") and not any(part.kind in _ANCHORS.values() for part in parts(pattern))


def _alternative(side: Sequence[Part]) -> Alternative:
    first, last = 0, len(side)
    while first < last and side[first].kind is PartKind.START:
        first += 1
    while last > first and side[last - 1].kind is PartKind.END:
        last -= 1
    return Alternative(first > 0, tuple(side[first:last]), last < len(side))
