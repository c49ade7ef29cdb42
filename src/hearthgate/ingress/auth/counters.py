"""What the proxy counts with our help: rateLimit, inFlightReq, circuitBreaker.

Counts belong to a counter's name, so they survive every change of routes. When this process is away, the proxy
lets requests pass; what it knows by itself of a rate still holds.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hearthgate.ingress.auth.breaker import Breaker, parse_report
from hearthgate.ingress.auth.rate import Buckets
from hearthgate.ingress.auth.sources import source_of
from hearthgate.ingress.auth.wire import Answer, Request
from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.counted import Counted
from hearthgate.ingress.middlewares.counting import REPORT_HEADER, STATE_HEADER, counter
from hearthgate.ingress.middlewares.durations import go_duration
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit
from hearthgate.ingress.middlewares.middleware import Middleware

RETENTION: Final = 60.0
"""Seconds for which a counter that no route has any more is kept: routes come and go while they are edited."""


class RateCounter:
    def __init__(self, middleware: RateLimit) -> None:
        self._source = middleware.source
        self._buckets = Buckets(middleware.rate, middleware.burst)

    async def answer(self, request: Request, now: float) -> Answer:
        allowed, delay = self._buckets.take(source_of(self._source, request.headers), now)
        if not allowed:
            waits = (("retry-after", str(math.ceil(delay))), ("x-retry-in", go_duration(delay)))
            return Answer(429, "Too Many Requests", waits)
        if delay:
            await asyncio.sleep(delay)
        return Answer(200)


class BreakerCounter:
    def __init__(self, middleware: CircuitBreaker) -> None:
        self._breaker = Breaker(middleware)

    async def answer(self, request: Request, now: float) -> Answer:
        """Raises WireError."""
        state = self._breaker.update(parse_report(request.headers.get(REPORT_HEADER, "")), now)
        return Answer(200, "", ((STATE_HEADER, str(state)),))


class InFlightCounter:
    """Requests under way by source. A source with none takes no memory."""

    def __init__(self, middleware: InFlightReq) -> None:
        self.amount = middleware.amount
        self._source = middleware.source
        self._running: dict[str, int] = {}

    def enter(self, headers: Mapping[str, str]) -> str | None:
        """The source, which must `leave`; None when too many are under way."""
        source = source_of(self._source, headers)
        running = self._running.get(source, 0)
        if running >= self.amount:
            return None
        self._running[source] = running + 1
        return source

    def leave(self, source: str) -> None:
        left = self._running.pop(source) - 1
        if left:
            self._running[source] = left

    @property
    def sources(self) -> int:
        return len(self._running)


Counter = RateCounter | BreakerCounter | InFlightCounter


class Counters:
    """clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counters: dict[str, Counter] = {}
        self._retired: dict[str, float] = {}

    def update(self, middlewares: Iterable[Middleware]) -> None:
        """Counts for these from now on. Those that were there go on counting."""
        wanted = {counter(one): one for one in middlewares if isinstance(one, Counted)}
        now = self._clock()
        for name in self._counters.keys() - wanted.keys():
            self._retired.setdefault(name, now + RETENTION)
        for name in [name for name, end in self._retired.items() if end <= now or name in wanted]:
            del self._retired[name]
            if name not in wanted:
                del self._counters[name]
        for name, middleware in wanted.items():
            if name not in self._counters and (made := _made(middleware)) is not None:
                self._counters[name] = made

    def get(self, name: str) -> Counter | None:
        return self._counters.get(name)

    async def answer(self, request: Request) -> Answer | None:
        """What the proxy is told; None when it does not ask for a counter. Raises WireError."""
        found = self._counters.get(request.path)
        if found is None or isinstance(found, InFlightCounter):
            return None
        return await found.answer(request, self._clock())


def _made(middleware: Counted) -> Counter | None:
    match middleware:
        case RateLimit():
            return RateCounter(middleware) if middleware.rate else None
        case CircuitBreaker():
            return BreakerCounter(middleware)
        case InFlightReq():
            return InFlightCounter(middleware)
        case _:
            return None
