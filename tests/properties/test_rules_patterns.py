"""Rewritten patterns find on the wire what the author's pattern finds in the decoded text."""

from random import Random
from typing import Any

import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hearthgate.ingress.envoy.match_atoms import value_pattern
from hearthgate.ingress.envoy.match_host import authority_pattern
from hearthgate.ingress.envoy.match_path import path_pattern
from hearthgate.ingress.envoy.match_query import target_pattern
from hearthgate.rules.paths import RESERVED, UNRESERVED
from hearthgate.rules.regex import found, regex_error
from hearthgate.rules.syntax import Condition, Matcher

ASCII_ATOMS = (
    "a",
    "b",
    "k",
    "0",
    "-",
    r"\.",
    ".",
    "[ab]",
    "[^a]",
    r"\d",
    r"\w",
    r"\W",
    "[[:alpha:]]",
    "(?i:B)",
    r"\x61",
)
ATOMS = (
    *ASCII_ATOMS,
    "é",
    "[à-ý]",
    "[a é]",
    "[^é]",
    " ",
    r"\s",
    r"\pL",
    "&",
    "=",
    "%",
    r"\+",
    r"\Qa.\E",
    "[!-/]",
    "(?i:É)",
)
QUERY_TEXT = st.text(alphabet="abkB0.- éÉ中&=%+;\t~", max_size=5)


def pattern(random: Random, atoms: tuple[str, ...], depth: int = 2) -> str:
    """A pattern without anchors."""
    choice = random.randrange(5) if depth else 0
    if choice == 1:
        return f"({pattern(random, atoms, depth - 1)}|{pattern(random, atoms, depth - 1)})"
    if choice == 2:
        return f"(?i:{pattern(random, atoms, depth - 1)})"
    repeated = random.choice(("", "", "*", "+", "?", "{2}"))
    piece = random.choice(atoms) + repeated
    return piece if choice == 0 else piece + pattern(random, atoms, depth - 1)


def anchored(random: Random, atoms: tuple[str, ...]) -> str:
    start, end = random.choice((("", ""), ("^", ""), ("", "$"), ("^", r"\z")))
    return start + pattern(random, atoms) + end


def on_the_wire(translated: str, text: str) -> bool:
    """As Envoy does it: the whole text, in bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    compiled: Any = re2.compile(translated.encode("latin-1"), options)
    return compiled.fullmatch(text.encode()) is not None


def escaped(text: str, raw: str, random: Random) -> str:
    """Percent-encoded, escapes in either case."""
    forms = ("%{:02X}".format, "%{:02x}".format)
    return "".join(
        character if character in raw else "".join(map(random.choice(forms), character.encode()))
        for character in text
    )


@given(st.randoms(use_true_random=False), QUERY_TEXT)
@settings(max_examples=600)
def test_query(random: Random, value: str) -> None:
    # A negated class leaves out ASCII only: docs/design/rules.md.
    text = anchored(random, tuple(each for each in ATOMS if each != "[^é]"))
    assume(regex_error(text) is None)
    wire = escaped(value, random.choice(("", "abkB0.-~=")), random).replace("%20", random.choice(("%20", "+")))
    target = f"/p?x={random.choice('ab')}&k={wire}{random.choice(('', '&j=a', ';k2'))}"
    condition = Condition(Matcher.QUERY_REGEXP, ("k", text))
    assert on_the_wire(target_pattern(condition), target) is found(text, value), (text, value, target)


def test_a_search_does_not_begin_inside_an_escape() -> None:
    """The D of the escape `%AD` is no letter of the path."""
    assert found("[[:alpha:]]é", "中é") is False
    assert on_the_wire(path_pattern("[[:alpha:]]é"), "%E4%B8%AD%C3%A9") is False


@given(st.randoms(use_true_random=False), st.text(alphabet="abkB0.- éÉ中\t;+", max_size=5))
@settings(max_examples=600)
def test_path(random: Random, path: str) -> None:
    # Atoms such as `.` count an escape as its characters: docs/design/rules.md.
    atoms = tuple(
        each for each in ATOMS if each not in {".", "[^a]", "[^é]", r"\W", "%", "[!-/]", r"\d", r"\w", "0", "[ab]"}
    )
    text = anchored(random, atoms)
    assume(regex_error(text) is None)
    wire = escaped(path, "".join(UNRESERVED | RESERVED), random)
    # Letters and digits of an escape are found one by one, too.
    assume(not found(text, wire) or found(text, path))
    assert on_the_wire(path_pattern(text), wire) is found(text, path), (text, path, wire)


@given(st.randoms(use_true_random=False), st.text(alphabet="abkB0.-", min_size=1, max_size=6))
@settings(max_examples=600)
def test_host(random: Random, name: str) -> None:
    text = anchored(random, ASCII_ATOMS)
    assume(regex_error(text) is None)
    host = name.strip(".") or "a"
    authority = host + random.choice(("", ":80", ":0"))
    condition = Condition(Matcher.HOST_REGEXP, (text,))
    assert on_the_wire(authority_pattern(condition), authority) is found(text, host.lower()), (text, authority)


@given(st.randoms(use_true_random=False), st.text(alphabet="abkB0.- éÉ中", max_size=5))
@settings(max_examples=600)
def test_header(random: Random, value: str) -> None:
    # `.` and its like take one byte: docs/design/rules.md.
    text = anchored(random, tuple(each for each in ATOMS if each not in {".", "[^a]", "[^é]", r"\W"}))
    assume(regex_error(text) is None)
    assert on_the_wire(value_pattern(text), value) is found(text, value), (text, value)
