"""All functions that expressions can call: by name, and by name and the type of what they are called on."""

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from hearthgate.resources.structural.cel import lists, network, quantity, text, times
from hearthgate.resources.structural.cel.namedformats import FORMAT_FUNCTIONS, FORMAT_METHODS, NamedFormat
from hearthgate.resources.structural.cel.typenames import type_of
from hearthgate.resources.structural.cel.values import (
    EPOCH,
    NONE,
    SECOND,
    UINT_MAX,
    CelError,
    Optional,
    Uint,
    no_such_overload,
    whole,
)

Function = Callable[..., Any]

_INTEGER: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False,
                    "TRUE": True, "FALSE": False, "True": True, "False": False}  # fmt: skip


def _int(value: Any) -> int:
    match value:
        case bool():
            raise no_such_overload()
        case int():
            return whole(int(value))
        case float() if not math.isfinite(value):
            raise CelError("integer overflow")
        case float():
            return whole(int(value))
        case str() if _INTEGER.fullmatch(value):
            return whole(int(value))
        case str():
            raise CelError(f"cannot convert {value[:64]!r} to an integer")
        case datetime():
            return int((value - EPOCH) // SECOND)
        case timedelta():
            return value // timedelta(microseconds=1) * 1000
        case _:
            raise no_such_overload()


def _uint(value: Any) -> Uint:
    number = int(value) if type(value) is Uint else _int(value)
    if not 0 <= number <= UINT_MAX:
        raise CelError("unsigned integer overflow")
    return Uint(number)


def _double(value: Any) -> float:
    if type(value) not in (int, Uint, float, str):
        raise no_such_overload()
    if type(value) is str and (value.strip() != value or "_" in value):
        raise CelError("cannot convert to a double")
    try:
        return float(value)
    except ValueError:
        raise CelError("cannot convert to a double") from None


def _bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is not str:
        raise no_such_overload()
    if value not in _BOOLEANS:
        raise CelError("cannot convert to a bool")
    return _BOOLEANS[value]


def _bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is not str:
        raise no_such_overload()
    return value.encode()


def _size(value: Any) -> int:
    if type(value) not in (str, bytes, list, dict):
        raise no_such_overload()
    return len(value)


def _sign(value: Any) -> Any:
    if type(value) not in (int, Uint, float):
        raise no_such_overload()
    return type(value)((value > 0) - (value < 0))


def _rounded(change: Callable[[float], float]) -> Function:
    def call(value: Any) -> float:
        if type(value) is not float:
            raise no_such_overload()
        return float(change(value)) if math.isfinite(value) else value

    return call


def _half_away(value: float) -> float:
    """Python rounds halves to even numbers; the language rounds them away from zero."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _of_many(pick: Callable[[list[Any]], Any]) -> Function:
    """`math.least(a, b, ...)` or `math.least([a, b, ...])`."""
    return lambda *args: pick(args[0] if len(args) == 1 and type(args[0]) is list else list(args))


def _of_non_zero(value: Any) -> Optional:
    empty = (
        value is None
        or value is False
        or (type(value) in (int, float, Uint, str, bytes, list, dict) and not value)
    )
    return NONE if empty else Optional(value, present=True)


def _value(held: Optional) -> Any:
    if not held.present:
        raise CelError("optional.none() dereference")
    return held.value


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "size": _size,
        "type": type_of,
        "dyn": lambda value: value,
        "int": _int,
        "uint": _uint,
        "double": _double,
        "bool": _bool,
        "bytes": _bytes,
        "string": text.text_of,
        "timestamp": times.timestamp,
        "duration": times.duration,
        "matches": text.matches,
        "optional.of": lambda value: Optional(value, present=True),
        "optional.ofNonZeroValue": _of_non_zero,
        "optional.none": lambda: NONE,
        "strings.quote": text.quote,
        "base64.encode": lambda value: base64.b64encode(value).decode(),
        "base64.decode": lambda value: base64.b64decode(value + "=" * (-len(value) % 4), validate=True),
        "lists.range": lists.span,
        "math.greatest": _of_many(lists.greatest),
        "math.least": _of_many(lists.least),
        "math.abs": lambda value: whole(abs(value)) if type(value) is int else abs(_double(value)),
        "math.sign": _sign,
        "math.ceil": _rounded(math.ceil),
        "math.floor": _rounded(math.floor),
        "math.trunc": _rounded(math.trunc),
        "math.round": _rounded(_half_away),
        "math.isFinite": lambda value: math.isfinite(_double(value)),
        "math.isInf": lambda value: math.isinf(_double(value)),
        "math.isNaN": lambda value: math.isnan(_double(value)),
        **lists.SET_FUNCTIONS,
        **network.NETWORK_FUNCTIONS,
        **quantity.QUANTITY_FUNCTIONS,
        **FORMAT_FUNCTIONS,
    }
)

_BY_TYPE: Final[tuple[tuple[type, Mapping[str, Function]], ...]] = (
    (str, text.STRING_METHODS),
    (list, lists.LIST_METHODS),
    (dict, MappingProxyType({"size": len})),
    (bytes, MappingProxyType({"size": len})),
    (datetime, times.TIMESTAMP_METHODS),
    (timedelta, times.DURATION_METHODS),
    *((kind, network.ADDRESS_METHODS) for kind in network.ADDRESS_TYPES),
    *((kind, network.NETWORK_METHODS) for kind in network.NETWORK_TYPES),
    (network.Url, network.URL_METHODS),
    (quantity.Quantity, quantity.QUANTITY_METHODS),
    (quantity.Semver, quantity.SEMVER_METHODS),
    (NamedFormat, FORMAT_METHODS),
    (
        Optional,
        MappingProxyType(
            {
                "hasValue": lambda held: held.present,
                "value": _value,
                "orValue": lambda held, other: held.value if held.present else other,
                "or": lambda held, other: held if held.present else other,
            }
        ),
    ),
)


def _methods() -> Mapping[str, Mapping[type, Function]]:
    found: dict[str, dict[type, Function]] = {}
    for kind, methods in _BY_TYPE:
        for name, function in methods.items():
            found.setdefault(name, {})[kind] = function
    return MappingProxyType(found)


METHODS: Final = _methods()
