"""One conjunct made as small as it can be said, or found impossible."""

import re
from collections.abc import Iterable
from typing import Final

from hearthgate.model.hostnames import is_wildcard
from hearthgate.rules.arguments import client_network
from hearthgate.rules.match import host_holds, path_holds
from hearthgate.rules.paths import RESERVED
from hearthgate.rules.syntax import Condition, Conjunct, Matcher

_PATHS: Final = (Matcher.PATH, Matcher.PATH_PREFIX, Matcher.PATH_REGEXP)
_HOSTS: Final = (Matcher.HOST, Matcher.HOST_REGEXP)
_HEADERS: Final = (Matcher.HEADER, Matcher.HEADER_REGEXP)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_NAME: Final = re.compile(r"[!-)+-.0-?A-Z^-~]+")
"""Printable ASCII without `*`, `/`, `@`, brackets and backslash."""
_KEPT_ESCAPES: Final = "|".join(f"{ord(character):02X}" for character in sorted(RESERVED))
_ROUTABLE: Final = re.compile(rf"(?:[^%?#]|%(?:{_KEPT_ESCAPES}))*", re.DOTALL)


def simplify(conditions: Iterable[Condition]) -> Conjunct | None:
    """The canonical conditions that say the same, sorted; None when they cannot all hold for any request.

    Canonical: hosts, header names in lower case, methods in upper case, networks with their prefix length.
    """
    kept: set[Condition] = set()
    for condition in map(_canonical, conditions):
        always = _constant(condition)
        if always is None:
            kept.add(condition)
        elif always is condition.negated:
            return None
    return _reconcile(kept)


def is_exact_name(host: str) -> bool:
    """Whether `host`, a canonical `Host` argument, can be the whole host of a request."""
    return _NAME.fullmatch(host) is not None and host.count(":") != 1


def _canonical(condition: Condition) -> Condition:
    matcher, arguments = condition.matcher, condition.arguments
    match matcher:
        case Matcher.HOST | Matcher.HOST_SNI:
            arguments = (arguments[0].lower().removesuffix("."),)
        case Matcher.METHOD:
            arguments = (arguments[0].upper(),)
        case Matcher.CLIENT_IP:
            arguments = (str(client_network(arguments[0])),)
        case Matcher.HEADER | Matcher.HEADER_REGEXP:
            arguments = (arguments[0].lower(), arguments[1])
        case Matcher.QUERY_REGEXP if len(arguments) == 1:
            matcher = Matcher.QUERY
    return Condition(matcher, arguments, condition.negated)


def _constant(condition: Condition) -> bool | None:
    """Whether the condition, without its negation, holds for every request or for none; None: it depends."""
    value = condition.arguments[0]
    match condition.matcher:
        case Matcher.HOST | Matcher.HOST_SNI if value == "*":
            return True
        case Matcher.HOST:
            possible = is_exact_name(value) or (is_wildcard(value) and is_exact_name(value[2:]))
        case Matcher.HEADER | Matcher.HEADER_REGEXP:
            possible = value != "host" and _TOKEN.fullmatch(value) is not None
        case Matcher.PATH_PREFIX if value == "/":
            return True
        case Matcher.PATH | Matcher.PATH_PREFIX:
            possible = _ROUTABLE.fullmatch(value) is not None
        case _:
            possible = True
    return None if possible else False


def _reconcile(conditions: set[Condition]) -> Conjunct | None:
    """What is left when exact values have decided the other conditions on the same thing."""
    kept = set(conditions)
    for exact in sorted(conditions):
        if exact.negated or exact not in kept:
            continue
        for other in conditions - {exact}:
            known = _decided(exact, other)
            if known is None:
                continue
            if known is other.negated:
                return None
            kept.discard(other)
    if any(Condition(each.matcher, each.arguments, not each.negated) in kept for each in kept):
        return None
    return tuple(sorted(kept))


def _decided(exact: Condition, other: Condition) -> bool | None:
    """Whether `other`, without its negation, holds for every request that fulfils `exact`; None: it depends."""
    value = exact.arguments[0]
    argument = other.arguments[0]
    if exact.matcher is Matcher.HOST and other.matcher in _HOSTS and not is_wildcard(value):
        return host_holds(other.matcher, argument, value)
    if exact.matcher is Matcher.PATH and other.matcher in _PATHS:
        return path_holds(other.matcher, argument, value)
    if exact.matcher is Matcher.METHOD and other.matcher is Matcher.METHOD:
        return value == argument
    if exact.matcher is Matcher.HOST and other.matcher is Matcher.HOST and is_wildcard(argument):
        return False
    if exact.matcher is Matcher.PATH_PREFIX and other.matcher is Matcher.PATH_PREFIX:
        if value.startswith(argument):
            return True
        return None if argument.startswith(value) else False
    if exact.matcher is Matcher.PATH_PREFIX and other.matcher is Matcher.PATH and not argument.startswith(value):
        return False
    return None
