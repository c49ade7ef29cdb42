"""What holds for every rule and every request."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.rules.match import matches
from hearthgate.rules.normal import MAX_CONJUNCTS, conjuncts
from hearthgate.rules.order import precedence
from hearthgate.rules.rule import Rule, RuleError, compile_rule
from hearthgate.rules.syntax import And, Expression, Or, write
from tests.properties.rules_samples import some_expression, some_request

randoms = st.randoms(use_true_random=False)
PIECES = (
    *(
        "Host",
        "HostRegexp",
        "Path",
        "Query",
        "ClientIP",
        "(",
        ")",
        "`",
        '"',
        "`a.test`",
        "`/`",
        '"\\x',
        "&&",
        "||",
        "!",
    ),
    *(",", " ", "\n", "(`", "`)", "[", "^", "\\", "é", "\0", "\ud800", "'"),
)


def compiled(expression: Expression) -> Rule:
    rule = compile_rule(write(expression))
    assert isinstance(rule, Rule), rule
    return rule


def turned(expression: Expression, random: Random) -> Expression:
    """The same with the operands of each `&&` and `||` in another order."""
    if isinstance(expression, And | Or):
        operands = [turned(operand, random) for operand in expression.operands]
        random.shuffle(operands)
        return type(expression)(tuple(operands))
    return expression


@given(randoms)
def test_writing_and_parsing_gives_the_expression_back(random: Random) -> None:
    expression = some_expression(random)
    assert compiled(expression).expression == expression


@given(randoms)
@settings(max_examples=400)
def test_the_normal_form_matches_what_the_rule_matches(random: Random) -> None:
    rule = compiled(some_expression(random))
    for _ in range(8):
        request = some_request(random)
        normal = any(all(matches(each, request) for each in conjunct) for conjunct in rule.conjuncts)
        assert normal is matches(rule.expression, request), (rule.text, request)


@given(randoms)
def test_the_order_of_operands_never_matters(random: Random) -> None:
    expression = some_expression(random)
    assert conjuncts(turned(expression, random)) == conjuncts(expression)


@given(randoms)
def test_the_normal_form_of_the_normal_form_is_itself(random: Random) -> None:
    rule = compiled(some_expression(random))
    if len(rule.conjuncts) > 1 and all(len(each) > 1 for each in rule.conjuncts):
        assert conjuncts(Or(tuple(And(each) for each in rule.conjuncts))) == rule.conjuncts


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
@settings(max_examples=600)
def test_any_text_gives_a_rule_or_an_error_with_a_place_inside_it(text: str) -> None:
    result = compile_rule(text)
    if isinstance(result, RuleError):
        assert 1 <= result.position <= len(text) + 1
        assert result.message
    else:
        assert len(result.conjuncts) <= MAX_CONJUNCTS
        assert result.default_priority == len(text.encode())


@given(st.lists(st.tuples(st.integers(-5, 5), st.text(max_size=3)), unique=True), st.randoms())
def test_precedence_does_not_depend_on_the_order_of_routers(
    routers: list[tuple[int, str]], random: Random
) -> None:
    ranked = sorted(routers, key=lambda each: precedence(*each))
    shuffled = list(routers)
    random.shuffle(shuffled)
    assert sorted(shuffled, key=lambda each: precedence(*each)) == ranked
    assert [priority for priority, _ in ranked] == sorted((each[0] for each in routers), reverse=True)
