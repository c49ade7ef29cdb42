"""Conjuncts of rules to the proxy's RouteMatch, one virtual host at a time.

Within a virtual host the question about the host is mostly answered beforehand; what remains becomes a path
specifier, header matchers and filter state. See docs/design/rules.md for what differs from upstream.
"""

from typing import Any

from hearthgate.ingress.envoy.match_atoms import value_pattern
from hearthgate.ingress.envoy.match_host import authority_pattern, decided, domain_names, domains
from hearthgate.ingress.envoy.match_path import path_pattern, whole_path, wire_path
from hearthgate.ingress.envoy.match_query import target_pattern
from hearthgate.ingress.envoy.messages import CLIENT_IP, PATH_HEADER
from hearthgate.ingress.envoy.schema import message
from hearthgate.rules.pattern import finds_everything
from hearthgate.rules.syntax import Condition, Conjunct, Matcher

__all__ = ["can_match_domain", "domain_names", "domains", "route_match"]

_HOSTS = (Matcher.HOST, Matcher.HOST_REGEXP)
_SPECIFIERS = (Matcher.PATH, Matcher.PATH_PREFIX, Matcher.PATH_REGEXP)
"""Best first: what the proxy compares fastest."""


def can_match_domain(conjunct: Conjunct, domain: str) -> bool:
    """Whether any request that reaches the virtual host `domain` can fulfil `conjunct`."""
    return not any(condition.matcher in _HOSTS and decided(condition, domain) is False for condition in conjunct)


def route_match(conjunct: Conjunct, domain: str) -> Any | None:
    """A new RouteMatch that holds in the virtual host `domain` exactly where `conjunct` holds; None when no
    request there can fulfil it.

    domain: one of `domains` of all rules of the route configuration, this conjunct's own included.
    """
    if not can_match_domain(conjunct, domain):
        return None
    match = message("envoy.config.route.v3.RouteMatch")()
    specifier = _specify_path(match, conjunct)
    for condition in conjunct:
        if condition is specifier or (condition.matcher in _HOSTS and decided(condition, domain)):
            continue
        if condition.matcher is Matcher.CLIENT_IP:
            _add_client_ip(match, condition)
        else:
            _add_header(match, condition)
    return match


def _specify_path(match: Any, conjunct: Conjunct) -> Condition | None:
    """Sets the path specifier from the most telling condition on the path, which is returned."""
    candidates = [each for each in conjunct if each.matcher in _SPECIFIERS and not each.negated]
    if not candidates:
        match.prefix = "/"
        return None
    chosen = min(candidates, key=lambda each: (_SPECIFIERS.index(each.matcher), -len(each.arguments[0])))
    value = chosen.arguments[0]
    if chosen.matcher is Matcher.PATH_REGEXP:
        match.safe_regex.regex = path_pattern(value)
        return chosen
    wire = wire_path(value)
    prefix = chosen.matcher is Matcher.PATH_PREFIX
    if wire.pattern:
        match.safe_regex.regex = rf"{wire.text}\C*" if prefix else wire.text
    elif prefix:
        match.prefix = wire.text
    else:
        match.path = wire.text
    return chosen


def _add_client_ip(match: Any, condition: Condition) -> None:
    state = match.filter_state.add()
    state.key = CLIENT_IP
    address, _, length = condition.arguments[0].partition("/")
    block = state.address_match.ranges.add()
    block.address_prefix = address
    block.prefix_len.value = int(length)
    state.address_match.invert_match = condition.negated


def _add_header(match: Any, condition: Condition) -> None:
    """A header matcher for everything that is neither the path specifier nor the client's address."""
    header = match.headers.add()
    header.invert_match = condition.negated
    arguments = condition.arguments
    match condition.matcher:
        case Matcher.HOST | Matcher.HOST_REGEXP:
            header.name = ":authority"
            header.string_match.safe_regex.regex = authority_pattern(condition)
        case Matcher.METHOD:
            header.name = ":method"
            header.string_match.exact = arguments[0]
        case Matcher.HEADER:
            header.name = arguments[0]
            header.string_match.exact = arguments[1]
            # A missing header never fulfils a matcher, not even an inverted one, unless it counts as empty.
            header.treat_missing_header_as_empty = condition.negated
        case Matcher.HEADER_REGEXP:
            header.name = arguments[0]
            if finds_everything(arguments[1]):
                header.present_match = True
            else:
                header.string_match.safe_regex.regex = value_pattern(arguments[1])
                header.treat_missing_header_as_empty = condition.negated
        case Matcher.QUERY | Matcher.QUERY_REGEXP:
            header.name = ":path"
            header.string_match.safe_regex.regex = target_pattern(condition)
        case Matcher.PATH_REGEXP:
            header.name = PATH_HEADER
            header.string_match.safe_regex.regex = path_pattern(arguments[0])
        case _:
            _add_path(header, condition)


def _add_path(header: Any, condition: Condition) -> None:
    wire = wire_path(condition.arguments[0])
    header.name = ":path"
    if condition.matcher is Matcher.PATH:
        header.string_match.safe_regex.regex = rf"{whole_path(wire)}(?:\?\C*)?"
    elif wire.pattern:
        header.string_match.safe_regex.regex = rf"{wire.text}\C*"
    else:
        header.string_match.prefix = wire.text
