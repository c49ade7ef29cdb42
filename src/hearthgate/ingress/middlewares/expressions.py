"""The little language of `circuitBreaker.expression` and `buffering.retryExpression`.

    expression := term { "||" term };  term := factor { "&&" factor }
    factor     := "(" expression ")" | call | call comparison number
    call       := NAME "(" [ number { "," number } ] ")"

Numbers are Go's decimal ones. Which functions there are, and what they take and give, is the caller's to say.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, cast

import msgspec

from hearthgate.model.problems import did_you_mean, shorten

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 50
Operator = Literal["==", "!=", "<", "<=", ">", ">="]

_TOKEN: Final = re.compile(
    r"(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[<>(),])"
)
_COMPARISONS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))
_HINTS: Final = {"&": " (did you mean '&&'?)", "|": " (did you mean '||'?)", "=": " (did you mean '=='?)"}


class Function(NamedTuple):
    """arguments: what they are called. is_boolean: whether it stands alone, without a comparison.
    check: says what is wrong with the arguments; empty when nothing is."""

    arguments: tuple[str, ...] = ()
    is_boolean: bool = False
    check: Callable[[tuple[float, ...]], str] = lambda _: ""


class Condition(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A call, compared with a number; a boolean one has no operator."""

    function: str
    arguments: tuple[float, ...] = ()
    operator: Operator | None = None
    value: float = 0.0


class Both(msgspec.Struct, frozen=True, gc=False, tag=True):
    parts: tuple["Expression", ...]


class Either(msgspec.Struct, frozen=True, gc=False, tag=True):
    parts: tuple["Expression", ...]


Expression = Condition | Both | Either


class Mistake(NamedTuple):
    """column: from 1, of the character at fault."""

    column: int
    message: str

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}"


def parse(text: str, functions: Mapping[str, Function]) -> Expression | Mistake:
    """The expression, or the first mistake."""
    if len(text) > MAX_LENGTH:
        return Mistake(MAX_LENGTH + 1, f"longer than {MAX_LENGTH} characters")
    try:
        return _Parser(text, functions).whole()
    except _Refused as refused:
        return Mistake(refused.offset + 1, refused.message)


def evaluate(expression: Expression, call: Callable[[str, tuple[float, ...]], float]) -> bool:
    """Whether it holds. `call` gives what a function says; a boolean one gives 0 or 1."""
    if isinstance(expression, Both):
        return all(evaluate(part, call) for part in expression.parts)
    if isinstance(expression, Either):
        return any(evaluate(part, call) for part in expression.parts)
    value = call(expression.function, expression.arguments)
    match expression.operator:
        case None:
            return bool(value)
        case "==":
            return value == expression.value
        case "!=":
            return value != expression.value
        case "<":
            return value < expression.value
        case "<=":
            return value <= expression.value
        case ">":
            return value > expression.value
        case ">=":
            return value >= expression.value


class _Refused(Exception):
    """Unwinds the parser; never leaves `parse`."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


class _Parser:
    def __init__(self, text: str, functions: Mapping[str, Function]) -> None:
        self._functions = functions
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0

    def whole(self) -> Expression:
        if self._next.kind == "end":
            raise _Refused(self._next.offset, f"is empty (there are: {', '.join(sorted(self._functions))})")
        expression = self._either()
        if self._next.kind != "end":
            raise self._unexpected("'&&', '||' or the end")
        return expression

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _unexpected(self, wanted: str) -> _Refused:
        token = self._next
        found = "the end" if token.kind == "end" else shorten(token.text)
        return _Refused(token.offset, f"expected {wanted}, not {found}")

    def _expect(self, sign: str) -> None:
        if self._next.text != sign:
            raise self._unexpected(f"'{sign}'")
        self._take()

    def _either(self) -> Expression:
        parts = [self._both()]
        while self._next.text == "||":
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Expression:
        parts = [self._factor()]
        while self._next.text == "&&":
            self._take()
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _factor(self) -> Expression:
        if self._next.text != "(":
            return self._test()
        if self._depth == MAX_DEPTH:
            raise _Refused(self._next.offset, f"more than {MAX_DEPTH} parentheses inside each other")
        self._take()
        self._depth += 1
        inner = self._either()
        self._depth -= 1
        self._expect(")")
        return inner

    def _test(self) -> Condition:
        name = self._next
        if name.kind != "name":
            raise self._unexpected(f"a function ({', '.join(sorted(self._functions))})")
        self._take()
        function = self._functions.get(name.text)
        if function is None:
            known = sorted(self._functions)
            hint = did_you_mean(name.text, known) or f" (there are: {', '.join(known)})"
            raise _Refused(name.offset, f"unknown function {shorten(name.text)}{hint}")
        arguments = self._arguments(name, function)
        if function.is_boolean:
            if self._next.text in _COMPARISONS:
                raise _Refused(self._next.offset, f"{name.text}() is true or false: it is not compared")
            return Condition(name.text, arguments)
        if self._next.text not in _COMPARISONS:
            raise self._unexpected(f"a comparison of {name.text}(), such as '>'")
        operator = cast("Operator", self._take().text)
        return Condition(name.text, arguments, operator, self._number())

    def _arguments(self, name: _Token, function: Function) -> tuple[float, ...]:
        self._expect("(")
        values: list[float] = []
        while self._next.text != ")":
            if values:
                self._expect(",")
            values.append(self._number())
        self._take()
        if len(values) != len(function.arguments):
            takes = f"takes {', '.join(function.arguments)}" if function.arguments else "takes no arguments"
            raise _Refused(name.offset, f"{name.text} {takes}: {len(values)} given")
        if message := function.check(tuple(values)):
            raise _Refused(name.offset, f"{name.text}: {message}")
        return tuple(values)

    def _number(self) -> float:
        if self._next.kind != "number":
            raise self._unexpected("a number")
        return float(self._take().text)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    offset = 0
    while True:
        offset += len(text[offset:]) - len(text[offset:].lstrip(" \t\r\n"))
        if offset >= len(text):
            return [*found, _Token("end", "", offset)]
        match = _TOKEN.match(text, offset)
        if match is None:
            character = text[offset]
            raise _Refused(offset, f"{shorten(character)} has no meaning here{_HINTS.get(character, '')}")
        found.append(_Token(str(match.lastgroup), match.group(), offset))
        offset = match.end()
