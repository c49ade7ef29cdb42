"""Middlewares that change the path: composed here, done by the route when the request leaves.

A cut in the middle of a segment can make `.` or `..` a segment of its own (`/api../x` without `/api`), which must
not reach a backend: such requests get 400. Requests come in normalised, so only a segment that ends with a dot
can do it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from hearthgate.ingress.envoy.messages import PATH_HEADER, literal
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.conditions import matches
from hearthgate.ingress.envoy.middlewares.lane import Branch, Lane, Path, Refusal, Rewrite, Steps
from hearthgate.ingress.envoy.middlewares.mutations import add_format, mutation
from hearthgate.ingress.middlewares.paths import (
    AddPrefix,
    EncodedCharacters,
    ReplacePath,
    ReplacePathRegex,
    StripPrefix,
    StripPrefixRegex,
)
from hearthgate.ingress.middlewares.regexes import count_groups, matches_once

_PREFIX_HEADER: Final = "x-forwarded-prefix"
_REPLACED_HEADER: Final = "x-replaced-path"
_DOTTED: Final = r".*\.(?:/.*)?"
_UNRESERVED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def add_prefix(middleware: AddPrefix, lane: Lane) -> Steps | Refusal:
    path, prefix = lane.path, middleware.prefix
    if path.constant is not None:
        return (replace(lane, path=_constant(prefix + path.constant)),)
    rewrite = None
    if path.is_original:
        rewrite = Rewrite("^/", f"{_escaped(prefix)}/")
    elif path.rewrite is not None and path.rewrite.pattern.startswith("^"):
        rewrite = Rewrite(path.rewrite.pattern, _escaped(prefix) + path.rewrite.substitution)
    expression = cel.around(prefix, path.expression)
    return (replace(lane, path=Path(expression=expression, rewrite=rewrite)),)


def strip_prefix(middleware: StripPrefix, lane: Lane) -> Steps | Refusal:
    if not middleware.prefixes:
        return (lane,)
    if lane.path.constant is not None:
        return (_strip_constant(middleware, lane, lane.path.constant),)
    if lane.path.is_original:
        return tuple(_strip_by_condition(middleware, lane))
    return tuple(_strip_by_expression(middleware, lane))


def _strip_by_condition(middleware: StripPrefix, lane: Lane) -> Iterator[Branch | Lane]:
    for prefix in middleware.prefixes:
        pattern = _decoded(prefix)
        yield _refused(lane, f"{pattern}/?(?:.*/)?\\.\\.?(?:/.*)?")
        path = Path(
            expression=cel.extract(cel.PATH, f"^{pattern}/?(.*)$", r"/\1"),
            rewrite=Rewrite(f"^{pattern}/?(.*)$", r"/\1"),
        )
        stripped = lane.when(matches(PATH_HEADER, f"{pattern}.*")).through(_prefix_filter(literal(prefix)))
        yield replace(stripped, path=path)
    yield lane


def _strip_by_expression(middleware: StripPrefix, lane: Lane) -> Iterator[Branch | Lane]:
    before = lane.path.expression
    patterns = [(prefix, _decoded(prefix)) for prefix in middleware.prefixes]
    found = "''"
    for prefix, pattern in reversed(patterns):
        found = cel.either(cel.matches(before, f"^{pattern}"), cel.quote(prefix), found)
    whole = f"^(?:(?:{'|'.join(pattern for _, pattern in patterns)})/?|/)(.*)$"
    yield _refused(lane, _DOTTED)
    stripped = lane.through(_prefix_filter(cel.command(found)))
    yield replace(stripped, path=Path(expression=cel.extract(before, whole, r"/\1")))


def _strip_constant(middleware: StripPrefix, lane: Lane, path: str) -> Lane:
    for prefix in middleware.prefixes:
        if match := re.match(_decoded(prefix), path):
            stripped = lane.through(_prefix_filter(literal(prefix)))
            return replace(stripped, path=_constant("/" + path[match.end() :].removeprefix("/")))
    return lane


def strip_prefix_regex(middleware: StripPrefixRegex, lane: Lane) -> Steps | Refusal:
    """On the escaped path, where upstream matches the decoded one."""
    if not middleware.regexes:
        return (lane,)
    if lane.path.is_original:
        return tuple(_strip_regex_by_condition(middleware, lane))
    before = expression = lane.path.expression
    found = "''"
    for regex in reversed(middleware.regexes):
        starts = cel.matches(before, f"^(?:{regex})")
        found = cel.either(starts, cel.extract(before, f"^({regex})", r"\1"), found)
        expression = cel.either(starts, _without_start(regex, before), expression)
    stripped = lane.through(_prefix_filter(cel.command(found)))
    return (_refused(lane, _DOTTED), replace(stripped, path=Path(expression=expression)))


def _strip_regex_by_condition(middleware: StripPrefixRegex, lane: Lane) -> Iterator[Branch | Lane]:
    for regex in middleware.regexes:
        part = lane.when(matches(PATH_HEADER, f"(?:{regex}).*"))
        yield _refused(part, _DOTTED)
        value = cel.command(cel.extract(cel.PATH, f"^({regex})", r"\1"))
        rewrite = Rewrite(f"^(?:{regex})/?(.*)$", f"/\\{count_groups(regex) + 1}")
        path = Path(expression=_without_start(regex, cel.PATH), rewrite=rewrite)
        yield replace(part.through(_prefix_filter(value)), path=path)
    yield lane


def _without_start(regex: str, text: str) -> str:
    return cel.extract(text, f"^(?:{regex})/?(.*)$", f"/\\{count_groups(regex) + 1}")


def encoded_characters(middleware: EncodedCharacters, lane: Lane) -> Steps | Refusal:
    if not lane.path.is_original:
        return Refusal("the path is already changed: list encodedCharacters before what changes it")
    if not middleware.denied:
        return (lane,)
    return (_refused(lane, f".*(?i:{'|'.join(middleware.denied)}).*"), lane)


def replace_path(middleware: ReplacePath, lane: Lane) -> Steps | Refusal:
    replaced = lane.through(_replaced_filter(_current(lane)))
    return (replace(replaced, path=_constant(middleware.path)),)


def replace_path_regex(middleware: ReplacePathRegex, lane: Lane) -> Steps | Refusal:
    regex, template = middleware.regex, middleware.replacement
    if not template:
        return (lane,)
    once = matches_once(regex)
    if not lane.path.is_original and not once:
        return Refusal(
            "the path is already changed, and the regex could match it twice: start it with ^, or list it first"
        )
    rooted = isinstance(template[0], str) and template[0].startswith("/")
    before = lane.path.expression
    expression = cel.replace(before, regex, template)
    if not lane.path.is_original:
        expression = cel.either(cel.matches(before, regex), expression, before)
    if not rooted:
        expression = cel.extract(expression, "^/?(.*)$", r"/\1")
    filters = (_replaced_filter(_replaced_value(regex, lane)),)
    if not lane.path.is_original:
        return (_refused(lane, _DOTTED), replace(lane.through(*filters), path=Path(expression=expression)))
    native = Rewrite(regex, cel.rewrite(template)) if rooted or not once else None
    part = lane.when(matches(PATH_HEADER, f"(?s:.*)(?:{regex})(?s:.*)"))
    changed = replace(part.through(*filters), path=Path(expression=expression, rewrite=native))
    return (_refused(part, _DOTTED), changed, lane)


def _refused(lane: Lane, pattern: str) -> Branch:
    """The requests whose path would become one that must not reach a backend."""
    return lane.when(matches(PATH_HEADER, pattern)).answer(400, "Bad Request")


def _constant(path: str) -> Path:
    return Path(expression=cel.quote(path), constant=path)


def _escaped(text: str) -> str:
    """A literal in a substitution."""
    return text.replace("\\", "\\\\")


def _current(lane: Lane) -> str:
    """The format string of the path as it is now."""
    if lane.path.constant is not None:
        return literal(lane.path.constant)
    return "%PATH(NQ)%" if lane.path.is_original else cel.command(lane.path.expression)


def _replaced_value(regex: str, lane: Lane) -> str:
    """The format string of the path before a replacement; empty when there was none."""
    if lane.path.is_original:
        return "%PATH(NQ)%"
    before = lane.path.expression
    return cel.command(cel.either(cel.matches(before, regex), before, "''"))


@lru_cache(maxsize=4096)
def _prefix_filter(value: str) -> Any:
    return mutation(request=[add_format(_PREFIX_HEADER, value)])


@lru_cache(maxsize=4096)
def _replaced_filter(value: str) -> Any:
    return mutation(request=[add_format(_REPLACED_HEADER, value)])


@lru_cache(maxsize=4096)
def _decoded(prefix: str) -> str:
    """A pattern of all escaped spellings of a decoded prefix."""
    return "".join(_spellings(character) for character in prefix)


def _spellings(character: str) -> str:
    if character in _UNRESERVED:
        return re.escape(character)
    escaped = f"(?i:{re.escape(quote(character, safe=''))})"
    return f"(?:{re.escape(character)}|{escaped})" if character.isascii() else escaped
