"""Matches of HTTPRoute and GRPCRoute to rules, with the specification's precedence as priorities."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from hearthgate.ingress.routing.gateway.hostnames import ANY, host_condition, specificity
from hearthgate.resources.gateway.routes import GRPCMatch, HeaderMatch, HTTPMatch, PathMatch, QueryMatch
from hearthgate.rules.rule import Rule, RuleError, compile_rule
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Or, write

BASE: Final = 10_000
"""Below it stand matches that ask for nothing but a host: rules of other kinds of routes go before those."""
_LONGEST: Final = (1 << 11) - 1
_COUNT: Final = 31


class Matched(NamedTuple):
    """One match with a host. prefix: the path's prefix that it asks for; None when it asks for no prefix."""

    rule: Rule
    priority: int
    prefix: str | None


def http_match(match: HTTPMatch, host: str) -> Matched | RuleError:
    """The rule of a match for requests to `host`, or why it cannot be compiled."""
    conditions = [
        *_host(host),
        *_path(match.path),
        *([Condition(Matcher.METHOD, (match.method,))] if match.method else ()),
        *_headers(match.headers),
        *_query(match.query_params),
    ]
    value = match.path.value
    exact = match.path.type == "Exact"
    everything = match.path.type == "PathPrefix" and value.rstrip("/") == ""
    length = 0 if everything else min(len(value), _LONGEST)
    path = (exact << 23) | (length << 11)
    prefix = value if match.path.type == "PathPrefix" else None
    counts = (match.method is not None, len(match.headers), len(match.query_params))
    return _matched(conditions, host, path, counts, prefix)


def grpc_match(match: GRPCMatch, host: str) -> Matched | RuleError:
    method = match.method
    service, name = (method.service or "", method.method or "") if method is not None else ("", "")
    is_regex = method is not None and method.type == "RegularExpression"
    conditions = [*_host(host), *_method(service, name, is_regex=is_regex), *_headers(match.headers)]
    path = (min(len(service), _LONGEST) << 11) | min(len(name), _LONGEST)
    if service and name and not is_regex:
        path |= 1 << 23
    return _matched(conditions, host, path, (False, len(match.headers), 0), None)


def _matched(
    conditions: Sequence[Expression], host: str, path: int, counts: tuple[bool, int, int], prefix: str | None
) -> Matched | RuleError:
    expressions = tuple(conditions) or (Condition(Matcher.PATH_PREFIX, ("/",)),)
    text = write(expressions[0] if len(expressions) == 1 else And(expressions))
    rule = compile_rule(text)
    if isinstance(rule, RuleError):
        return rule
    return Matched(rule, _priority(host, path, counts), prefix)


def _priority(host: str, path: int, counts: tuple[bool, int, int]) -> int:
    """In this order: the host, the path, whether there is a method, how many headers, how many parameters. A match
    for nothing but a host stays as low as upstream has it."""
    method, headers, parameters = counts
    if not path and not method and not headers and not parameters:
        return 1 + len(host) + (host != ANY and not host.startswith("*"))
    rest = (method << 10) | (min(headers, _COUNT) << 5) | min(parameters, _COUNT)
    return BASE + (((specificity(host) << 24) | path) << 11 | rest)


def _host(host: str) -> Iterator[Expression]:
    found = host_condition(host)
    if found is not None:
        yield found


def _path(match: PathMatch) -> Iterator[Expression]:
    match match.type:
        case "Exact":
            yield Condition(Matcher.PATH, (match.value,))
        case "RegularExpression":
            yield Condition(Matcher.PATH_REGEXP, (match.value,))
        case _:
            prefix = match.value.rstrip("/")
            if prefix:
                whole = Condition(Matcher.PATH, (prefix,))
                yield Or((whole, Condition(Matcher.PATH_PREFIX, (f"{prefix}/",))))


def _headers(matches: Iterable[HeaderMatch]) -> Iterator[Condition]:
    """Of several matches on one header only the first counts."""
    for name, match in _first(matches).items():
        matcher = Matcher.HEADER if match.type == "Exact" else Matcher.HEADER_REGEXP
        yield Condition(matcher, (name, match.value))


def _first(matches: Iterable[HeaderMatch]) -> dict[str, HeaderMatch]:
    found: dict[str, HeaderMatch] = {}
    for match in matches:
        found.setdefault(match.name.lower(), match)
    return found


def _query(matches: Iterable[QueryMatch]) -> Iterator[Condition]:
    """Of several matches on one parameter only the first counts."""
    found: dict[str, QueryMatch] = {}
    for match in matches:
        found.setdefault(match.name, match)
    for name, match in found.items():
        matcher = Matcher.QUERY if match.type == "Exact" else Matcher.QUERY_REGEXP
        yield Condition(matcher, (name, match.value))


def _method(service: str, method: str, *, is_regex: bool) -> Iterator[Expression]:
    if not service and not method:
        return
    if is_regex:
        pattern = f"^/(?:{service or '[^/]+'})/(?:{method or '[^/]+'})$"
        yield Condition(Matcher.PATH_REGEXP, (pattern,))
    elif service and method:
        yield Condition(Matcher.PATH, (f"/{service}/{method}",))
    elif service:
        yield Condition(Matcher.PATH_PREFIX, (f"/{service}/",))
    else:
        yield Condition(Matcher.PATH_REGEXP, (f"^/[^/]+/{re.escape(method)}$",))
