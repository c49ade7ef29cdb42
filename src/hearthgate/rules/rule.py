"""A rule, compiled: its expression, its normal form, the hosts that it names and its default priority."""

import functools
from typing import Final, NamedTuple

import msgspec

from hearthgate.model.hostnames import is_wildcard
from hearthgate.model.problems import shorten
from hearthgate.rules.lexer import Refused
from hearthgate.rules.normal import conjuncts
from hearthgate.rules.old import HTTP as OLD_HTTP
from hearthgate.rules.parser import HTTP, Vocabulary, flat, parse
from hearthgate.rules.simplify import is_exact_name
from hearthgate.rules.syntax import And, Condition, Conjunct, Expression, Matcher, Not, Or

MAX_LENGTH: Final = 16 * 1024
"""In bytes. Upstream has no limit; nobody writes this by hand, and it bounds what one object can cost."""

SYNTAX: Final = "v3"
OLD_SYNTAX: Final = "v2"


class Rule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A rule that compiles. `conjuncts`: sorted; none for a rule that no request can match. `syntax`: the one that
    gives `text` its meaning; of layers, that of each."""

    text: str
    expression: Expression
    conjuncts: tuple[Conjunct, ...]
    syntax: str = SYNTAX

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self.text == other.text and self.syntax == other.syntax

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host that a `Host` of the rule names, negated or not, in lower case, sorted; wildcards too."""
        found: set[str] = set()
        _collect_hosts(self.expression, found)
        return tuple(sorted(found))

    @property
    def default_priority(self) -> int:
        """Upstream's: the length of the text in bytes."""
        return len(self.text.encode())


class RuleError(NamedTuple):
    """Why a text is no rule. `position`: column of the first character at fault, from 1; `message` names it."""

    position: int
    message: str
    too_complex: bool = False


def compile_rule(text: str, syntax: str = SYNTAX) -> Rule | RuleError:
    """The rule that `text` writes in one of upstream's syntaxes, or what is wrong with it and where. Never
    raises."""
    if (error := refused_text(text, syntax)) is not None:
        return error
    return _compile(text, syntax or SYNTAX)


def refused_text(text: str, syntax: str) -> RuleError | None:
    """Why a text is not even read, or None."""
    if syntax not in ("", SYNTAX, OLD_SYNTAX):
        return RuleError(1, f"there is no rule syntax {shorten(syntax)}, only {SYNTAX} and {OLD_SYNTAX}")
    if len(text) > MAX_LENGTH:
        return RuleError(1, f"the rule is {len(text)} characters long, more than {MAX_LENGTH}", too_complex=True)
    return None


@functools.lru_cache(maxsize=32768)
def _compile(text: str, syntax: str) -> Rule | RuleError:
    return compiled(text, HTTP if syntax == SYNTAX else OLD_HTTP, syntax)


def compiled(text: str, vocabulary: Vocabulary, syntax: str = SYNTAX) -> Rule | RuleError:
    """The rule that `text` writes in the words of `vocabulary`, never kept. Never raises."""
    try:
        _check_text(text, vocabulary)
        expression = parse(text, vocabulary)
        return Rule(text=text, expression=expression, conjuncts=conjuncts(expression), syntax=syntax)
    except Refused as refused:
        hint = f" ({refused.hint})" if refused.hint else ""
        message = f"{refused.message} at {_place(text, refused.offset)}{hint}"
        return RuleError(refused.offset + 1, message, refused.too_complex)


def layered(outer: Rule, inner: Rule) -> Rule | RuleError:
    """The rule for requests that match both, one below the other."""
    expression = And(tuple(flat((outer.expression, inner.expression), And)))
    try:
        return Rule(
            text=f"({outer.text}) && ({inner.text})",
            expression=expression,
            conjuncts=conjuncts(expression),
            syntax=f"{outer.syntax}/{inner.syntax}",
        )
    except Refused as refused:
        return RuleError(1, f"below the rule {shorten(outer.text)}: {refused.message}", refused.too_complex)


def _check_text(text: str, vocabulary: Vocabulary) -> None:
    if not text.strip(" \t\r\n"):
        raise Refused(0, "the rule is empty", f"to match everything, write {vocabulary.everything}")
    for offset, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise Refused(offset, f"character {character!r} is not allowed in a rule")


def _place(text: str, offset: int) -> str:
    before = text[:offset]
    lines = before.count("\n")
    if not lines:
        return str(offset + 1)
    return f"line {lines + 1}, column {offset - before.rfind(chr(10))}"


def _collect_hosts(expression: Expression, found: set[str]) -> None:
    match expression:
        case Condition(Matcher.HOST, (name,)):
            host = name.lower().removesuffix(".")
            if is_exact_name(host.removeprefix("*.")) and (is_exact_name(host) or is_wildcard(host)):
                found.add(host)
        case Not(operand):
            _collect_hosts(operand, found)
        case And(operands) | Or(operands):
            for operand in operands:
                _collect_hosts(operand, found)
