"""Timestamps and durations (google.protobuf.Timestamp and Duration), to the microsecond."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from hearthgate.resources.structural.cel.values import EPOCH, INT_MAX, INT_MIN, SECOND, CelError, in_range

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,6})?\d{0,30}([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION: Final = re.compile(r"([+-]?)((?:\d{1,20}(?:\.\d{0,20})?(?:ns|us|µs|μs|ms|s|m|h))+|0)", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MICROSECONDS: Final = {
    "ns": Decimal("0.001"), "us": Decimal(1), "µs": Decimal(1), "μs": Decimal(1), "ms": Decimal(1000),
    "s": Decimal(10**6), "m": Decimal(60 * 10**6), "h": Decimal(3600 * 10**6),
}  # fmt: skip
_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)


def timestamp(value: Any) -> datetime:
    """From RFC 3339 text or seconds since 1970."""
    if type(value) is datetime:
        return value
    if type(value) is int:
        moment: datetime = in_range(lambda: EPOCH + timedelta(seconds=value))
        return moment
    found = _RFC3339.fullmatch(value)
    if found is None:
        raise CelError("invalid timestamp")
    date, time, fraction, zone = found.groups()
    zone = "+00:00" if zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{date}T{time}{(fraction or '.0').ljust(7, '0')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise CelError("invalid timestamp") from None


def duration(value: Any) -> timedelta:
    """From text such as `1h30m`."""
    if type(value) is timedelta:
        return value
    found = _DURATION.fullmatch(value)
    if found is None:
        raise CelError("invalid duration")
    total = sum(Decimal(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(found[2]))
    microseconds = int(total) * (-1 if found[1] == "-" else 1)
    if not INT_MIN <= microseconds * 1000 <= INT_MAX:
        raise CelError("invalid duration: out of range")
    return timedelta(microseconds=microseconds)


def timestamp_text(value: datetime) -> str:
    text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    fraction = f".{value.microsecond:06}".rstrip("0").rstrip(".")
    return f"{text}{fraction}Z"


def duration_text(value: timedelta) -> str:
    seconds = Decimal(value // timedelta(microseconds=1)) / 10**6
    text = f"{seconds:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}s"


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC", "Z"):
        return UTC
    if found := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise CelError("unknown time zone") from None


def _getter(part: Callable[[datetime], int]) -> Callable[..., int]:
    return lambda value, zone="UTC": part(value.astimezone(_zone(zone)))


TIMESTAMP_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "getFullYear": _getter(lambda at: at.year),
        "getMonth": _getter(lambda at: at.month - 1),
        "getDate": _getter(lambda at: at.day),
        "getDayOfMonth": _getter(lambda at: at.day - 1),
        "getDayOfWeek": _getter(lambda at: at.isoweekday() % 7),
        "getDayOfYear": _getter(lambda at: at.timetuple().tm_yday - 1),
        "getHours": _getter(lambda at: at.hour),
        "getMinutes": _getter(lambda at: at.minute),
        "getSeconds": _getter(lambda at: at.second),
        "getMilliseconds": _getter(lambda at: at.microsecond // 1000),
    }
)
DURATION_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "getHours": lambda value: int(value / (3600 * SECOND)),
        "getMinutes": lambda value: int(value / (60 * SECOND)),
        "getSeconds": lambda value: int(value / SECOND),
        "getMilliseconds": lambda value: int(value / (SECOND / 1000)),
    }
)
