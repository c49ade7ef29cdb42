"""When to try again what did not work, or is not there yet."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Final, NamedTuple

_FORGOTTEN_FROM: Final = 20_000
"""So many things are not waited for at once; what is left over belongs to objects that are gone."""


class _Rest(NamedTuple):
    tries: int
    delay: float
    until: float


class Pace:
    """A delay for each thing, doubled from `first` to `most` seconds until the thing is forgotten.

    Only in memory: after a restart everything may be tried at once. Status writes bring an object back at once;
    `rest` is what keeps it from being tried again then. now: a clock that may be set.
    """

    def __init__(self, now: Callable[[], datetime], *, first: float, most: float) -> None:
        self._now = now
        self._first = first
        self._most = most
        self._rests: dict[Hashable, _Rest] = {}

    def rest(self, thing: Hashable) -> float:
        """Seconds before it should be tried; 0: now."""
        known = self._rests.get(thing)
        if known is None:
            return 0.0
        return min(max(known.until - self._now().timestamp(), 0.0), known.delay)

    def again(self, thing: Hashable, *, after: float | None = None, since: datetime | None = None) -> float:
        """It was tried, and must be tried again: returns in how many seconds. after: what somebody asked to wait,
        which then counts in place of the delay. since: when it was tried; now, unless said."""
        if len(self._rests) >= _FORGOTTEN_FROM:
            self._rests.clear()
        known = self._rests.get(thing)
        tries = 0 if known is None else known.tries
        delay = min(self._first * 2.0 ** min(tries, 60), self._most) if after is None else after
        self._rests[thing] = _Rest(tries + 1, delay, (since or self._now()).timestamp() + delay)
        return delay

    def forget(self, thing: Hashable) -> None:
        self._rests.pop(thing, None)
