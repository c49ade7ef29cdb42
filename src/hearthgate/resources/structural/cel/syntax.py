"""The syntax tree of an expression."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; optional for `operand.?field`."""

    operand: "Expr"
    field: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[key]`; optional for `operand[?key]`."""

    operand: "Expr"
    key: "Expr"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args)`, or `target.name(args)`. Operators are calls of their sign: `_+_` is `+` with two arguments,
    `-` and `!` with one; `?:` has three."""

    name: str
    args: tuple["Expr", ...]
    target: "Expr | None" = None


@dataclass(frozen=True, slots=True)
class Items:
    """`[a, ?b]`: each with whether it is optional."""

    items: tuple[tuple["Expr", bool], ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """`{a: b, ?c: d}`: each with whether it is optional."""

    entries: tuple[tuple["Expr", "Expr", bool], ...]


WORDS: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "package", "return", "var", "void", "while"),
    )
)
"""Reserved words: no variable or field can be written so."""

Expr = Literal | Name | Select | Index | Call | Items | Entries


class CelSyntaxError(ValueError):
    """The text is no expression of this language. The message says where."""
