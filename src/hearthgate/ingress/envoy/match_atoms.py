"""Pieces of patterns for the proxy.

Envoy runs RE2 on bytes (Latin-1), upstream Go's syntax on UTF-8. What speaks about characters beyond ASCII is
therefore spelled out as bytes, or as the escapes of bytes where the text is percent-encoded.
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import Final

from hearthgate.rules.pattern import Part, PartKind, parts

NEVER: Final = r"[^\x00-\xff]"
_ASCII: Final = "".join(map(chr, range(0x80)))
_UTF8: Final = r"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
"""One character of two to four bytes."""
_MAX_RANGE: Final = 64
"""Of characters beyond ASCII that are spelled out one by one; a wider range stands for all of them."""
_SINGLE: Final = re.compile(r"\[[^][]*\]|\\?[^\\]")
_DEPENDS_ON_ENCODING: Final = re.compile(r"[^\x00-\x7f]|\\[pPx]")


def character_class(characters: Iterable[str]) -> str:
    """A pattern for one of these ASCII characters, given in ascending order."""
    runs: list[list[str]] = []
    for character in characters:
        if runs and ord(runs[-1][-1]) + 1 == ord(character):
            runs[-1].append(character)
        else:
            runs.append([character])
    if not runs:
        return NEVER
    if len(runs) == 1 and len(runs[0]) == 1:
        return re.escape(runs[0][0])
    return f"[{''.join(map(_run, runs))}]"


@functools.lru_cache(maxsize=1024)
def ascii_taken(part: Part) -> str:
    """The ASCII characters that an atom takes, ascending."""
    return "".join(filter(part.takes, _ASCII))


def beyond_ascii(part: Part, spell: Callable[[bytes], str], anything: str) -> tuple[str, ...]:
    """Patterns for the characters beyond ASCII that an atom takes: each spelled out, or `anything` for many."""
    # A negated class may name a few that it leaves out: they are taken too.
    if part.negative or (part.takes("é") and part.takes("中")):
        return (anything,) if any(map(part.takes, "éж中😀")) else ()
    written = [ord(character) for character in part.text if not character.isascii()]
    if not written:
        return ()
    low, high = min(written), max(written)
    if high - low > _MAX_RANGE:
        return (anything,)
    inside = range(low, high + 1)
    other_case = (ord(other) for code in inside for other in chr(code).swapcase() if "i" in part.flags)
    codes = sorted({*inside, *other_case})
    return tuple(spell(chr(code).encode()) for code in codes if part.takes(chr(code)))


def depends_on_encoding(text: str) -> bool:
    """Whether a pattern or an atom may mean something else in Latin-1 than in UTF-8."""
    return _DEPENDS_ON_ENCODING.search(text) is not None


def either(forms: Iterable[str]) -> str:
    """A pattern for one of `forms`, such that what repeats it repeats all of it."""
    text = "|".join(forms)
    return text if _SINGLE.fullmatch(text) else f"(?:{text})"


@functools.lru_cache(maxsize=4096)
def value_pattern(pattern: str) -> str:
    """What a header's value matches as a whole when `pattern` is found in it."""
    if depends_on_encoding(pattern):
        pattern = "".join(map(_in_bytes, parts(pattern)))
    return rf"\C*(?:{pattern})\C*"


def plain(part: Part) -> str:
    """A part that needs no rewriting, with the flags that govern it."""
    if part.kind is PartKind.OPEN:
        return "(?:"
    return f"(?{part.flags}:{part.text})" if part.flags else part.text


def _in_bytes(part: Part) -> str:
    if part.kind is not PartKind.ATOM or not depends_on_encoding(part.text):
        return plain(part)
    taken = ascii_taken(part)
    forms = beyond_ascii(part, _bytes, _UTF8)
    return either((*([character_class(taken)] if taken else ()), *forms) or (NEVER,))


def _bytes(octets: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in octets)


def _run(run: list[str]) -> str:
    first, last = _in_class(run[0]), _in_class(run[-1])
    return "".join(map(_in_class, run)) if len(run) <= 2 else f"{first}-{last}"


def _in_class(character: str) -> str:
    return character if character.isalnum() else f"\\x{ord(character):02x}"
