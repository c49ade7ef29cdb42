"""The state of one circuitBreaker: what the proxy's workers report, and whether requests may pass. Pure.

Closed, requests pass and their outcomes count. While the expression holds it opens: none passes for
`fallback` seconds. Then it recovers: a share of them passes that grows from none to all in `recovery` seconds,
and it opens again when the expression holds for those.
"""

from collections import deque
from enum import StrEnum
from typing import Final, NamedTuple

from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.buffering import NETWORK_ERRORS
from hearthgate.ingress.middlewares.expressions import evaluate
from hearthgate.model.errors import WireError

COUNT_WINDOW: Final = 10.0
LATENCY_WINDOW: Final = 60.0
"""Seconds that the ratios and the latencies look back, as upstream."""
_SLOT: Final = 1.0
LATENCY_BASE: Final = 1.05
"""Latencies are counted in classes: number n ends at this to the power of n, in milliseconds."""
_MAX_ITEMS: Final = 4096


class Report(NamedTuple):
    """What happened at one worker since its last one: requests by status, and by class of latency."""

    codes: dict[int, int]
    latencies: dict[int, int]


class Mode(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    RECOVERING = "recovering"


class State(NamedTuple):
    """share: of the requests that may pass now; growth: what is added to it every second."""

    mode: Mode
    share: float = 1.0
    growth: float = 0.0

    def __str__(self) -> str:
        return f"{self.mode} {self.share:.6f} {self.growth:.6f}"


def parse_report(text: str) -> Report:
    """`200=5,503=1;12=6`: counts by status, then by class of latency. Raises WireError."""
    codes, _, latencies = text.partition(";")
    try:
        return Report(_counts(codes), _counts(latencies))
    except ValueError:
        raise WireError("not a report of a circuit breaker") from None


def _counts(text: str) -> dict[int, int]:
    items = text.split(",") if text else []
    if len(items) > _MAX_ITEMS:
        raise ValueError("too many")
    found: dict[int, int] = {}
    for item in items:
        key, _, count = item.partition("=")
        found[int(key)] = found.get(int(key), 0) + max(0, int(count))
    return found


class Breaker:
    """Times are monotonic seconds."""

    def __init__(self, middleware: CircuitBreaker) -> None:
        self._middleware = middleware
        self._mode = Mode.CLOSED
        self._since = 0.0
        self._slots: deque[tuple[float, Report]] = deque()

    def update(self, report: Report, now: float) -> State:
        """Takes a report in, and says what follows."""
        if self._mode is Mode.OPEN and now >= self._since + self._middleware.fallback:
            self._enter(Mode.RECOVERING, now)
        if self._mode is Mode.RECOVERING and now >= self._since + self._middleware.recovery:
            self._enter(Mode.CLOSED, now)
        if report.codes and self._mode is not Mode.OPEN:
            self._count(report, now)
            if evaluate(self._middleware.expression, lambda name, args: self._measure(name, args, now)):
                self._slots.clear()
                self._enter(Mode.OPEN, now)
        return self._state(now)

    def _enter(self, mode: Mode, now: float) -> None:
        self._mode, self._since = mode, now

    def _state(self, now: float) -> State:
        if self._mode is Mode.CLOSED:
            return State(Mode.CLOSED)
        if self._mode is Mode.OPEN:
            return State(Mode.OPEN, share=0.0)
        growth = 1.0 / self._middleware.recovery
        return State(Mode.RECOVERING, (now - self._since) * growth, growth)

    def _count(self, report: Report, now: float) -> None:
        while self._slots and self._slots[0][0] <= now - LATENCY_WINDOW:
            self._slots.popleft()
        if self._slots and now - self._slots[-1][0] < _SLOT:
            latest = self._slots[-1][1]
        else:
            latest = Report({}, {})
            self._slots.append((now, latest))
        for known, added in ((latest.codes, report.codes), (latest.latencies, report.latencies)):
            for key, count in added.items():
                known[key] = known.get(key, 0) + count

    def _measure(self, function: str, arguments: tuple[float, ...], now: float) -> float:
        if function == "LatencyAtQuantileMS":
            return self._latency(arguments[0], now)
        codes: dict[int, int] = {}
        for at, report in self._slots:
            if at > now - COUNT_WINDOW:
                for code, count in report.codes.items():
                    codes[code] = codes.get(code, 0) + count
        if function == "NetworkErrorRatio":
            return _ratio(sum(codes.get(code, 0) for code in NETWORK_ERRORS), sum(codes.values()))
        first, after, other, other_after = arguments
        part = sum(count for code, count in codes.items() if first <= code < after)
        return _ratio(part, sum(count for code, count in codes.items() if other <= code < other_after))

    def _latency(self, quantile: float, now: float) -> float:
        counts: dict[int, int] = {}
        for at, report in self._slots:
            if at > now - LATENCY_WINDOW:
                for place, count in report.latencies.items():
                    counts[place] = counts.get(place, 0) + count
        wanted = max(1.0, quantile / 100 * sum(counts.values()))
        passed = 0
        for place in sorted(counts):
            passed += counts[place]
            if passed >= wanted:
                return float(LATENCY_BASE ** min(place, 400))
        return 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
