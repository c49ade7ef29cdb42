"""When Events are over: an hour after they were last written, whatever the wall clock does meanwhile.

A clock may be years wrong at the start of a small board and right a minute later, or be set back. So what this
process saw being written is timed by a clock that cannot jump; only what was there at the start is judged by the
time that it bears, once, and if that lies in the future by the time since.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.apiserver.store.collection import Entry, Key

EVENT_LIFE: Final = timedelta(hours=1)


class _Noticed(NamedTuple):
    """since: seconds of the monotonic clock."""

    revision: int
    since: float
    was_there: bool


class EventExpiry:
    """`clock`: monotonic seconds. One per run; ask it now and then, first at the start."""

    def __init__(self, clock: Callable[[], float], life: timedelta = EVENT_LIFE) -> None:
        self._clock = clock
        self._life = life
        self._noticed: dict[Key, _Noticed] = {}
        self._is_first = True

    def over(self, entries: Iterable[Entry], now: datetime) -> list[Entry]:
        """Those of all stored Events whose time has come."""
        at, before = self._clock(), self._noticed
        self._noticed = {}
        found = []
        for entry in entries:
            key = (entry.namespace, entry.name)
            noticed = before.get(key)
            if noticed is None or noticed.revision != entry.revision:
                noticed = _Noticed(entry.revision, at, self._is_first)
            self._noticed[key] = noticed
            age = timedelta(seconds=at - noticed.since)
            if noticed.was_there:
                age = max(age, now - last_seen(msgspec.json.decode(entry.raw)))
            if age >= self._life:
                found.append(entry)
        self._is_first = False
        return found


def last_seen(event: dict[str, Any]) -> datetime:
    """The time that the Event bears; far in the future when it bears none that can be read."""
    times = (event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    for time in times:
        try:
            seen = datetime.fromisoformat(time or "")
        except (ValueError, TypeError):
            continue
        return seen if seen.tzinfo else seen.replace(tzinfo=UTC)
    return datetime.max.replace(tzinfo=UTC)
