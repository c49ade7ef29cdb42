"""Values of expressions and the operators on them.

JSON values stand for themselves: str, bool, int, float, list, dict with string keys, None. Beside them: bytes,
Uint, aware datetime (timestamp), timedelta (duration), Optional, Type, and the values of the Kubernetes
extensions. Python thinks that True is 1; the language does not, so equality is written out.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

INT_MAX: Final = 2**63 - 1
INT_MIN: Final = -(2**63)
UINT_MAX: Final = 2**64 - 1


class CelError(Exception):
    """An evaluation failed: no such key, division by zero. Part of the language: `||` and `&&` absorb it."""


class CostError(Exception):
    """An evaluation took more steps than it may."""


NO_OVERLOAD: Final = "no such overload"


def no_such_overload() -> CelError:
    """A function or operator does not take values of these types."""
    return CelError(NO_OVERLOAD)


class Uint(int):
    """An unsigned integer: `5u`."""

    __slots__ = ()


class Type:
    """What `type(x)` gives. There is one of each name, so identity is equality."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Optional:
    """A value that may be missing: of `a.?b`."""

    __slots__ = ("present", "value")

    def __init__(self, value: Any = None, *, present: bool) -> None:
        self.value = value
        self.present = present


NONE: Final = Optional(present=False)
SECOND: Final = timedelta(seconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_PLAIN: Final = frozenset({str, bool, int, float, Uint, bytes, type(None)})
_NUMBERS: Final = frozenset({int, float, Uint})
_ORDERED: Final = frozenset({str, bool, bytes, timedelta, datetime})


def equal(one: Any, other: Any) -> bool:
    """Numbers are equal across their types; values of different types are not, and that is no error."""
    kind, other_kind = type(one), type(other)
    if kind is other_kind and kind in _PLAIN:
        return bool(one == other)
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return bool(one == other)
    if kind is not other_kind:
        return False
    if kind is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if kind is dict:
        return len(one) == len(other) and all(
            key in other and equal(value, other[key]) for key, value in one.items()
        )
    if kind is Optional:
        return one.present is other.present and equal(one.value, other.value)
    return bool(one == other)


def contains(item: Any, values: Any) -> bool:
    """`item in values`: an item of a list, a key of a map."""
    if type(values) is dict:
        return type(item) in _PLAIN and item in values
    if type(values) is list:
        return any(equal(item, value) for value in values)
    raise no_such_overload()


def less(one: Any, other: Any) -> bool:
    kind, other_kind = type(one), type(other)
    if (kind is other_kind and kind in _ORDERED) or (kind in _NUMBERS and other_kind in _NUMBERS):
        return bool(one < other)
    raise no_such_overload()


def not_greater(one: Any, other: Any) -> bool:
    kind, other_kind = type(one), type(other)
    if (kind is other_kind and kind in _ORDERED) or (kind in _NUMBERS and other_kind in _NUMBERS):
        return bool(one <= other)
    raise no_such_overload()


def whole(value: int, kind: type[int] = int) -> int:
    """`value` as an int or Uint. Raises CelError outside of its 64 bits."""
    if kind is Uint:
        if 0 <= value <= UINT_MAX:
            return Uint(value)
        raise CelError("unsigned integer overflow")
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError("integer overflow")


def add(one: Any, other: Any) -> Any:
    kind, other_kind = type(one), type(other)
    if kind is other_kind:
        if kind is int or kind is Uint:
            return whole(int(one) + int(other), kind)
        if kind in (str, float, list, bytes):
            return one + other
        if kind is timedelta:
            return in_range(lambda: one + other)
    elif {kind, other_kind} == {datetime, timedelta}:
        return in_range(lambda: one + other)
    raise no_such_overload()


def subtract(one: Any, other: Any) -> Any:
    kind, other_kind = type(one), type(other)
    if kind is other_kind:
        if kind is int or kind is Uint:
            return whole(int(one) - int(other), kind)
        if kind is float:
            return one - other
        if kind is timedelta or kind is datetime:
            return in_range(lambda: one - other)
    elif kind is datetime and other_kind is timedelta:
        return in_range(lambda: one - other)
    raise no_such_overload()


def multiply(one: Any, other: Any) -> Any:
    kind = type(one)
    if kind is type(other):
        if kind is int or kind is Uint:
            return whole(int(one) * int(other), kind)
        if kind is float:
            return one * other
    raise no_such_overload()


def divide(one: Any, other: Any) -> Any:
    """Integers are cut towards zero; a double over zero is infinite or not a number."""
    kind = type(one)
    if kind is type(other):
        if kind is int or kind is Uint:
            if other == 0:
                raise CelError("division by zero")
            quotient = abs(int(one)) // abs(int(other))
            return whole(quotient if (one < 0) is (other < 0) else -quotient, kind)
        if kind is float:
            if other == 0:
                return one * float("inf") if one else float("nan")
            return one / other
    raise no_such_overload()


def remainder(one: Any, other: Any) -> Any:
    """Has the sign of the first number."""
    kind = type(one)
    if kind is type(other) and (kind is int or kind is Uint):
        if other == 0:
            raise CelError("modulus by zero")
        left = abs(int(one)) % abs(int(other))
        return whole(-left if one < 0 else left, kind)
    raise no_such_overload()


def negate(value: Any) -> Any:
    if type(value) is int:
        return whole(-value)
    if type(value) is float:
        return -value
    raise no_such_overload()


def in_range(compute: Callable[[], Any]) -> Any:
    """Dates and durations that Python cannot hold are the language's overflow."""
    try:
        return compute()
    except OverflowError:
        raise CelError("timestamp or duration overflow") from None
