"""Waiting longer after each failure (client-go's constants)."""

import random
from collections.abc import Callable


class Backoff:
    """Delays that double from `first` to `most`, each with up to 100 % of chance on top so that many waiters do
    not come back at once. Starts over when `quiet` seconds have passed since the last failure."""

    def __init__(
        self, first: float, most: float, *, quiet: float = 120.0, chance: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._quiet = quiet
        self._chance = chance
        self._base = first
        self._failed_at: float | None = None

    def next(self, now: float) -> float:
        """Seconds to wait after a failure at `now` (monotonic)."""
        if self._failed_at is not None and now - self._failed_at > self._quiet + self._base:
            self._base = self._first
        self._failed_at = now
        delay = self._base * (1.0 + self._chance())
        self._base = min(self._base * 2.0, self._most)
        return delay
