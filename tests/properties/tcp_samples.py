"""Random rules about connections, and connections that are likely to fulfil some."""

from random import Random

from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or
from hearthgate.rules.tcp import Connection

ARGUMENTS: dict[Matcher, tuple[str, ...]] = {
    Matcher.HOST_SNI: ("*", "a.test", "A.Test.", "b.test", "*.a.test", "x.a.test", "*.test", "1.2.3.4"),
    Matcher.HOST_SNI_REGEXP: (
        *("^a", "test$", ".*", "^$", r"^[a-z]+\.a\.test$", "[A-Z]", r"(?i)^A\.TEST$", r"\.", "^.{6}$", "x|b"),
        *("[^a]", r"\w+\b.a"),
    ),
    Matcher.ALPN: ("h2", "http/1.1", "postgresql", "h", "2", "a,b", "it's"),
    Matcher.CLIENT_IP: (
        "127.0.0.1",
        "127.0.0.0/30",
        "127.0.0.2",
        "::1",
        "0.0.0.0/0",
        "::ffff:127.0.0.1",
        "127.0.0.9/29",
    ),
}
NAMES = ("", "a.test", "b.test", "x.a.test", "y.x.a.test", "A.TEST", "c.example", "test")
PROTOCOLS = ((), ("h2",), ("h2", "http/1.1"), ("http/1.1",), ("postgresql",), ("h2c",), ("a,b",), ("it's", "h2"))
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.5", "127.0.0.12")


def some_condition(random: Random) -> Condition:
    matcher = random.choice(list(ARGUMENTS))
    return Condition(matcher, (random.choice(ARGUMENTS[matcher]),))


def some_rule(random: Random, depth: int = 3) -> Expression:
    kind = random.random()
    if depth == 0 or kind < 0.4:
        return some_condition(random)
    if kind < 0.55:
        return Not(some_rule(random, depth - 1))
    joined = And if random.random() < 0.5 else Or
    operands: list[Expression] = []
    for _ in range(random.randint(2, 3)):
        operand = some_rule(random, depth - 1)
        operands += operand.operands if isinstance(operand, joined) else (operand,)
    return joined(tuple(operands))


def some_connection(random: Random) -> Connection:
    """One over TLS; see `plain` for the others."""
    return Connection(random.choice(NAMES), random.choice(PROTOCOLS), random.choice(ADDRESSES))


def plain(connection: Connection) -> Connection:
    """What a connection that is not TLS says: nothing but its address."""
    return Connection(client_ip=connection.client_ip)
