"""Cron expressions of renewal windows: five fields, or a descriptor such as `@daily` or `@every 36h`.

The notation is robfig/cron's, which upstream reads. Where clocks are set back a time comes twice and counts twice;
a time that is left out when they are set forward counts as the moment after the gap (robfig/cron drops it: a
window would then not open at all that day).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import did_you_mean, shorten

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DESCRIPTORS: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
_HORIZON: Final = timedelta(days=5 * 366)
"""Nothing later is looked for: the thirtieth of February never comes."""
_NEAR: Final = timedelta(hours=25)
"""A change of the clocks farther away does not matter: none has ever been by more than a day."""


class CronProblem(ValueError):
    """What cannot be read, and why."""


class Every(NamedTuple):
    """At even distances, from a moment that the user of it knows."""

    distance: timedelta


class Cron(NamedTuple):
    """The values that each field allows. any_day: one of the two fields of days says `*`, so that both must fit;
    otherwise one of them is enough."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool

    def next(self, earliest: datetime, zone: tzinfo) -> datetime | None:
        """The first moment at or after `earliest` (aware), in UTC; None when there is none within five years."""
        earliest = earliest.astimezone(UTC)
        wall = _wall(earliest, zone)
        if not _is_steady(earliest, zone):
            wall -= _NEAR
        best: datetime | None = None
        for candidate in self._walls(wall):
            if best is not None and candidate > _wall(best, zone) + _NEAR:
                break
            for moment in _moments(candidate, zone):
                if moment >= earliest and (best is None or moment < best):
                    best = moment
            if best is not None and _is_steady(best, zone):
                break
        return best

    def _walls(self, start: datetime) -> Iterator[datetime]:
        """Times of the clock on the wall that fit, in order."""
        start = (start + timedelta(minutes=1)).replace(second=0, microsecond=0) if _has_seconds(start) else start
        day = start.date()
        while day <= (start + _HORIZON).date():
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._fits(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        wall = datetime.combine(day, time(hour, minute))
                        if wall >= start:
                            yield wall
            day += timedelta(days=1)

    def _fits(self, day: date) -> bool:
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_month and by_week) if self.any_day else (by_month or by_week)


def read_zone(name: str) -> tzinfo:
    """A time zone by its IANA name; UTC needs no data. Raises CronProblem."""
    if name in {"", "UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CronProblem(
            f"{shorten(name)} is not a time zone that this machine knows (write such as Europe/Berlin; "
            "the names come with the package tzdata)"
        ) from None


@lru_cache(maxsize=256)
def read_cron(text: str) -> Cron | Every:
    """Raises CronProblem that names the field."""
    words = text.strip()
    if words.startswith(_EVERY):
        return _read_every(words.removeprefix(_EVERY))
    if words.startswith("@"):
        if words not in _DESCRIPTORS:
            known = (*_DESCRIPTORS, "@every 24h")
            hint = did_you_mean(words, known) or f" (known: {', '.join(known)})"
            raise CronProblem(f"unknown descriptor {shorten(words)}{hint}")
        words = _DESCRIPTORS[words]
    fields = words.split()
    if len(fields) != 5:
        raise CronProblem(
            f"{shorten(text)} has {len(fields)} fields, not five: minute, hour, day, month, day of the week"
        )
    minutes, hours, days, months, weekdays = (
        _read_field(written, *limits) for written, limits in zip(fields, _FIELDS, strict=True)
    )
    any_day = days.is_any or weekdays.is_any
    return Cron(
        tuple(sorted(minutes.values)),
        tuple(sorted(hours.values)),
        days.values,
        months.values,
        weekdays.values,
        any_day,
    )


_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)


class _Field(NamedTuple):
    values: frozenset[int]
    is_any: bool


def _read_every(text: str) -> Every:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise CronProblem(str(error)) from None
    if seconds <= 0:
        raise CronProblem(f"@every {text}: the distance must be greater than 0")
    return Every(timedelta(seconds=max(1, int(seconds))))


def _read_field(text: str, field: str, least: int, most: int, names: tuple[str, ...]) -> _Field:
    values: set[int] = set()
    is_any = False
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, f"step of the {field}") if slash else 1
        if step == 0:
            raise CronProblem(f"the {field} {shorten(part)} has a step of 0")
        if span in {"*", "?"}:
            low, high = least, most
            is_any = is_any or step == 1
        else:
            first, dash, last = span.partition("-")
            low = _value(first, field, least, names)
            high = _value(last, field, least, names) if dash else (most if slash else low)
        if low < least or high > most or low > high:
            hint = " (write 0 for Sunday)" if field == _FIELDS[4][0] and high == 7 else ""
            raise CronProblem(f"the {field} {shorten(part)} is not within {least} to {most}{hint}")
        values.update(range(low, high + 1, step))
    return _Field(frozenset(values), is_any)


def _value(text: str, field: str, least: int, names: tuple[str, ...]) -> int:
    return names.index(text.lower()) + least if text.lower() in names else _number(text, field)


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CronProblem(f"the {field} {shorten(text)} is not a number")
    return int(text)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _has_seconds(moment: datetime) -> bool:
    return bool(moment.second or moment.microsecond)


def _is_steady(moment: datetime, zone: tzinfo) -> bool:
    """Whether the clocks are not changed about this moment."""
    offsets = {(moment + way).astimezone(zone).utcoffset() for way in (-_NEAR, timedelta(), _NEAR)}
    return len(offsets) == 1


def _moments(wall: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """When the clock on the wall shows this: once, twice, or, when it is left out, the moment after the gap."""
    moments = sorted({wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    shown = tuple(moment for moment in moments if _wall(moment, zone) == wall)
    return shown or (_change_between(moments[0], moments[-1], zone),)


def _change_between(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The first second with the offset of `late`."""
    offset = late.astimezone(zone).utcoffset()
    low, high = 0, int((late - early).total_seconds())
    while low < high:
        middle = (low + high) // 2
        if (early + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle + 1
    return early + timedelta(seconds=low)
