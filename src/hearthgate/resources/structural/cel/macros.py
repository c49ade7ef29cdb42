"""Macros: calls whose arguments are evaluated once for each item, or not at all (`has`, `all`, `map`, ...)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.cel import values
from hearthgate.resources.structural.cel.compiler import Frame, Run, Scope, compile_node, size_of, unescaped
from hearthgate.resources.structural.cel.syntax import Call, CelSyntaxError, Expr, Name, Select
from hearthgate.resources.structural.cel.values import NONE, CelError, Optional, no_such_overload

Macro = Callable[[Call, Scope], Run]
Step = Callable[[Frame], None]


def _variable(node: Expr) -> str:
    if isinstance(node, Name):
        return node.name
    raise CelSyntaxError("a macro's variable must be a simple name")


def _target(node: Call, scope: Scope) -> Run:
    assert node.target is not None  # noqa: S101 - the table holds these for calls with a target only
    return compile_node(node.target, scope)


def _has(node: Call, scope: Scope) -> Run:
    selected = node.args[0]
    if not isinstance(selected, Select) or selected.optional:
        raise CelSyntaxError("has() takes a field selection")
    operand, field = compile_node(selected.operand, scope), unescaped(selected.field)

    def has(frame: Frame) -> bool:
        value = operand(frame)
        if type(value) is Optional:
            if not value.present:
                return False
            value = value.value
        if type(value) is not dict:
            raise no_such_overload()
        return field in value

    return has


def _singles(value: Any) -> Iterable[tuple[Any]]:
    if type(value) is list or type(value) is dict:
        return ((item,) for item in value)
    raise no_such_overload()


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    if type(value) is list:
        return enumerate(value)
    if type(value) is dict:
        return value.items()
    raise no_such_overload()


class _Loop:
    """The variables and the bodies of a comprehension over one variable or two."""

    def __init__(self, node: Call, scope: Scope, variables: int) -> None:
        self._range = _target(node, scope)
        self._parts = _pairs if variables == 2 else _singles
        names = [_variable(arg) for arg in node.args[:variables]]
        bodies = node.args[variables:]
        with scope.bind(*names) as slots:
            self.bodies = [compile_node(body, scope) for body in bodies]
        self._slots = slots
        self._cost = 1 + size_of(bodies)

    def steps(self, frame: Frame) -> Iterable[tuple[Any, ...]]:
        """Sets the variables to each item in turn."""
        slots, cost = self._slots, self._cost
        for parts in self._parts(self._range(frame)):
            frame.pay(cost)
            for slot, part in zip(slots, parts, strict=True):
                frame.values[slot] = part
            yield parts


def _quantifier(variables: int, *, decides: bool) -> Macro:
    """`exists` (decided by a true) and `all` (by a false); errors give way to a decision."""

    def macro(node: Call, scope: Scope) -> Run:
        loop = _Loop(node, scope, variables)
        body = loop.bodies[0]

        def run(frame: Frame) -> Any:
            failure: CelError | None = None
            for _ in loop.steps(frame):
                try:
                    found = body(frame)
                except CelError as error:
                    failure = failure or error
                    continue
                if found is decides:
                    return decides
                if found is not (not decides):
                    failure = failure or no_such_overload()
            if failure is not None:
                raise failure
            return not decides

        return run

    return macro


def _exists_one(variables: int) -> Macro:
    def macro(node: Call, scope: Scope) -> Run:
        loop = _Loop(node, scope, variables)
        body = loop.bodies[0]
        return lambda frame: sum(_boolean(body(frame)) for _ in loop.steps(frame)) == 1

    return macro


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise no_such_overload()


def _filter(node: Call, scope: Scope) -> Run:
    loop = _Loop(node, scope, 1)
    body = loop.bodies[0]
    return lambda frame: [parts[0] for parts in loop.steps(frame) if _boolean(body(frame))]


def _map(variables: int, *, filtered: bool) -> Macro:
    """`map` and `transformList`: the last argument for each item, or for those that fit the one before."""

    def macro(node: Call, scope: Scope) -> Run:
        loop = _Loop(node, scope, variables)
        body = loop.bodies[-1]
        if not filtered:
            return lambda frame: [body(frame) for _ in loop.steps(frame)]
        fits = loop.bodies[0]
        return lambda frame: [body(frame) for _ in loop.steps(frame) if _boolean(fits(frame))]

    return macro


def _transform_map(*, filtered: bool) -> Macro:
    def macro(node: Call, scope: Scope) -> Run:
        loop = _Loop(node, scope, 2)
        body, fits = loop.bodies[-1], loop.bodies[0]

        def run(frame: Frame) -> dict[Any, Any]:
            return {parts[0]: body(frame) for parts in loop.steps(frame) if not filtered or _boolean(fits(frame))}

        return run

    return macro


def _transform_map_entry(*, filtered: bool) -> Macro:
    def macro(node: Call, scope: Scope) -> Run:
        loop = _Loop(node, scope, 2)
        body, fits = loop.bodies[-1], loop.bodies[0]

        def run(frame: Frame) -> dict[Any, Any]:
            result: dict[Any, Any] = {}
            for _ in loop.steps(frame):
                if filtered and not _boolean(fits(frame)):
                    continue
                entries = body(frame)
                if type(entries) is not dict:
                    raise no_such_overload()
                if twice := result.keys() & entries.keys():
                    raise CelError(f"duplicate key: {min(map(str, twice))}")
                result.update(entries)
            return result

        return run

    return macro


def _sort_by(node: Call, scope: Scope) -> Run:
    loop = _Loop(node, scope, 1)
    key = loop.bodies[0]

    def run(frame: Frame) -> list[Any]:
        keyed = [(key(frame), parts[0]) for parts in loop.steps(frame)]
        if any(type(one) is not type(keyed[0][0]) for one, _ in keyed):
            raise no_such_overload()
        for one, _ in keyed[:1]:
            values.less(one, one)  # whether such keys have an order at all
        return [item for _, item in sorted(keyed, key=lambda pair: pair[0])]

    return run


def _bind(node: Call, scope: Scope) -> Run:
    """`cel.bind(name, value, expression)`."""
    value = compile_node(node.args[1], scope)
    with scope.bind(_variable(node.args[0])) as (slot,):
        body = compile_node(node.args[2], scope)

    def run(frame: Frame) -> Any:
        frame.values[slot] = value(frame)
        return body(frame)

    return run


def _optional_map(*, flat: bool) -> Macro:
    """`optMap` and `optFlatMap`: an expression of the value, if there is one."""

    def macro(node: Call, scope: Scope) -> Run:
        target = _target(node, scope)
        with scope.bind(_variable(node.args[0])) as (slot,):
            body = compile_node(node.args[1], scope)

        def run(frame: Frame) -> Optional:
            held = target(frame)
            if type(held) is not Optional:
                raise no_such_overload()
            if not held.present:
                return NONE
            frame.values[slot] = held.value
            result = body(frame)
            if not flat:
                return Optional(result, present=True)
            if type(result) is not Optional:
                raise no_such_overload()
            return result

        return run

    return macro


MACROS: Final[Mapping[tuple[str, int], Macro]] = MappingProxyType(
    {
        ("has", 1): _has,
        ("cel.bind", 3): _bind,
        (".all", 2): _quantifier(1, decides=False),
        (".all", 3): _quantifier(2, decides=False),
        (".exists", 2): _quantifier(1, decides=True),
        (".exists", 3): _quantifier(2, decides=True),
        (".exists_one", 2): _exists_one(1),
        (".existsOne", 2): _exists_one(1),
        (".exists_one", 3): _exists_one(2),
        (".existsOne", 3): _exists_one(2),
        (".filter", 2): _filter,
        (".map", 2): _map(1, filtered=False),
        (".map", 3): _map(1, filtered=True),
        (".transformList", 3): _map(2, filtered=False),
        (".transformList", 4): _map(2, filtered=True),
        (".transformMap", 3): _transform_map(filtered=False),
        (".transformMap", 4): _transform_map(filtered=True),
        (".transformMapEntry", 3): _transform_map_entry(filtered=False),
        (".transformMapEntry", 4): _transform_map_entry(filtered=True),
        (".sortBy", 2): _sort_by,
        (".optMap", 2): _optional_map(flat=False),
        (".optFlatMap", 2): _optional_map(flat=True),
    }
)
"""By name (with a leading dot when it has a target) and number of arguments."""
