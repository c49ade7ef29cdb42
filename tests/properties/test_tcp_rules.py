"""What holds for every rule about connections."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.rules.rule import Rule, RuleError
from hearthgate.rules.syntax import write
from hearthgate.rules.tcp import compile_tcp_rule, condition_holds, holds
from tests.properties.tcp_samples import plain, some_connection, some_rule

randoms = st.randoms(use_true_random=False)
PIECES = (
    "HostSNI",
    "ALPN",
    "Host",
    "(",
    ")",
    "`",
    '"',
    "`a.test`",
    "`*`",
    "&&",
    "||",
    "!",
    ",",
    " ",
    "[",
    "\0",
    "é",
)


@given(randoms)
def test_writing_and_parsing_gives_the_expression_back(random: Random) -> None:
    expression = some_rule(random)
    rule = compile_tcp_rule(write(expression))
    assert isinstance(rule, Rule), rule
    assert rule.expression == expression


@settings(max_examples=300)
@given(randoms)
def test_the_normal_form_means_the_same(random: Random) -> None:
    rule = compile_tcp_rule(write(some_rule(random)))
    assert isinstance(rule, Rule), rule
    for _ in range(20):
        over_tls = some_connection(random)
        for connection in (over_tls, plain(over_tls)):
            normal = any(
                all(condition_holds(each, connection) is not each.negated for each in conjunct)
                for conjunct in rule.conjuncts
            )
            assert normal is holds(rule.expression, connection), (rule.text, connection)


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_is_a_rule_or_an_error(text: str) -> None:
    assert isinstance(compile_tcp_rule(text), Rule | RuleError)
