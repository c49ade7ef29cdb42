"""Cron expressions of renewal windows: the notation, and what becomes of it when clocks are changed."""

from datetime import UTC, datetime, timedelta

import pytest

from hearthgate.resources.certmanager.cron import Cron, CronProblem, Every, read_cron, read_zone

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday

NEXT = {
    "0 3 * * *": "2026-01-01T03:00",
    "*/20 * * * *": "2026-01-01T00:00",
    "7/20 * * * *": "2026-01-01T00:07",
    "10-12,50 5 * * *": "2026-01-01T05:10",
    "0 0 1 FEB *": "2026-02-01T00:00",
    "0 0 ? * sat": "2026-01-03T00:00",
    "0 0 * * 0": "2026-01-04T00:00",
    "0 0 * * fri-sat": "2026-01-02T00:00",
    "0 0 13 * fri": "2026-01-02T00:00",  # either of the two
    "0 0 13 */1 fri": "2026-01-02T00:00",
    "0 0 */13 * fri": "2026-01-01T00:00",  # a step makes it a list: 1, 14, 27
    "0 0 29 2 *": "2028-02-29T00:00",
    "0 0 31 4 *": None,
    "@hourly": "2026-01-01T00:00",
    "@daily": "2026-01-01T00:00",
    "@weekly": "2026-01-04T00:00",
    "@monthly": "2026-01-01T00:00",
    "@yearly": "2026-01-01T00:00",
    "@annually": "2026-01-01T00:00",
    "@midnight": "2026-01-01T00:00",
}


def next_after(text: str, moment: datetime, zone: str = "UTC") -> datetime | None:
    cron = read_cron(text)
    assert isinstance(cron, Cron)
    return cron.next(moment, read_zone(zone))


@pytest.mark.parametrize("text", NEXT)
def test_the_notation(text: str) -> None:
    expected = NEXT[text]
    found = next_after(text, NEW_YEAR)
    assert (found and found.isoformat()[:16]) == expected


def test_the_moment_itself_counts_and_the_second_after_does_not() -> None:
    assert next_after("0 0 * * *", NEW_YEAR) == NEW_YEAR
    assert next_after("0 0 * * *", NEW_YEAR + timedelta(seconds=1)) == NEW_YEAR + timedelta(days=1)


def test_every() -> None:
    assert read_cron("@every 1h30m") == Every(timedelta(minutes=90))
    assert read_cron("@every 10ms") == Every(timedelta(seconds=1))


BAD = {
    "": "0 fields",
    "* * * *": "4 fields",
    "* * * * * *": "6 fields",
    "60 * * * *": "minute '60' is not within 0 to 59",
    "* 24 * * *": "hour '24'",
    "* * 0 * *": "day '0'",
    "* * * 13 *": "month '13'",
    "* * * * 7": "write 0 for Sunday",
    "* * * * 5-1": "day of the week '5-1'",
    "a * * * *": "minute 'a' is not a number",
    "1- * * * *": "minute '' is not a number",
    "*/0 * * * *": "step of 0",
    "*/x * * * *": "step of the minute",
    "1,,2 * * * *": "minute ''",
    "٣ * * * *": "not a number",
    "@dayly": "did you mean '@daily'?",
    "@reboot": "unknown descriptor",
    "@every": "unknown descriptor",
    "@every 0s": "greater than 0",
    "@every soon": "not a duration",
    "TZ=UTC 0 0 * * *": "6 fields",
}


@pytest.mark.parametrize("text", BAD)
def test_mistakes_name_the_field(text: str) -> None:
    with pytest.raises(CronProblem) as caught:
        read_cron(text)
    assert BAD[text] in str(caught.value)


@pytest.mark.parametrize("name", ["Europe/Berln", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_zones_that_are_none(name: str) -> None:
    with pytest.raises(CronProblem, match="not a time zone"):
        read_zone(name)


CLOCKS = {
    "left out: the moment after the gap": ("30 2 * * *", "2026-03-29T00:00", "2026-03-29T01:00"),
    "the day after as usual": ("30 2 * * *", "2026-03-29T01:01", "2026-03-30T00:30"),
    "the first of two": ("30 2 * * *", "2026-10-25T00:00", "2026-10-25T00:30"),
    "the second of two": ("30 2 * * *", "2026-10-25T00:31", "2026-10-25T01:30"),
    "each hour once": ("0 * * * *", "2026-10-25T00:01", "2026-10-25T01:00"),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_are_changed(name: str) -> None:
    text, moment, expected = CLOCKS[name]
    found = next_after(text, datetime.fromisoformat(moment + ":00+00:00"), "Europe/Berlin")
    assert found == datetime.fromisoformat(expected + ":00+00:00")


def test_a_day_that_never_was() -> None:
    """Samoa went from the 29th to the 31st of December 2011: from UTC-10 to UTC+14."""
    found = next_after("0 12 30 12 *", datetime(2011, 12, 29, tzinfo=UTC), "Pacific/Apia")
    assert found == datetime(2011, 12, 30, 10, tzinfo=UTC)
