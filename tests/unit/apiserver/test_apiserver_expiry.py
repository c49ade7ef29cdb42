"""Events go an hour after they were written, whatever the wall clock does."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hearthgate.apiserver.expiry import EventExpiry, last_seen
from hearthgate.apiserver.store.collection import Entry

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def event(name: str, seen: datetime | None, revision: int = 1) -> Entry:
    obj = {"metadata": {"name": name}, "lastTimestamp": seen.isoformat() if seen else None}
    return Entry("n", name, revision, msgspec.json.encode(obj))


class Clock:
    """Monotonic minutes, to be set."""

    def __init__(self) -> None:
        self.minutes = 0.0
        self.expiry = EventExpiry(lambda: self.minutes * 60)

    def over(self, minutes: float, now: datetime, *entries: Entry) -> list[str]:
        self.minutes = minutes
        return [entry.name for entry in self.expiry.over(entries, now)]


def test_what_was_there_at_the_start_is_judged_by_the_time_it_bears() -> None:
    old, young = event("old", NOON - timedelta(minutes=61)), event("young", NOON - timedelta(minutes=50))
    clock = Clock()
    assert clock.over(0, NOON, old, young) == ["old"]
    assert clock.over(9, NOON + timedelta(minutes=9), young) == []
    assert clock.over(11, NOON + timedelta(minutes=11), young) == ["young"]


@pytest.mark.parametrize("jump", [YEAR, -YEAR, timedelta(0)], ids=["forward", "back", "none"])
def test_what_came_later_lives_an_hour_through_every_jump(jump: timedelta) -> None:
    clock = Clock()
    assert clock.over(0, NOON) == []
    fresh = event("fresh", NOON)
    assert clock.over(1, NOON, fresh) == []
    assert clock.over(2, NOON + jump, fresh) == []
    assert clock.over(60, NOON + jump, fresh) == []
    assert clock.over(61, NOON + jump, fresh) == ["fresh"]


def test_one_that_is_written_again_begins_anew() -> None:
    clock = Clock()
    clock.over(0, NOON)
    clock.over(1, NOON, event("e", NOON))
    assert clock.over(59, NOON, event("e", NOON, revision=2)) == []
    assert clock.over(118, NOON, event("e", NOON, revision=2)) == []
    assert clock.over(119, NOON, event("e", NOON, revision=2)) == ["e"]


@pytest.mark.parametrize("seen", [NOON + YEAR, None], ids=["future", "unreadable"])
def test_times_that_say_nothing_do_not_make_it_stay_for_ever(seen: datetime | None) -> None:
    clock = Clock()
    assert clock.over(0, NOON, event("e", seen)) == []
    assert clock.over(59, NOON, event("e", seen)) == []
    assert clock.over(60, NOON, event("e", seen)) == ["e"]


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        ({"lastTimestamp": "2026-06-01T12:00:00Z", "eventTime": "2020-01-01T00:00:00Z"}, NOON),
        ({"lastTimestamp": None, "eventTime": "2026-06-01T12:00:00.000000Z"}, NOON),
        ({"lastTimestamp": "noon", "metadata": {"creationTimestamp": "2026-06-01T12:00:00"}}, NOON),
        ({"lastTimestamp": 5}, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_the_time_of_an_event(found: dict[str, object], seen: datetime) -> None:
    assert last_seen({"metadata": {}, **found}) == seen
