"""Renewal windows of a Certificate: `spec.renewal.windows`. The first moment, from another on, inside one.

Unlike upstream, a window that opens when the certificate has ended already is none.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hearthgate.model.durations import parse_duration
from hearthgate.resources.certmanager.certificate import RenewalWindow
from hearthgate.resources.certmanager.cron import CronProblem, Every, read_cron, read_zone


def allowed(
    windows: Iterable[RenewalWindow], base: datetime, not_before: datetime, not_after: datetime
) -> datetime | None:
    """`base` when a window is open then, else when the next one opens; None when none does in time. Raises
    CronProblem for what admission refuses."""
    try:
        openings = [opening for window in windows if (opening := _opening(window, base, not_before)) is not None]
    except OverflowError:  # a certificate may end with the year 9999, and there the calendar ends too
        return None
    if any(opening <= base for opening in openings):
        return base
    return min((opening for opening in openings if opening < not_after), default=None)


def check(window: RenewalWindow) -> None:
    """Raises CronProblem when the window cannot be read."""
    if parse_duration(window.window_duration) <= 0:
        raise CronProblem(f"windowDuration {window.window_duration!r} must be greater than 0")
    read_zone(window.timezone)
    read_cron(window.cron)


def _opening(window: RenewalWindow, base: datetime, not_before: datetime) -> datetime | None:
    """The first opening that is not over before `base`."""
    lasts = timedelta(seconds=parse_duration(window.window_duration))
    schedule = read_cron(window.cron)
    if not isinstance(schedule, Every):
        return schedule.next(base - lasts, read_zone(window.timezone))
    start = (not_before - lasts).astimezone(UTC).replace(microsecond=0)
    steps = max(1, -((start - (base - lasts)) // schedule.distance))
    return start + steps * schedule.distance
