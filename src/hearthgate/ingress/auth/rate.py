"""Token buckets, one for each source of one rateLimit. Pure.

A request that comes a little too early waits for its token, as upstream: up to half the time in which one grows.
"""

from collections import OrderedDict
from typing import Final

MAX_SOURCES: Final = 65_536
"""Sources beyond these push out the one that was silent for longest."""
_LONGEST_DELAY: Final = 0.5


class Buckets:
    """rate: tokens a second, more than 0. burst: tokens that a full bucket holds. Times in seconds."""

    def __init__(self, rate: float, burst: int, *, max_sources: int = MAX_SOURCES) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._max_sources = max_sources
        self._patience = min(_LONGEST_DELAY, 0.5 / rate)
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens (negative: promised ones) and when they were counted. A source that is absent has them all."""

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, source: str, now: float) -> tuple[bool, float]:
        """Whether a request may pass, after how many seconds; or in how many it might."""
        level, since = self._levels.get(source, (self._burst, now))
        level = min(self._burst, level + max(0.0, now - since) * self._rate)
        delay = max(0.0, (1.0 - level) / self._rate)
        allowed = delay <= self._patience
        self._levels[source] = (level - 1.0 if allowed else level, now)
        self._levels.move_to_end(source)
        if len(self._levels) > self._max_sources:
            self._levels.popitem(last=False)
        return allowed, delay
