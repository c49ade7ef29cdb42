"""Regular expressions with a replacement, as Go runs them and as RE2's rewrites can say the same.

Go (upstream) replaces every match and expands `$1`, `${1}`, `$name`; RE2 rewrites know `\\1` to `\\9`.
"""

import re
from typing import Final

import re2

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.problems import Reason, shorten
from hearthgate.rules.regex import regex_error

Template = tuple[str | int, ...]
"""A replacement: literal texts and numbers of groups (0 is the whole match)."""

MAX_GROUPS: Final = 6
"""RE2's rewrites reach group 9, and the translation wraps a pattern into three more groups."""

MAX_LENGTH: Final = 1500
"""Bytes of a pattern or replacement. Escaped and wrapped they must fit into a header's 16 KiB."""

_REFERENCE: Final = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)
_FLAGS: Final = re.compile(r"(?:\(\?[is]+\))*")
_ENDS: Final = re.compile(r"(?:\$|\\z|\.[*+]|\(\.[*+]\))$")


def check_regex(draft: Draft, field: str, pattern: str) -> bool:
    """Whether `pattern` can be used; the reason goes to the draft when not."""
    if not pattern:
        draft.refuse(field, "is required", Reason.MISSING_FIELD)
        return False
    if not check_length(draft, field, pattern):
        return False
    if error := regex_error(pattern):
        draft.refuse(field, f"not a regular expression (RE2): {shorten(pattern)}: {error}")
        return False
    return True


def check_length(draft: Draft, field: str, *texts: str) -> bool:
    """Whether the texts together are short enough for an expression; the draft says so when not."""
    length = sum(len(text.encode()) for text in texts)
    if length > MAX_LENGTH:
        draft.refuse(field, f"is too long: {length} bytes, at most {MAX_LENGTH} can be handled")
    return length <= MAX_LENGTH


def check_groups(draft: Draft, field: str, pattern: str) -> None:
    """Complains to the draft of a pattern, one that compiles, with too many groups."""
    if count_groups(pattern) > MAX_GROUPS:
        message = f"{shorten(pattern)} has more than {MAX_GROUPS} groups: write (?:…) for those not needed"
        draft.refuse(field, message, Reason.UNSUPPORTED)


def check_template(draft: Draft, field: str, pattern: str, replacement: str) -> Template:
    """The parsed replacement of a pattern that compiles; what cannot be said to the proxy goes to the draft."""
    check_groups(draft, field, pattern)
    check_length(draft, field, replacement)
    return parse_template(pattern, replacement)


def count_groups(pattern: str) -> int:
    """How many capturing groups a pattern that compiles has."""
    return int(re2.compile(pattern).groups)


def parse_template(pattern: str, replacement: str) -> Template:
    """What Go's Regexp.Expand would make of `replacement`: an unknown group is empty, `$1x` is group `1x`."""
    compiled = re2.compile(pattern)
    parts: list[str | int] = []
    position = 0

    def literal(text: str) -> None:
        if text and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)

    for match in _REFERENCE.finditer(replacement):
        literal(replacement[position : match.start()])
        position = match.end()
        name = match[1] or match[2]
        if name is None:
            literal("$")
        elif name.isdigit():
            if int(name) <= compiled.groups:
                parts.append(int(name))
        elif name in compiled.groupindex:
            parts.append(compiled.groupindex[name])
    literal(replacement[position:])
    return tuple(parts)


def matches_once(pattern: str) -> bool:
    """Whether `pattern` surely has at most one match in a text of one line; False when that is not plain."""
    body = pattern[_FLAGS.match(pattern).end() :]  # type: ignore[union-attr]
    if _has_alternatives(body) or "(?m" in pattern or "(?-" in pattern:
        return False
    if body.startswith(("^", r"\A")):
        return True
    end = _ENDS.search(body)
    if end is None or body.endswith("?"):
        return False
    before = body[: end.start()]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0 and not _in_class(body, end.start())


def _has_alternatives(pattern: str) -> bool:
    """Whether a `|` stands outside of all groups."""
    return any(character == "|" and depth == 0 for character, depth in _outside_classes(pattern))


def _in_class(pattern: str, position: int) -> bool:
    """Whether a character class that starts before `position` is still open there."""
    return pattern.rfind("[", 0, position) > pattern.rfind("]", 0, position)


def _outside_classes(pattern: str) -> list[tuple[str, int]]:
    """The characters that have a meaning, each with the number of groups around it."""
    found: list[tuple[str, int]] = []
    depth = index = 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\":
            quoted = pattern.startswith("\\Q", index)
            end = pattern.find("\\E", index) if quoted else index
            index = len(pattern) if end < 0 else end + 2
            continue
        if character == "[":
            close = pattern.find("]", index + (3 if pattern.startswith("[^", index) else 2))
            index = len(pattern) if close < 0 else close + 1
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        found.append((character, depth))
        index += 1
    return found
