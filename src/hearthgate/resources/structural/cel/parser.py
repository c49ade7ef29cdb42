"""From tokens to the syntax tree (the grammar of cel-spec, langdef)."""

from collections.abc import Iterable
from typing import Final

from hearthgate.resources.structural.cel.lexer import Token, tokens
from hearthgate.resources.structural.cel.syntax import (
    WORDS,
    Call,
    CelSyntaxError,
    Entries,
    Expr,
    Index,
    Items,
    Literal,
    Name,
    Select,
)

_DEEPEST: Final = 60
_LONGEST: Final = 32_768
_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("<", "<=", ">=", ">", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Binary operators from the loosest to the tightest; all are left-associative."""
_LOGIC: Final = 2
"""The first levels do not care how they are grouped."""


def parse(text: str) -> Expr:
    """Raises CelSyntaxError, also for what nests deeper or is longer than any rule should."""
    if len(text) > _LONGEST:
        raise CelSyntaxError(f"longer than {_LONGEST} characters")
    parser = _Parser(tokens(text))
    expression = parser.expression()
    parser.expect_end()
    return expression


def _balanced(sign: str, operands: list[Expr]) -> Expr:
    """A long row of alternatives as a tree that is not deep."""
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2
    return Call(sign, (_balanced(sign, operands[:middle]), _balanced(sign, operands[middle:])))


class _Parser:
    def __init__(self, source: Iterable[Token]) -> None:
        self._tokens = list(source)
        self._at = 0
        self._depth = 0

    def expression(self) -> Expr:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise CelSyntaxError(f"nests deeper than {_DEEPEST} levels")
        condition = self._binary(0)
        if self._take("?"):
            then = self._binary(0)
            self._expect(":")
            condition = Call("?:", (condition, then, self.expression()))
        self._depth -= 1
        return condition

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._unexpected()

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _unexpected(self) -> CelSyntaxError:
        token = self._next
        what = f"{token.text!r}" if token.kind != "end" else "the end"
        return CelSyntaxError(f"unexpected {what} at position {token.at}")

    def _take(self, *signs: str) -> str:
        token = self._next
        if token.text in signs and (token.kind == "sign" or (token.kind == "name" and token.text == "in")):
            self._at += 1
            return token.text
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unexpected()

    def _binary(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        if level < _LOGIC:
            operands = [left]
            while self._take(*_LEVELS[level]):
                operands.append(self._binary(level + 1))
            return _balanced(_LEVELS[level][0], operands)
        while sign := self._take(*_LEVELS[level]):
            left = Call(sign, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Expr:
        for sign in ("!", "-"):
            count = 0
            while self._take(sign):
                count += 1
            if count:
                inner = self._member()
                for _ in range(count % 2 or 2):
                    inner = Call(sign, (inner,))
                return inner
        return self._member()

    def _member(self) -> Expr:
        value = self._primary()
        while sign := self._take(".", ".?", "[", "[?"):
            optional = sign.endswith("?")
            if sign.startswith("["):
                value = Index(value, self.expression(), optional)
                self._expect("]")
                continue
            token = self._next
            if token.kind not in ("name", "quoted") or (token.kind == "name" and token.text in WORDS):
                raise self._unexpected()
            self._at += 1
            if not optional and token.kind == "name" and self._take("("):
                value = Call(token.text, self._arguments(")"), value)
            else:
                value = Select(value, token.text, optional)
        return value

    def _primary(self) -> Expr:
        token = self._next
        if token.kind == "value":
            self._at += 1
            return Literal(token.value)
        if self._take("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._take("[?"):
            first = (self.expression(), True)
            return Items((first, *self._items()) if self._take(",") else self._closed(first))
        if self._take("["):
            return Items(tuple(self._items()))
        if self._take("{"):
            return Entries(tuple(self._entries()))
        self._take(".")
        token = self._next
        if token.kind != "name" or token.text in WORDS:
            raise self._unexpected()
        self._at += 1
        if self._take("("):
            return Call(token.text, self._arguments(")"))
        return Name(token.text)

    def _closed(self, only: tuple[Expr, bool]) -> tuple[tuple[Expr, bool], ...]:
        self._expect("]")
        return (only,)

    def _arguments(self, end: str) -> tuple[Expr, ...]:
        found: list[Expr] = []
        while not self._take(end):
            found.append(self.expression())
            if not self._take(","):
                self._expect(end)
                break
        return tuple(found)

    def _items(self) -> list[tuple[Expr, bool]]:
        found: list[tuple[Expr, bool]] = []
        while not self._take("]"):
            optional = bool(self._take("?"))
            found.append((self.expression(), optional))
            if not self._take(","):
                self._expect("]")
                break
        return found

    def _entries(self) -> list[tuple[Expr, Expr, bool]]:
        found: list[tuple[Expr, Expr, bool]] = []
        while not self._take("}"):
            optional = bool(self._take("?"))
            key = self.expression()
            self._expect(":")
            found.append((key, self.expression(), optional))
            if not self._take(","):
                self._expect("}")
                break
        return found
