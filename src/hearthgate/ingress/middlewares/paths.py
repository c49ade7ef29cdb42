"""What changes or checks the path: addPrefix, stripPrefix, stripPrefixRegex, replacePath, replacePathRegex,
encodedCharacters (traefik.io Middleware)."""

import re
from typing import Final
from urllib.parse import quote

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import check_value
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.regexes import Template, check_groups, check_regex, check_template
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.traefik import middleware as spec

_SAFE: Final = "/$&+,:;=@!'()*~"
"""What Go leaves as it is when it escapes a path."""
_ESCAPES: Final = {
    "%2F": "allow_encoded_slash",
    "%5C": "allow_encoded_back_slash",
    "%00": "allow_encoded_null_character",
    "%3B": "allow_encoded_semicolon",
    "%25": "allow_encoded_percent",
    "%3F": "allow_encoded_question_mark",
    "%23": "allow_encoded_hash",
}
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class AddPrefix(Middleware, frozen=True, kw_only=True):
    """`prefix` starts with `/` and is escaped for the wire."""

    prefix: str


class StripPrefix(Middleware, frozen=True, kw_only=True):
    """Takes the first of `prefixes` away that the decoded path starts with."""

    prefixes: tuple[str, ...]


class StripPrefixRegex(Middleware, frozen=True, kw_only=True):
    """Takes away what the first of `regexes` that matches at the start of the path matches there."""

    regexes: tuple[str, ...]


class EncodedCharacters(Middleware, frozen=True, kw_only=True):
    """Refuses paths with one of these escapes: `%2F`."""

    denied: tuple[str, ...]


class ReplacePath(Middleware, frozen=True, kw_only=True):
    """`path` starts with `/` and is escaped for the wire."""

    path: str


class ReplacePathRegex(Middleware, frozen=True, kw_only=True):
    """Replaces every match in the escaped path. An empty replacement leaves paths alone, as upstream's does."""

    regex: str
    replacement: Template


def add_prefix(options: spec.AddPrefix, draft: Draft) -> AddPrefix:
    if not options.prefix:
        draft.refuse("prefix", "is required", Reason.MISSING_FIELD)
    elif not options.prefix.startswith("/"):
        draft.refuse("prefix", f"must start with /: {shorten(options.prefix)}")
    return AddPrefix(name=draft.name, prefix=quote(options.prefix, safe=_SAFE))


def strip_prefix(options: spec.StripPrefix, draft: Draft) -> StripPrefix:
    if not options.prefixes:
        draft.warn("prefixes", "is empty: nothing is stripped")
    for index, prefix in enumerate(options.prefixes):
        if not prefix.startswith("/"):
            draft.warn(f"prefixes[{index}]", f"no path starts with {shorten(prefix)}: start it with /")
        check_value(draft, f"prefixes[{index}]", prefix)
    prefixes = dict.fromkeys(prefix for prefix in options.prefixes if prefix.startswith("/"))
    return StripPrefix(name=draft.name, prefixes=tuple(prefixes))


def strip_prefix_regex(options: spec.StripPrefixRegex, draft: Draft) -> StripPrefixRegex:
    if not options.regex:
        draft.warn("regex", "is empty: nothing is stripped")
    for index, regex in enumerate(options.regex):
        if check_regex(draft, f"regex[{index}]", regex.strip()):
            check_groups(draft, f"regex[{index}]", regex.strip())
    return StripPrefixRegex(name=draft.name, regexes=tuple(regex.strip() for regex in options.regex))


def denied_escapes(options: object) -> tuple[str, ...]:
    """The escapes that options with a field `allow_encoded_*` for each do not allow."""
    return tuple(escape for escape, allowed in _ESCAPES.items() if not getattr(options, allowed))


def encoded_characters(options: spec.EncodedCharacters, draft: Draft) -> EncodedCharacters:
    return EncodedCharacters(name=draft.name, denied=denied_escapes(options))


def replace_path(options: spec.ReplacePath, draft: Draft) -> ReplacePath:
    if not options.path:
        draft.refuse("path", "is required", Reason.MISSING_FIELD)
    elif _BAD_ESCAPE.search(options.path):
        draft.refuse("path", f"a % is not followed by two hexadecimal digits: {shorten(options.path)}")
    return ReplacePath(name=draft.name, path="/" + quote(options.path, safe=_SAFE + "%").removeprefix("/"))


def replace_path_regex(options: spec.ReplacePathRegex, draft: Draft) -> ReplacePathRegex | None:
    regex, replacement = options.regex.strip(), options.replacement.strip()
    if not check_regex(draft, "regex", regex):
        return None
    if re.search(r"[\x00-\x20\x7f?#]", replacement):
        draft.refuse("replacement", f"not a path (escape space, ? and #): {shorten(replacement)}")
    if not replacement:
        draft.warn("replacement", "is empty: paths stay as they are, as upstream's do (use / for the root)")
    return ReplacePathRegex(
        name=draft.name, regex=regex, replacement=check_template(draft, "replacement", regex, replacement)
    )
