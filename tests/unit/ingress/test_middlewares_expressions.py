"""The language of circuitBreaker.expression and buffering.retryExpression."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.ingress.middlewares import breaker, buffering
from hearthgate.ingress.middlewares.expressions import Both, Condition, Either, Mistake, evaluate, parse

RATIO = Condition("NetworkErrorRatio", (), ">", 0.3)
CODES = Condition("ResponseCodeRatio", (500.0, 600.0, 0.0, 600.0), ">=", 0.5)
LATENCY = Condition("LatencyAtQuantileMS", (50.0,), "<", 100.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NetworkErrorRatio() > 0.30", RATIO),
        ("  NetworkErrorRatio ( )>.3 ", RATIO),
        ("ResponseCodeRatio(500, 600, 0, 600) >= 5e-1", CODES),
        ("(LatencyAtQuantileMS(50.0) < 100)", LATENCY),
        (
            "NetworkErrorRatio()>0.3 || ResponseCodeRatio(500,600,0,600)>=0.5 && LatencyAtQuantileMS(50.0) < 100",
            Either((RATIO, Both((CODES, LATENCY)))),
        ),
        (
            "(NetworkErrorRatio()>0.3||ResponseCodeRatio(500,600,0,600)>=0.5) && LatencyAtQuantileMS(50.0) < 100",
            Both((Either((RATIO, CODES)), LATENCY)),
        ),
        ("NetworkErrorRatio() == 1", Condition("NetworkErrorRatio", (), "==", 1.0)),
        ("NetworkErrorRatio() != -1.", Condition("NetworkErrorRatio", (), "!=", -1.0)),
        ("NetworkErrorRatio() <= 1", Condition("NetworkErrorRatio", (), "<=", 1.0)),
    ],
)
def test_expressions(text: str, expected: object) -> None:
    assert parse(text, breaker.FUNCTIONS) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "is empty"),
        ("   ", 4, "is empty"),
        ("NetworkErorRatio() > 0.3", 1, "did you mean"),
        ("NetworkErrorRatio > 0.3", 19, "expected '('"),
        ("NetworkErrorRatio() 0.3", 21, "a comparison"),
        ("NetworkErrorRatio() > ", 23, "expected a number, not the end"),
        ("NetworkErrorRatio() > x", 23, "expected a number"),
        ("NetworkErrorRatio() = 0.3", 21, "did you mean '=='"),
        ("NetworkErrorRatio() > 0.3 & 1", 27, "did you mean '&&'"),
        ("NetworkErrorRatio() > 0.3 NetworkErrorRatio() > 1", 27, "'&&', '||' or the end"),
        ("(NetworkErrorRatio() > 0.3", 27, "expected ')'"),
        ("NetworkErrorRatio(1) > 0.3", 1, "takes no arguments"),
        ("NetworkErrorRatio() > 0 && ResponseCodeRatio(500, 600) > 0.3", 28, "takes from, to"),
        ("ResponseCodeRatio(600, 500, 0, 600) > 0.3", 1, "ends before it begins"),
        ("ResponseCodeRatio(500.5, 600, 0, 600) > 0.3", 1, "whole numbers"),
        ("LatencyAtQuantileMS(101) > 1", 1, "0 to 100"),
        ("0.3 < NetworkErrorRatio()", 1, "expected a function"),
        ("(" * 60 + "NetworkErrorRatio() > 1" + ")" * 60, 51, "parentheses"),
        ("NetworkErrorRatio() > 1 || " * 200, 2001, "longer than"),
    ],
)
def test_mistakes_have_their_place(text: str, column: int, message: str) -> None:
    mistake = parse(text, breaker.FUNCTIONS)
    assert isinstance(mistake, Mistake)
    assert mistake.column == column
    assert message in mistake.message


def test_booleans_are_not_compared() -> None:
    assert parse("IsNetworkError()", buffering.FUNCTIONS) == Condition("IsNetworkError")
    mistake = parse("IsNetworkError() == 1", buffering.FUNCTIONS)
    assert isinstance(mistake, Mistake)
    assert mistake.column == 18


@given(st.text(alphabet="NetworkErrorRatio()<>=&|0.1, LatencyAtQuantileMS\t\n§", max_size=80))
def test_any_text_is_an_expression_or_a_mistake_inside_it(text: str) -> None:
    parsed = parse(text, breaker.FUNCTIONS)
    if isinstance(parsed, Mistake):
        assert 1 <= parsed.column <= len(text) + 1
    else:
        evaluate(parsed, lambda _name, _arguments: 0.5)


@given(
    st.recursive(
        st.booleans(), lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner), max_leaves=12
    )
)
def test_means_what_python_means(tree: object) -> None:
    def text(node: object) -> str:
        if isinstance(node, tuple):
            return f"({text(node[0])} {node[1]} {text(node[2])})"
        return f"NetworkErrorRatio() {'<' if node else '>'} 1"

    def value(node: object) -> bool:
        if isinstance(node, tuple):
            left, right = value(node[0]), value(node[2])
            return (left and right) if node[1] == "&&" else (left or right)
        return bool(node)

    parsed = parse(text(tree), breaker.FUNCTIONS)
    assert not isinstance(parsed, Mistake)
    assert evaluate(parsed, lambda _name, _arguments: 0.5) is value(tree)
