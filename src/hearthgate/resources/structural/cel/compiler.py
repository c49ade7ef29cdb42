"""From the syntax tree to closures over a frame of variables.

Every step of a loop and every large intermediate value is paid from the budget of the frame, so an evaluation
ends whatever a rule and an object are.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.cel import values
from hearthgate.resources.structural.cel.functions import FUNCTIONS, METHODS
from hearthgate.resources.structural.cel.parser import parse
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
from hearthgate.resources.structural.cel.typenames import TYPES
from hearthgate.resources.structural.cel.values import NONE, CelError, CostError, Optional, no_such_overload


class Frame:
    """The variables of one evaluation, and the steps that are left to it and to others of the same budget."""

    __slots__ = ("left", "values")

    def __init__(self, budget: int) -> None:
        self.left = budget
        self.values: list[Any] = []

    def pay(self, steps: int) -> None:
        """Raises CostError when the budget is used up."""
        self.left -= steps
        if self.left < 0:
            raise CostError("cost limit exceeded")


Run = Callable[[Frame], Any]

_BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        "==": values.equal,
        "!=": lambda one, other: not values.equal(one, other),
        "<": values.less,
        "<=": values.not_greater,
        ">": lambda one, other: values.less(other, one),
        ">=": lambda one, other: values.not_greater(other, one),
        "in": values.contains,
        "+": values.add,
        "-": values.subtract,
        "*": values.multiply,
        "/": values.divide,
        "%": values.remainder,
    }
)
_PYTHON_ERRORS: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
_SIZED: Final = frozenset({str, list, bytes, dict})


class Expression:
    """A compiled expression. names: the variables that it uses."""

    __slots__ = ("_run", "_slots", "_variables", "names")

    def __init__(self, text: str, variables: tuple[str, ...]) -> None:
        """Raises CelSyntaxError when it cannot be read, or calls what is not there."""
        scope = Scope(variables)
        try:
            self._run = compile_node(parse(text), scope)
        except RecursionError:
            raise CelSyntaxError("nests too deep") from None
        self._variables = variables
        self._slots = scope.most
        self.names = frozenset(scope.used)

    def evaluate(self, frame: Frame, *variables: Any) -> Any:
        """The value for these variables, in the order they were declared. Raises CelError and CostError."""
        frame.values = [*variables, *([None] * (self._slots - len(variables)))]
        try:
            return self._run(frame)
        except RecursionError:
            raise CelError("nests too deep") from None


class Scope:
    """Which variable is in which place of the frame."""

    def __init__(self, variables: tuple[str, ...]) -> None:
        self.places = {name: place for place, name in enumerate(variables)}
        self.free = len(variables)
        self.most = len(variables)
        self.used: set[str] = set()

    def bind(self, *names: str) -> "Bound":
        return Bound(self, names)


class Bound:
    """Variables that exist inside a macro."""

    def __init__(self, scope: Scope, names: tuple[str, ...]) -> None:
        self._scope = scope
        self._names = names

    def __enter__(self) -> tuple[int, ...]:
        scope = self._scope
        self._before = dict(scope.places), scope.free
        slots = tuple(range(scope.free, scope.free + len(self._names)))
        scope.places.update(zip(self._names, slots, strict=True))
        scope.free += len(slots)
        scope.most = max(scope.most, scope.free)
        return slots

    def __exit__(self, *error: object) -> None:
        self._scope.places, self._scope.free = self._before


def size_of(node: Any) -> int:
    """How many nodes a tree has: what one evaluation of it costs."""
    if isinstance(node, tuple):
        return sum(map(size_of, node))
    if is_dataclass(node):
        return 1 + sum(size_of(getattr(node, field.name)) for field in fields(node))
    return 0


def compile_node(node: Expr, scope: Scope) -> Run:
    match node:
        case Literal(value):
            if type(value) is int and value > values.INT_MAX:
                raise CelSyntaxError(f"integer out of range: {value}")
            return lambda frame: value
        case Name(name):
            return _name(name, scope)
        case Select():
            return _select(node, scope)
        case Index():
            return _index(node, scope)
        case Items(items):
            return _items([(compile_node(item, scope), optional) for item, optional in items])
        case Entries(entries):
            return _entries(
                [(compile_node(k, scope), compile_node(v, scope), optional) for k, v, optional in entries]
            )
        case Call():
            return _call(node, scope)


def _name(name: str, scope: Scope) -> Run:
    place = scope.places.get(name)
    if place is not None:
        scope.used.add(name)
        return lambda frame: frame.values[place]
    if name in TYPES:
        found = TYPES[name]
        return lambda frame: found
    raise CelSyntaxError(f"undeclared reference to '{name}'")


def unescaped(field: str) -> str:
    """The name of a property that an expression cannot spell: `__dash__` for a dash, `__namespace__` for a word
    of the language."""
    if "__" not in field:
        return field
    if field.startswith("__") and field.endswith("__") and (word := field[2:-2]) in _ESCAPED_WORDS:
        return word
    for written, char in _ESCAPES:
        field = field.replace(written, char)
    return field.replace("__underscores__", "__")


_ESCAPES: Final = (("__dot__", "."), ("__dash__", "-"), ("__slash__", "/"))
_ESCAPED_WORDS: Final = WORDS | {"true", "false", "null"}


def _select(node: Select, scope: Scope) -> Run:
    operand, field = compile_node(node.operand, scope), unescaped(node.field)
    if node.optional:
        return lambda frame: _optional_at(operand(frame), field)

    def select(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is dict:
            try:
                return value[field]
            except KeyError:
                raise CelError(f"no such key: {field}") from None
        if type(value) is Optional:
            return _optional_at(value, field)
        raise no_such_overload()

    return select


def _optional_at(value: Any, key: Any) -> Optional:
    """`value.?key`, of an optional or a plain value."""
    if type(value) is Optional:
        if not value.present:
            return NONE
        value = value.value
    if type(value) is dict:
        return Optional(value[key], present=True) if values.contains(key, value) else NONE
    if type(value) is list and type(key) is int:
        return Optional(value[key], present=True) if 0 <= key < len(value) else NONE
    raise no_such_overload()


def _index(node: Index, scope: Scope) -> Run:
    operand, key = compile_node(node.operand, scope), compile_node(node.key, scope)
    if node.optional:
        return lambda frame: _optional_at(operand(frame), key(frame))

    def index(frame: Frame) -> Any:
        value, at = operand(frame), key(frame)
        if type(value) is dict:
            if values.contains(at, value):
                return value[at]
            raise CelError(f"no such key: {at}")
        if type(value) is list and type(at) in (int, values.Uint):
            if 0 <= at < len(value):
                return value[at]
            raise CelError(f"index out of bounds: {at}")
        if type(value) is Optional:
            return _optional_at(value, at)
        raise no_such_overload()

    return index


def _items(items: list[tuple[Run, bool]]) -> Run:
    if not any(optional for _, optional in items):
        runs = [run for run, _ in items]
        return lambda frame: [run(frame) for run in runs]

    def build(frame: Frame) -> list[Any]:
        found: list[Any] = []
        for run, optional in items:
            value = run(frame)
            if not optional:
                found.append(value)
            elif type(value) is not Optional:
                raise no_such_overload()
            elif value.present:
                found.append(value.value)
        return found

    return build


def _entries(entries: list[tuple[Run, Run, bool]]) -> Run:
    def build(frame: Frame) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, run, optional in entries:
            name, value = key(frame), run(frame)
            if type(name) not in (str, int, bool, values.Uint):
                raise CelError("unsupported key type")
            if name in found:
                raise CelError(f"duplicate key: {name}")
            if not optional:
                found[name] = value
            elif type(value) is not Optional:
                raise no_such_overload()
            elif value.present:
                found[name] = value.value
        return found

    return build


def _call(node: Call, scope: Scope) -> Run:
    # The macros compile their parts by compile_node, so they cannot be known before it.
    from hearthgate.resources.structural.cel.macros import MACROS  # noqa: PLC0415

    qualified = ""
    if isinstance(node.target, Name) and node.target.name not in scope.places:
        qualified = f"{node.target.name}.{node.name}"
    macro = MACROS.get((qualified or (node.name if node.target is None else f".{node.name}"), len(node.args)))
    if macro is not None:
        return macro(node, scope)
    if node.target is None or qualified in FUNCTIONS:
        return _plain_call(qualified or node.name, node, scope)
    return _method(node, scope)


def _plain_call(name: str, node: Call, scope: Scope) -> Run:
    args = node.args
    if name == "-" and len(args) == 1 and isinstance(args[0], Literal) and type(args[0].value) is int:
        number = -args[0].value
        return lambda frame: number
    runs = [compile_node(arg, scope) for arg in args]
    if name in ("||", "&&"):
        return _either(runs[0], runs[1], decides=name == "||")
    if name == "?:":
        return _conditional(*runs)
    if name == "!":
        return lambda frame: not _truth(runs[0](frame))
    if len(runs) == 2 and (operator := _BINARY.get(name)):
        return _binary(name, operator, runs[0], runs[1])
    if name == "-":
        return lambda frame: values.negate(runs[0](frame))
    function = FUNCTIONS.get(name)
    if function is None:
        raise CelSyntaxError(f"undeclared reference to '{name}'")
    return _invoke(function, runs)


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise no_such_overload()


def _binary(name: str, operator: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    if name == "+":

        def plus(frame: Frame) -> Any:
            result = operator(left(frame), right(frame))
            if type(result) in _SIZED:
                frame.pay(len(result) >> 3)
            return result

        return plus
    if name in ("==", "!=", "in"):

        def compare(frame: Frame) -> Any:
            one, other = left(frame), right(frame)
            if type(other) is list:
                frame.pay(len(other))
            return operator(one, other)

        return compare
    return lambda frame: operator(left(frame), right(frame))


def _either(left: Run, right: Run, *, decides: bool) -> Run:
    """`||` (decided by true) and `&&` (by false): an error on one side gives way to a decision of the other."""

    def run(frame: Frame) -> Any:
        try:
            first = left(frame)
            if first is decides:
                return decides
            if first is not (not decides):
                raise no_such_overload()
        except CelError:
            if right(frame) is decides:
                return decides
            raise
        return _truth(right(frame))

    return run


def _conditional(condition: Run, then: Run, otherwise: Run) -> Run:
    return lambda frame: then(frame) if _truth(condition(frame)) else otherwise(frame)


def _method(node: Call, scope: Scope) -> Run:
    assert node.target is not None  # noqa: S101 - the caller looked
    runs = [compile_node(part, scope) for part in (node.target, *node.args)]
    by_type = METHODS.get(node.name)
    if by_type is None:
        raise CelSyntaxError(f"undeclared reference to '{node.name}'")

    def method(receiver: Any, *args: Any) -> Any:
        function = by_type.get(type(receiver))
        if function is None:
            raise no_such_overload()
        return function(receiver, *args)

    return _invoke(method, runs)


def _invoke(function: Callable[..., Any], runs: list[Run]) -> Run:
    """A call of the library: whatever Python says against its arguments is an error of the expression."""

    def call(frame: Frame) -> Any:
        args = [run(frame) for run in runs]
        for arg in args:
            if type(arg) in _SIZED:
                frame.pay(len(arg) >> 4)
        try:
            result = function(*args)
        except _PYTHON_ERRORS:
            raise no_such_overload() from None
        if type(result) in _SIZED:
            frame.pay(len(result) >> 3)
        return result

    return call
