"""Rules about connections (traefik.io IngressRouteTCP, `spec.routes[].match`): SNI, ALPN, address of the peer.

What a connection that is not TLS says about itself is nothing: no name, no protocols.
"""

import functools
from typing import Final, NamedTuple

from hearthgate.model.hostnames import host_matches
from hearthgate.rules.match import comes_from
from hearthgate.rules.old import TCP as OLD_TCP
from hearthgate.rules.parser import TCP
from hearthgate.rules.regex import found
from hearthgate.rules.rule import SYNTAX, Rule, RuleError, compiled, refused_text
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or

CATCH_ALL_PRIORITY: Final = -1


class Connection(NamedTuple):
    """A connection as it came in. `sni`: the name that a TLS client asks for, empty for none. `alpn`: the
    protocols that it offers. `client_ip`: its peer."""

    sni: str = ""
    alpn: tuple[str, ...] = ()
    client_ip: str = ""


def compile_tcp_rule(text: str, syntax: str = SYNTAX) -> Rule | RuleError:
    """The rule that `text` writes in one of upstream's syntaxes, or what is wrong with it and where. Never
    raises."""
    if (error := refused_text(text, syntax)) is not None:
        return error
    return _compile(text, syntax or SYNTAX)


@functools.lru_cache(maxsize=4096)
def _compile(text: str, syntax: str) -> Rule | RuleError:
    return compiled(text, TCP if syntax == SYNTAX else OLD_TCP, syntax)


def is_catch_all(rule: Rule) -> bool:
    """Whether the rule is nothing but ``HostSNI(`*`)``: upstream lets every other rule go before it."""
    return rule.expression == Condition(Matcher.HOST_SNI, ("*",))


def default_priority(rule: Rule) -> int:
    """Upstream's: the length of the text in bytes; below all for a catch-all."""
    return CATCH_ALL_PRIORITY if is_catch_all(rule) else rule.default_priority


def names_of(rule: Rule) -> tuple[str, ...]:
    """Every name that a `HostSNI` of the rule names, negated or not, `*` included, in lower case, sorted."""
    return tuple(sorted({name.lower().removesuffix(".") for name in _names(rule.expression)}))


def _names(expression: Expression) -> set[str]:
    match expression:
        case Condition(Matcher.HOST_SNI, (name,)):
            return {name}
        case Condition():
            return set()
        case Not(operand):
            return _names(operand)
        case And(operands) | Or(operands):
            return set().union(*map(_names, operands))


def holds(expression: Expression, connection: Connection) -> bool:
    """Whether `connection` fulfils an expression: the meaning of every matcher, word for word."""
    match expression:
        case Condition(_, _, negated):
            return condition_holds(expression, connection) is not negated
        case Not(operand):
            return not holds(operand, connection)
        case And(operands):
            return all(holds(operand, connection) for operand in operands)
        case Or(operands):
            return any(holds(operand, connection) for operand in operands)


def condition_holds(condition: Condition, connection: Connection) -> bool:
    """Whether `connection` fulfils one condition, its negation aside."""
    value = condition.arguments[0]
    match condition.matcher:
        case Matcher.HOST_SNI:
            return sni_holds(value, connection.sni)
        case Matcher.HOST_SNI_REGEXP:
            return found(value, connection.sni.lower())
        case Matcher.ALPN:
            return value in connection.alpn
        case Matcher.CLIENT_IP:
            return comes_from(value, connection.client_ip)
        case _:
            raise ValueError(f"{condition.matcher} is no matcher of connections")


def sni_holds(value: str, sni: str) -> bool:
    """Whether the name that a client asks for fulfils a `HostSNI`: exact, or a wildcard for one label."""
    return value == "*" or (bool(sni) and host_matches(value, sni.lower().removesuffix(".")))
