"""The rule syntax of Traefik 2 (`syntax: v2`), in the words of today's.

Several arguments of a matcher are alternatives; of Headers, HeadersRegexp and Query all must hold. Hosts, paths
and values of queries may be templates: `{name}` takes a part, `{name:pattern}` what the pattern takes, all else
stands for itself. A Host has no wildcards.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from hearthgate.model.problems import shorten
from hearthgate.rules.arguments import argument_error
from hearthgate.rules.lexer import Refused, Token
from hearthgate.rules.parser import Read, vocabulary
from hearthgate.rules.regex import regex_error
from hearthgate.rules.simplify import is_exact_name
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Or

_HOST_PART: Final = "[^.]+"
_PATH_PART: Final = "[^/]+"
_ANYTHING: Final = ".*"
_PAIR: Final = 2


class Template(NamedTuple):
    """`pattern`: RE2, for a whole text. `literal`: whether nothing in it is a placeholder."""

    pattern: str
    literal: bool


def read_template(text: str, part: str) -> Template:
    """What a template takes. `part`: what a placeholder without a pattern takes. Raises Refused, with an offset
    in `text`.

    Braces nest: `{year:[0-9]{4}}`.
    """
    pieces: list[str] = []
    depth = start = end = 0
    for offset, character in enumerate(text):
        if character == "{":
            depth += 1
            if depth == 1:
                pieces.append(re.escape(text[end:offset]))
                start = offset
        elif character == "}":
            depth -= 1
            if depth < 0:
                raise Refused(offset, "a '}' without a '{'")
            if depth == 0:
                pieces.append(_placeholder(text[start + 1 : offset], part, start))
                end = offset + 1
    if depth:
        raise Refused(start, "a '{' that is never closed")
    pieces.append(re.escape(text[end:]))
    return Template("".join(pieces), literal=end == 0)


def _placeholder(inside: str, part: str, offset: int) -> str:
    name, colon, pattern = inside.partition(":")
    if not name or (colon and not pattern):
        raise Refused(offset, f"{shorten('{' + inside + '}')} lacks a name or a pattern", "write {name:pattern}")
    if not colon:
        return part
    if error := regex_error(pattern):
        raise Refused(offset, f"{shorten(pattern)} is not a regular expression: {error}")
    return f"(?:{pattern})"


def _template(argument: Token, text: str, part: str) -> Template:
    """The template at the end of an argument; a mistake is shown where it stands in the rule."""
    try:
        return read_template(text, part)
    except Refused as refused:
        plain = argument.text[1:-1] == argument.value
        within = len(argument.value) - len(text) + refused.offset
        offset = argument.offset + (1 + within if plain else 0)
        raise Refused(offset, refused.message, refused.hint) from None


def _checked(argument: Token, matcher: Matcher, *values: str) -> Condition:
    for index in range(len(values)):
        if error := argument_error(matcher, values, index):
            raise Refused(argument.offset, error)
    return Condition(matcher, values)


def _host(name: str, argument: Token) -> Condition:
    if argument.value.startswith("*"):
        way_out = "write HostRegexp(`{name:[a-zA-Z0-9-]+}.example.org`)"
        raise Refused(argument.offset, f"{name} has no wildcards in v2: {shorten(argument.value)}", way_out)
    return _checked(argument, Matcher.HOST, argument.value)


def _host_pattern(matcher: Matcher, exact: Matcher, argument: Token) -> Condition:
    value = argument.value
    template = _template(argument, value, _HOST_PART)
    if template.literal and value.isascii() and is_exact_name(value):
        return _checked(argument, exact, value)
    return _checked(argument, matcher, f"(?i)^{template.pattern}$")


def _path(exact: Matcher, ending: str, argument: Token) -> Condition:
    value = argument.value
    template = _template(argument, value, _PATH_PART)
    if template.literal or not value.startswith("/"):
        return _checked(argument, exact, value)
    return _checked(argument, Matcher.PATH_REGEXP, f"^{template.pattern}{ending}")


def _sni(argument: Token) -> Condition:
    if argument.value.startswith("*."):
        way_out = "write HostSNIRegexp(`{name:[a-zA-Z0-9-]+}.example.org`)"
        raise Refused(argument.offset, f"HostSNI has no wildcards in v2: {shorten(argument.value)}", way_out)
    return _checked(argument, Matcher.HOST_SNI, argument.value)


def _plain(matcher: Matcher, argument: Token) -> Condition:
    return _checked(argument, matcher, argument.value)


def _query(pair: tuple[str, Token, str]) -> Condition:
    key, argument, value = pair
    template = _template(argument, value, _ANYTHING)
    if not value:
        return _checked(argument, Matcher.QUERY_REGEXP, key, _ANYTHING)
    if template.literal:
        return _checked(argument, Matcher.QUERY, key, value)
    return _checked(argument, Matcher.QUERY_REGEXP, key, f"^{template.pattern}$")


def _any(read: Callable[[Token], Condition], name: Token, arguments: Sequence[Token]) -> Expression:
    """Every argument is an alternative."""
    _filled(name, arguments)
    return _one_of(Or, map(read, arguments))


def _headers(matcher: Matcher, name: Token, arguments: Sequence[Token]) -> Expression:
    """Names and values in turn; of a name that is said twice the last value counts, as in upstream's table."""
    _filled(name, arguments)
    if len(arguments) % _PAIR:
        raise Refused(arguments[-1].offset, f"{name.text} takes names and values in turn: a value is missing")
    wanted: dict[str, Condition] = {}
    for key, value in zip(arguments[::_PAIR], arguments[1::_PAIR], strict=True):
        if error := argument_error(matcher, (key.value, value.value), 0):
            raise Refused(key.offset, error)
        wanted[key.value] = _checked(value, matcher, key.value, value.value)
    return _one_of(And, wanted.values())


def _queries(name: Token, arguments: Sequence[Token]) -> Expression:
    """Each `key=value`. Without `=` upstream takes the next argument for the value: such a pair is taken too."""
    _filled(name, arguments)
    pairs: list[tuple[str, Token, str]] = []
    rest = list(arguments)
    while rest:
        first = rest.pop(0)
        key, equals, value = first.value.partition("=")
        if equals:
            pairs.append((key, first, value))
        elif rest and "=" not in rest[0].value:
            second = rest.pop(0)
            pairs.append((key, second, second.value))
        else:
            way_out = "write `key=value` or `key=`"
            raise Refused(first.offset, f"Query {shorten(first.value)} has no value", way_out)
    return _one_of(And, map(_query, pairs))


def _filled(name: Token, arguments: Sequence[Token]) -> None:
    if not arguments:
        raise Refused(name.offset, f"{name.text} has no arguments", f"write {name.text}(`…`)")
    for argument in arguments:
        if not argument.value:
            raise Refused(argument.offset, f"an argument of {name.text} is empty")


def _one_of(kind: type[And] | type[Or], conditions: Iterable[Condition]) -> Expression:
    different = tuple(dict.fromkeys(conditions))
    return kind(different) if len(different) > 1 else different[0]


def _alternatives(read: Callable[[Token], Condition]) -> Read:
    return partial(_any, read)


HTTP: Final = vocabulary(
    {
        "Host": _alternatives(partial(_host, "Host")),
        "HostHeader": _alternatives(partial(_host, "HostHeader")),
        "HostRegexp": _alternatives(partial(_host_pattern, Matcher.HOST_REGEXP, Matcher.HOST)),
        "Path": _alternatives(partial(_path, Matcher.PATH, "$")),
        "PathPrefix": _alternatives(partial(_path, Matcher.PATH_PREFIX, "")),
        "Method": _alternatives(partial(_plain, Matcher.METHOD)),
        "ClientIP": _alternatives(partial(_plain, Matcher.CLIENT_IP)),
        "Headers": partial(_headers, Matcher.HEADER),
        "HeadersRegexp": partial(_headers, Matcher.HEADER_REGEXP),
        "Query": _queries,
    },
    {
        "Header": "it belongs to the v3 syntax; in v2 it is Headers",
        "HeaderRegexp": "it belongs to the v3 syntax; in v2 it is HeadersRegexp",
        "PathRegexp": "it belongs to the v3 syntax; in v2 write Path(`/{name:pattern}`)",
        "QueryRegexp": "it belongs to the v3 syntax; in v2 write Query(`key={name:pattern}`)",
        "HostSNI": "it belongs to IngressRouteTCP; here it is Host",
        "HostSNIRegexp": "it belongs to IngressRouteTCP; here it is HostRegexp",
    },
    "Host(`example.org`)",
    "PathPrefix(`/`)",
)
TCP: Final = vocabulary(
    {
        "HostSNI": _alternatives(_sni),
        "HostSNIRegexp": _alternatives(partial(_host_pattern, Matcher.HOST_SNI_REGEXP, Matcher.HOST_SNI)),
        "ClientIP": _alternatives(partial(_plain, Matcher.CLIENT_IP)),
        "ALPN": _alternatives(partial(_plain, Matcher.ALPN)),
    },
    {"Host": "it belongs to IngressRoute; here it is HostSNI"},
    "HostSNI(`example.org`)",
    "HostSNI(`*`)",
)
