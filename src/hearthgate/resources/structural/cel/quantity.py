"""Quantities (`1Gi`, `250m`) and semantic versions: extensions of Kubernetes."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hearthgate.resources.structural.cel.network import holds
from hearthgate.resources.structural.cel.values import INT_MAX, INT_MIN, CelError, no_such_overload

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d{1,50}(?:\.\d{0,50})?|\.\d{1,50}))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,2}))?", re.ASCII
)
_BINARY: Final = {
    unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}
_DECIMAL: Final = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"), "M": Decimal("1e6"),
    "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
}  # fmt: skip
_SEMVER: Final = re.compile(
    r"(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})"
    r"(?:-((?:0|[1-9]\d{0,17}|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d{0,17}|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)


class Quantity(NamedTuple):
    value: Decimal


class Semver(NamedTuple):
    """`order` sorts as versions do: a pre-release before its release, numbers before words."""

    major: int
    minor: int
    patch: int
    order: tuple[Any, ...]


def quantity(value: Any) -> Quantity:
    if type(value) is Quantity:
        return value
    if type(value) is not str:
        raise no_such_overload()
    found = _QUANTITY.fullmatch(value)
    if found is None:
        raise CelError("quantities must match the regular expression of resource quantities")
    number, binary, decimal, exponent = found.groups()
    factor = _BINARY.get(binary or "") or _DECIMAL.get(decimal or "") or Decimal(10) ** int(exponent or 0)
    return Quantity(Decimal(number) * factor)


def _operand(value: Any) -> Decimal:
    return Decimal(value) if type(value) is int else quantity(value).value


def _compare(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def _as_integer(held: Quantity) -> int:
    if held.value != held.value.to_integral_value() or not INT_MIN <= held.value <= INT_MAX:
        raise CelError("cannot convert value to integer")
    return int(held.value)


def _is_integer(held: Quantity) -> bool:
    return held.value == held.value.to_integral_value() and INT_MIN <= held.value <= INT_MAX


def semver(value: Any, normalize: Any = False) -> Semver:
    if type(value) is Semver:
        return value
    if type(value) is not str:
        raise no_such_overload()
    text = _normal(value) if normalize is True else value
    found = _SEMVER.fullmatch(text) if len(text) <= 256 else None
    if found is None:
        raise CelError("no semantic version")
    numbers = int(found[1]), int(found[2]), int(found[3])
    parts = found[4].split(".") if found[4] else []
    before = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
    return Semver(*numbers, (*numbers, not parts, before))


def _normal(text: str) -> str:
    """`v1.2` as `1.2.0`."""
    numbers, sign, rest = re.fullmatch(r"v?([^-+]*)([-+]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = [part.lstrip("0") or "0" if part.isdecimal() else part for part in numbers.split(".")]
    return ".".join(parts + ["0"] * (3 - len(parts))) + sign + rest


def _is_semver(value: Any, normalize: Any = False) -> bool:
    return holds(lambda text: semver(text, normalize))(value)


QUANTITY_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "add": lambda held, other: Quantity(held.value + _operand(other)),
        "sub": lambda held, other: Quantity(held.value - _operand(other)),
        "compareTo": lambda held, other: _compare(held.value, quantity(other).value),
        "isGreaterThan": lambda held, other: held.value > quantity(other).value,
        "isLessThan": lambda held, other: held.value < quantity(other).value,
        "isInteger": _is_integer,
        "asInteger": _as_integer,
        "asApproximateFloat": lambda held: float(held.value),
        "sign": lambda held: _compare(held.value, 0),
    }
)
SEMVER_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "major": lambda held: held.major,
        "minor": lambda held: held.minor,
        "patch": lambda held: held.patch,
        "compareTo": lambda held, other: _compare(held.order, semver(other).order),
        "isGreaterThan": lambda held, other: held.order > semver(other).order,
        "isLessThan": lambda held, other: held.order < semver(other).order,
    }
)
QUANTITY_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "quantity": quantity,
        "isQuantity": holds(quantity),
        "semver": semver,
        "isSemver": _is_semver,
    }
)
