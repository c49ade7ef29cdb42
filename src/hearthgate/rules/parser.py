"""From tokens to an expression. Precedence: `!`, then `&&`, then `||`; parentheses as usual."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from hearthgate.model.problems import did_you_mean, shorten
from hearthgate.rules.arguments import argument_error, count_error
from hearthgate.rules.lexer import Kind, Refused, Token, tokens
from hearthgate.rules.syntax import (
    HTTP_MATCHERS,
    TCP_MATCHERS,
    And,
    Condition,
    Expression,
    Matcher,
    Not,
    Or,
)

MAX_DEPTH: Final = 100
"""Nested parentheses and negations: far beyond what people write, far below the interpreter's limit."""


def _spellings(name: str) -> tuple[str, ...]:
    """The four ways upstream accepts: `PathPrefix`, `pathprefix`, `PATHPREFIX`, `Pathprefix`."""
    return name, name.lower(), name.upper(), name.capitalize()


Read = Callable[[Token, Sequence[Token]], Expression]
"""From the name of a matcher and its arguments to what they mean. Raises Refused."""


class Word(NamedTuple):
    """One matcher of a language."""

    name: str
    read: Read


class Vocabulary(NamedTuple):
    """The matchers of one language by each way to write them. `elsewhere`: what people write that belongs to
    another, and what to do. `everything`: a rule that always matches."""

    words: Mapping[str, Word]
    names: tuple[str, ...]
    elsewhere: Mapping[str, str]
    example: str
    everything: str


def vocabulary(
    reads: Mapping[str, Read], elsewhere: Mapping[str, str], example: str, everything: str
) -> Vocabulary:
    """The language whose matchers are the keys of `reads`."""
    spelled = {spelling: Word(name, read) for name, read in reads.items() for spelling in _spellings(name)}
    return Vocabulary(spelled, tuple(reads), elsewhere, example, everything)


def condition(matcher: Matcher, name: Token, arguments: Sequence[Token]) -> Condition:
    """The condition that a matcher of v3 writes. Raises Refused."""
    if error := count_error(matcher, len(arguments)):
        raise Refused(name.offset, error)
    values = tuple(argument.value for argument in arguments)
    for index, argument in enumerate(arguments):
        if error := argument_error(matcher, values, index):
            raise Refused(argument.offset, error)
    return Condition(matcher, values)


def _reads(matchers: Iterable[Matcher]) -> dict[str, Read]:
    return {matcher.value: partial(condition, matcher) for matcher in matchers}


HTTP: Final = vocabulary(
    _reads(HTTP_MATCHERS),
    {
        "HostSNI": "it belongs to IngressRouteTCP; here it is Host",
        "HostSNIRegexp": "it belongs to IngressRouteTCP; here it is HostRegexp",
        "ALPN": "it belongs to IngressRouteTCP",
        "HostHeader": "it belongs to the v2 syntax; in v3 it is Host",
        "Headers": "it belongs to the v2 syntax; in v3 it is Header",
        "HeadersRegexp": "it belongs to the v2 syntax; in v3 it is HeaderRegexp",
    },
    "Host(`example.org`)",
    "PathPrefix(`/`)",
)
TCP: Final = vocabulary(
    _reads(TCP_MATCHERS),
    {
        "Host": "it belongs to IngressRoute; here it is HostSNI",
        "HostRegexp": "it belongs to IngressRoute; here it is HostSNIRegexp",
        "Path": "a stream has no paths: use an IngressRoute",
        "PathPrefix": "a stream has no paths: use an IngressRoute",
    },
    "HostSNI(`example.org`)",
    "HostSNI(`*`)",
)
_WORDS: Final = {"and": "&&", "or": "||"}


def parse(text: str, vocabulary: Vocabulary = HTTP) -> Expression:
    """The expression that `text` writes, every argument checked. Raises Refused with offset and message."""
    parser = _Parser(text, vocabulary)
    expression = parser.disjunction()
    parser.finish()
    return expression


class _Parser:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._tokens = tokens(text)
        self._token = next(self._tokens)
        self._depth = 0

    def disjunction(self) -> Expression:
        operands = [self._conjunction()]
        while self._at(Kind.OR):
            self._advance()
            operands.append(self._conjunction())
        if len(operands) == 1:
            return operands[0]
        return Or(tuple(flat(operands, Or)))

    def finish(self) -> None:
        token = self._token
        if token.kind is Kind.END:
            return
        if token.kind is Kind.CLOSE:
            raise Refused(token.offset, "unexpected ')'", "no '(' is open")
        operator = _WORDS.get(token.text.lower(), "")
        hint = f"did you mean '{operator}'?" if operator else "join matchers with '&&' or '||'"
        raise Refused(token.offset, f"unexpected {_shown(token)}", hint)

    def _conjunction(self) -> Expression:
        operands = [self._unary()]
        while self._at(Kind.AND):
            self._advance()
            operands.append(self._unary())
        if len(operands) == 1:
            return operands[0]
        return And(tuple(flat(operands, And)))

    def _unary(self) -> Expression:
        token = self._token
        if token.kind is Kind.NAME:
            return self._call()
        if token.kind not in (Kind.NOT, Kind.OPEN):
            raise Refused(
                token.offset, f"expected a matcher such as {self._vocabulary.example}, found {_shown(token)}"
            )
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Refused(token.offset, f"nested deeper than {MAX_DEPTH} levels", too_complex=True)
        self._advance()
        if token.kind is Kind.NOT:
            expression: Expression = Not(self._unary())
        else:
            expression = self.disjunction()
            if not self._at(Kind.CLOSE):
                hint = f"to close the '(' at {token.offset + 1}"
                raise Refused(self._token.offset, f"expected ')', found {_shown(self._token)}", hint)
            self._advance()
        self._depth -= 1
        return expression

    def _call(self) -> Expression:
        name = self._token
        self._advance()
        word = self._vocabulary.words.get(name.text)
        if word is None:
            raise Refused(name.offset, f"unknown matcher {shorten(name.text)}", self._suggestion(name.text))
        if not self._at(Kind.OPEN):
            raise Refused(name.offset, f"{word.name} has no arguments", f"write {word.name}(`…`)")
        self._advance()
        return word.read(name, self._arguments(word.name))

    def _arguments(self, matcher: str) -> list[Token]:
        """Up to and with the closing parenthesis; one comma may trail, as in Go."""
        arguments: list[Token] = []
        while not self._at(Kind.CLOSE):
            if self._at(Kind.NAME):
                raise Refused(self._token.offset, f"the argument of {matcher} is not quoted", "write `…`")
            if not self._at(Kind.STRING):
                raise Refused(self._token.offset, f"expected a string, found {_shown(self._token)}")
            arguments.append(self._token)
            self._advance()
            if self._at(Kind.COMMA):
                self._advance()
            elif not self._at(Kind.CLOSE):
                raise Refused(self._token.offset, f"expected ',' or ')', found {_shown(self._token)}")
        self._advance()
        return arguments

    def _suggestion(self, name: str) -> str:
        words = self._vocabulary
        return words.elsewhere.get(name) or did_you_mean(name, words.names).strip(" ()")

    def _at(self, kind: Kind) -> bool:
        return self._token.kind is kind

    def _advance(self) -> None:
        if not self._at(Kind.END):
            self._token = next(self._tokens)


def flat(operands: Sequence[Expression], kind: type[And] | type[Or]) -> list[Expression]:
    """`(a && b) && c` is `a && b && c`: one node however it was bracketed."""
    flat: list[Expression] = []
    for operand in operands:
        flat.extend(operand.operands if isinstance(operand, And | Or) and type(operand) is kind else (operand,))
    return flat


def _shown(token: Token) -> str:
    return "the end of the rule" if token.kind is Kind.END else shorten(token.text)
