"""Conditions on a request as it came in, for RouteMatch.headers."""

import re
from collections.abc import Iterable
from typing import Any

from hearthgate.ingress.envoy.messages import make


def is_value(name: str, value: str) -> Any:
    matcher = make("envoy.config.route.v3.HeaderMatcher", name=name)
    matcher.string_match.exact = value
    return matcher


def matches(name: str, pattern: str) -> Any:
    """`pattern` matches all of the header, which must be there."""
    matcher = make("envoy.config.route.v3.HeaderMatcher", name=name)
    matcher.string_match.safe_regex.regex = pattern
    return matcher


def differs(name: str, pattern: str) -> Any:
    """`pattern` does not match the header; a missing header counts as an empty one."""
    matcher = matches(name, pattern)
    matcher.invert_match = True
    matcher.treat_missing_header_as_empty = True
    return matcher


def any_of_ignoring_case(texts: Iterable[str]) -> str:
    """A pattern that matches exactly these texts, in any case."""
    return f"(?i:{'|'.join(re.escape(text) for text in texts)})"
