"""Normal form: a rule as alternatives (conjuncts) of conditions that must all hold.

Negation is pushed to the conditions (De Morgan), then `&&` is distributed over `||`. Conjuncts that can
never hold are dropped, conditions that say nothing new too, and conjuncts that a wider one covers.
"""

from typing import Final

from hearthgate.model.problems import shorten
from hearthgate.rules.lexer import Refused
from hearthgate.rules.pattern import finds_everything
from hearthgate.rules.regex import found
from hearthgate.rules.simplify import simplify
from hearthgate.rules.syntax import Condition, Conjunct, Expression, Matcher, Not, Or

MAX_CONJUNCTS: Final = 512
_MAX_STEPS: Final = 20_000
"""Bounds the time of a build whose intermediate conjuncts cancel out."""


def conjuncts(expression: Expression) -> tuple[Conjunct, ...]:
    """The sorted conjuncts, one of which holds exactly for the requests that `expression` matches.

    Raises Refused (too complex) beyond MAX_CONJUNCTS.
    """
    return tuple(sorted(_widest(_Builder().alternatives(expression, negated=False))))


class _Builder:
    def __init__(self) -> None:
        self._steps = 0

    def alternatives(self, expression: Expression, *, negated: bool) -> set[Conjunct]:
        match expression:
            case Condition(matcher, arguments, inverse):
                condition = Condition(matcher, arguments, inverse ^ negated)
                _check_expressible(condition)
                return self._collect([(condition,)])
            case Not(operand):
                return self.alternatives(operand, negated=not negated)
        results = [self.alternatives(operand, negated=negated) for operand in expression.operands]
        if isinstance(expression, Or) is not negated:
            return self._collect([conjunct for result in results for conjunct in result])
        product: set[Conjunct] = {()}
        for result in results:
            product = self._collect([left + right for left in self._count(product, result) for right in result])
        return product

    def _count(self, left: set[Conjunct], right: set[Conjunct]) -> set[Conjunct]:
        self._steps += len(left) * len(right)
        if self._steps > _MAX_STEPS:
            raise _too_complex()
        return left

    def _collect(self, found: list[Conjunct]) -> set[Conjunct]:
        kept: set[Conjunct] = set()
        for conjunct in found:
            simple = simplify(conjunct)
            if simple is not None:
                kept.add(simple)
                if len(kept) > MAX_CONJUNCTS:
                    raise _too_complex()
        return kept


def _widest(found: set[Conjunct]) -> list[Conjunct]:
    """Without the conjuncts that hold only where another one, with fewer conditions, holds too."""
    kept: list[frozenset[Condition]] = []
    for conjunct in sorted(found, key=lambda each: (len(each), each)):
        conditions = frozenset(conjunct)
        if not any(wider <= conditions for wider in kept):
            kept.append(conditions)
    return [tuple(sorted(conditions)) for conditions in kept]


def _check_expressible(condition: Condition) -> None:
    """The proxy cannot tell a missing header from an empty one where a negated pattern asks for the difference."""
    if condition.matcher is not Matcher.HEADER_REGEXP or not condition.negated:
        return
    name, pattern = condition.arguments
    if found(pattern, "") and not finds_everything(pattern):
        message = f"!HeaderRegexp({name}, {shorten(pattern)}) is not supported: the pattern matches an empty value"
        raise Refused(0, message, f"write !HeaderRegexp(`{name}`, `.*`) for a missing header, or another pattern")


def _too_complex() -> Refused:
    message = f"the rule has more than {MAX_CONJUNCTS} alternatives when its '&&' are distributed over its '||'"
    return Refused(0, message, "split it into several routes", too_complex=True)
