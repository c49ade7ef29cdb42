"""Words of the rule language: what a parsed rule is made of, and how it is written back.

Follows Traefik v3's matchers of requests (traefik.io IngressRoute, `spec.routes[].match`) and of connections
(IngressRouteTCP).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Matcher(StrEnum):
    """Upstream's name of each matcher."""

    ALPN = "ALPN"
    CLIENT_IP = "ClientIP"
    HEADER = "Header"
    HEADER_REGEXP = "HeaderRegexp"
    HOST = "Host"
    HOST_REGEXP = "HostRegexp"
    HOST_SNI = "HostSNI"
    HOST_SNI_REGEXP = "HostSNIRegexp"
    METHOD = "Method"
    PATH = "Path"
    PATH_PREFIX = "PathPrefix"
    PATH_REGEXP = "PathRegexp"
    QUERY = "Query"
    QUERY_REGEXP = "QueryRegexp"


TCP_MATCHERS: Final = (Matcher.ALPN, Matcher.CLIENT_IP, Matcher.HOST_SNI, Matcher.HOST_SNI_REGEXP)
"""What rules about connections may ask."""
HTTP_MATCHERS: Final = tuple(each for each in Matcher if each is Matcher.CLIENT_IP or each not in TCP_MATCHERS)
"""What rules about requests may ask."""

ARGUMENT_COUNTS: Final[Mapping[Matcher, tuple[int, ...]]] = {
    Matcher.ALPN: (1,),
    Matcher.CLIENT_IP: (1,),
    Matcher.HEADER: (2,),
    Matcher.HEADER_REGEXP: (2,),
    Matcher.HOST: (1,),
    Matcher.HOST_REGEXP: (1,),
    Matcher.HOST_SNI: (1,),
    Matcher.HOST_SNI_REGEXP: (1,),
    Matcher.METHOD: (1,),
    Matcher.PATH: (1,),
    Matcher.PATH_PREFIX: (1,),
    Matcher.PATH_REGEXP: (1,),
    Matcher.QUERY: (1, 2),
    Matcher.QUERY_REGEXP: (1, 2),
}


class Condition(msgspec.Struct, frozen=True, order=True, gc=False):
    """One matcher with its arguments. `negated` is set by the normal form only: the parser wraps in `Not`."""

    matcher: Matcher
    arguments: tuple[str, ...]
    negated: bool = False


class Not(msgspec.Struct, frozen=True):
    operand: "Expression"


class And(msgspec.Struct, frozen=True):
    """At least two operands, none of them an `And`."""

    operands: tuple["Expression", ...]


class Or(msgspec.Struct, frozen=True):
    """At least two operands, none of them an `Or`."""

    operands: tuple["Expression", ...]


Expression = Condition | Not | And | Or

Conjunct = tuple[Condition, ...]
"""Conditions that must all hold; sorted, without repetition."""


def write(expression: Expression) -> str:
    """The rule as text; parsing it gives an equal expression (a negated Condition comes back as `Not`)."""
    match expression:
        case Condition(matcher, arguments, negated):
            return f"{'!' * negated}{matcher.value}({', '.join(map(_quote, arguments))})"
        case Not(operand):
            return f"!({write(operand)})" if isinstance(operand, And | Or) else f"!{write(operand)}"
        case And(operands):
            return " && ".join(f"({write(each)})" if isinstance(each, Or) else write(each) for each in operands)
        case Or(operands):
            return " || ".join(write(each) for each in operands)


def _quote(argument: str) -> str:
    if "`" not in argument and "\r" not in argument and "\0" not in argument:
        return f"`{argument}`"
    return '"' + "".join(_ESCAPES.get(character, character) for character in argument) + '"'


_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\0": "\\x00"}
