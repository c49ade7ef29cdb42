"""Rules about connections in words of Envoy's matchers (xds.type.matcher.v3), by normal form.

Envoy keeps the name that a client asks for in lower case; the protocols it offers are one text, each in quotes,
joined by commas. An input without a value fulfils no predicate, not even a pattern that matches nothing at all.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hearthgate.ingress.envoy.match_atoms import value_pattern
from hearthgate.ingress.envoy.messages import cidr, extension
from hearthgate.model.hostnames import is_wildcard
from hearthgate.rules.regex import found
from hearthgate.rules.rule import Rule
from hearthgate.rules.syntax import Condition, Matcher

Predicate = dict[str, Any]
_INPUTS: Final = "envoy.extensions.matching.common_inputs.network.v3."
_ANY_NAME: Final = r"\C+"


def rule_predicate(rule: Rule, proxies: tuple[str, ...]) -> Predicate | None:
    """What holds for the connections that a rule matches; None for a rule that matches every one.

    The rule has a conjunct: one without matches nothing and needs no predicate. proxies: see `client_is_one_of`.
    """
    alternatives = []
    for conjunct in rule.conjuncts:
        if not conjunct:
            return None
        alternatives.append(_joined("and_matcher", [_condition(each, proxies) for each in conjunct]))
    return _joined("or_matcher", alternatives)


def asks_for_one_of(hosts: Iterable[str]) -> Predicate:
    """What holds for clients that ask for one of these names, wildcards for one label among them."""
    return _name_matches("|".join(sorted(map(_name_pattern, hosts))))


def is_tls() -> Predicate:
    return _input("TransportProtocolInput", value_match={"exact": "tls"})


def offers(protocol: str) -> Predicate:
    """What holds for clients that offer this protocol, perhaps among others."""
    return _input("ApplicationProtocolInput", value_match=_regex(rf"(?:\C*,)?'{re.escape(protocol)}'(?:,\C*)?"))


def client_is_one_of(ranges: Iterable[str], proxies: tuple[str, ...]) -> Predicate:
    """What holds for clients in these ranges. proxies: the sockets whose PROXY header is believed where others may
    send one too, and then their socket's address counts; none = what is told counts."""
    known = [cidr(text) for text in ranges]
    told = _ip("SourceIPInput", known)
    if not proxies:
        return told
    believed = _ip("DirectSourceIPInput", [cidr(text) for text in proxies])
    by_socket = _joined("and_matcher", [{"not_matcher": believed}, _ip("DirectSourceIPInput", known)])
    return _joined("or_matcher", [_joined("and_matcher", [believed, told]), by_socket])


def goes_to_one_of(addresses: Iterable[str]) -> Predicate:
    return _ip("DestinationIPInput", [cidr(text) for text in addresses])


def comes_from(told: Sequence[Any], sockets: Sequence[Any]) -> Predicate:
    """What holds for addresses in these CidrRange messages; of those that are empty nothing is asked."""
    asked = (("SourceIPInput", told), ("DirectSourceIPInput", sockets))
    return _joined("and_matcher", [_ip(name, list(ranges)) for name, ranges in asked if ranges])


def _condition(condition: Condition, proxies: tuple[str, ...]) -> Predicate:
    predicate = _plain(condition.matcher, condition.arguments[0], proxies)
    return {"not_matcher": predicate} if condition.negated else predicate


def _plain(matcher: Matcher, value: str, proxies: tuple[str, ...]) -> Predicate:
    match matcher:
        case Matcher.HOST_SNI:
            return _name_matches(_name_pattern(value))
        case Matcher.HOST_SNI_REGEXP:
            named = _name_matches(value_pattern(value))
            if not found(value, ""):
                return named
            return _joined("or_matcher", [named, {"not_matcher": _name_matches(_ANY_NAME)}])
        case Matcher.ALPN:
            return offers(value)
        case Matcher.CLIENT_IP:
            return client_is_one_of([value], proxies)
        case _:
            raise ValueError(f"{matcher} is no matcher of connections")


def _name_pattern(host: str) -> str:
    label = r"[^.]+" if is_wildcard(host) else ""
    return rf"{label}{re.escape(host[1:] if label else host)}\.?"


def _name_matches(pattern: str) -> Predicate:
    return _input("ServerNameInput", value_match=_regex(pattern))


def _regex(pattern: str) -> dict[str, Any]:
    return {"safe_regex": {"google_re2": {}, "regex": pattern}}


def _ip(name: str, ranges: Sequence[Any]) -> Predicate:
    matcher = extension(
        "envoy.matching.matchers.ip",
        "envoy.extensions.matching.input_matchers.ip.v3.Ip",
        stat_prefix="ip",
        cidr_ranges=ranges,
    )
    return _input(name, custom_match=matcher)


def _input(name: str, **match: Any) -> Predicate:
    return {"single_predicate": {"input": extension(name, f"{_INPUTS}{name}"), **match}}


def _joined(kind: str, predicates: list[Predicate]) -> Predicate:
    return predicates[0] if len(predicates) == 1 else {kind: {"predicate": predicates}}
