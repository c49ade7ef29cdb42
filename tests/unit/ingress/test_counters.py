"""Buckets, breakers and counts of requests under way, on a clock of our own."""

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.ingress.auth.breaker import Breaker, Mode, Report, parse_report
from hearthgate.ingress.auth.counters import RETENTION, Counters, InFlightCounter
from hearthgate.ingress.auth.rate import Buckets
from hearthgate.ingress.auth.sources import source_of
from hearthgate.ingress.auth.wire import Request
from hearthgate.ingress.middlewares.breaker import FUNCTIONS, CircuitBreaker
from hearthgate.ingress.middlewares.counted import Counted
from hearthgate.ingress.middlewares.counting import counter
from hearthgate.ingress.middlewares.expressions import Mistake, parse
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit
from hearthgate.ingress.middlewares.sources import Source, SourceKind
from hearthgate.model.errors import WireError

FORWARDED = SourceKind.FORWARDED


def test_a_bucket_empties_and_fills() -> None:
    buckets = Buckets(rate=2.0, burst=3)
    assert [buckets.take("a", 0.0)[0] for _ in range(4)] == [True, True, True, False]
    assert buckets.take("a", 0.0) == (False, 0.5)
    assert buckets.take("b", 0.0) == (True, 0.0)
    assert buckets.take("a", 0.5) == (True, 0.0)
    assert buckets.take("a", 0.8) == pytest.approx((True, 0.2))
    assert buckets.take("a", 0.8)[0] is False, "the token that was promised is gone"
    assert [buckets.take("a", 100.0)[0] for _ in range(4)] == [True, True, True, False]


def test_slow_rates_wait_for_at_most_half_a_second() -> None:
    buckets = Buckets(rate=0.1, burst=1)
    assert buckets.take("a", 0.0) == (True, 0.0)
    assert buckets.take("a", 9.4) == pytest.approx((False, 0.6))
    assert buckets.take("a", 9.6) == pytest.approx((True, 0.4))


def test_sources_are_bounded() -> None:
    buckets = Buckets(rate=0.001, burst=1, max_sources=10)
    for number in range(1000):
        buckets.take(str(number), 0.0)
    assert len(buckets) == 10
    assert buckets.take("999", 0.0)[0] is False
    assert buckets.take("0", 0.0)[0] is True, "it was pushed out"


@given(
    rate=st.floats(0.01, 1000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, gaps: list[float]) -> None:
    buckets = Buckets(rate, burst)
    now, starts = 0.0, []
    for gap in gaps:
        now += gap
        allowed, delay = buckets.take("a", now)
        if allowed:
            starts.append(now + delay)
    assert starts == sorted(starts)
    for index, start in enumerate(starts):
        assert len(starts) - index <= burst + rate * (starts[-1] - start) + 1e-6


def breaker(expression: str, **fields: float) -> Breaker:
    parsed = parse(expression, FUNCTIONS)
    assert not isinstance(parsed, Mistake)
    return Breaker(CircuitBreaker(name="m", expression=parsed, **fields))  # type: ignore[arg-type]


def codes(**counts: int) -> Report:
    return Report({int(name[1:]): count for name, count in counts.items()}, {})


NOTHING = Report({}, {})


def test_opens_recovers_and_closes() -> None:
    circuit = breaker("NetworkErrorRatio() > 0.5", fallback=10.0, recovery=20.0)
    assert circuit.update(codes(_200=1, _502=1), 0.0).mode is Mode.CLOSED
    assert circuit.update(codes(_504=1), 0.1).mode is Mode.OPEN
    assert circuit.update(codes(_502=9), 1.0).mode is Mode.OPEN, "late answers do not count"
    assert circuit.update(NOTHING, 10.0).mode is Mode.OPEN
    assert circuit.update(NOTHING, 10.2) == (Mode.RECOVERING, 0.0, 0.05)
    assert circuit.update(codes(_200=1), 25.2).share == pytest.approx(0.75)
    assert circuit.update(NOTHING, 30.2).mode is Mode.CLOSED
    assert circuit.update(codes(_502=1), 30.3).mode is Mode.CLOSED, "one of two"


def test_opens_again_while_it_recovers() -> None:
    circuit = breaker("NetworkErrorRatio() > 0.5", fallback=1.0, recovery=1.0)
    circuit.update(codes(_502=1), 0.0)
    assert circuit.update(NOTHING, 1.5).mode is Mode.RECOVERING
    assert circuit.update(codes(_502=1), 1.6).mode is Mode.OPEN
    assert circuit.update(NOTHING, 2.5).mode is Mode.OPEN
    assert circuit.update(NOTHING, 2.7).mode is Mode.RECOVERING


def test_without_recovery_it_closes_at_once() -> None:
    circuit = breaker("NetworkErrorRatio() > 0.5", fallback=1.0, recovery=0.0)
    circuit.update(codes(_502=1), 0.0)
    assert circuit.update(NOTHING, 1.0).mode is Mode.CLOSED


@pytest.mark.parametrize(
    ("expression", "reports", "now", "mode"),
    [
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.4", [codes(_500=1, _200=1)], 0.0, Mode.OPEN),
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.5", [codes(_500=1, _200=1)], 0.0, Mode.CLOSED),
        ("ResponseCodeRatio(500, 503, 500, 600) >= 1", [codes(_503=1)], 0.0, Mode.CLOSED),
        ("ResponseCodeRatio(500, 600, 200, 300) >= 1", [codes(_500=1)], 0.0, Mode.CLOSED),
        ("NetworkErrorRatio() > 0", [codes(_500=1, _503=1)], 0.0, Mode.CLOSED),
    ],
)
def test_ratios(expression: str, reports: list[Report], now: float, mode: Mode) -> None:
    circuit = breaker(expression)
    state = [circuit.update(report, now) for report in reports][-1]
    assert state.mode is mode


def test_ratios_look_ten_seconds_back_and_latencies_a_minute() -> None:
    circuit = breaker("NetworkErrorRatio() > 0.9")
    circuit.update(codes(_200=100), 0.0)
    assert circuit.update(codes(_502=5), 9.0).mode is Mode.CLOSED
    assert circuit.update(codes(_502=5), 10.5).mode is Mode.OPEN
    slow = breaker("LatencyAtQuantileMS(50) > 100")
    slow.update(Report({200: 10}, {0: 10}), 0.0)
    assert slow.update(Report({200: 9}, {120: 9}), 30.0).mode is Mode.CLOSED
    assert slow.update(Report({200: 1}, {120: 1}), 61.0).mode is Mode.OPEN


@pytest.mark.parametrize(("quantile", "low", "high"), [(0, 1, 1.1), (50, 95, 106), (100, 950, 1060)])
def test_latencies_are_right_to_a_twentieth(quantile: int, low: float, high: float) -> None:
    # Classes 0, 95 and 142 hold 1 ms, 100 ms and 1 s.
    latencies = {0: 10, 95: 81, 142: 9}
    for bound, mode in ((low - 0.01, Mode.OPEN), (high, Mode.CLOSED)):
        circuit = breaker(f"LatencyAtQuantileMS({quantile}) > {bound}")
        assert circuit.update(Report({200: 100}, latencies), 0.0).mode is mode


def test_reports() -> None:
    assert parse_report("200=5,503=1;12=6") == ({200: 5, 503: 1}, {12: 6})
    assert parse_report(";") == parse_report("") == NOTHING
    for text in ("x", "200", "200=;", "200=1;x=1", "200=1,"):
        with pytest.raises(WireError):
            parse_report(text)


@given(st.text(max_size=60))
def test_any_text_is_a_report_or_refused(text: str) -> None:
    with contextlib.suppress(WireError):
        parse_report(text)


@pytest.mark.parametrize(
    ("source", "headers", "expected"),
    [
        (Source(), {"x-hg-source": "192.0.2.1"}, "192.0.2.1"),
        (Source(), {"x-hg-source": "::ffff:192.0.2.1"}, "192.0.2.1"),
        (Source(), {"x-hg-source": "2001:db8::1"}, "2001:db8::1"),
        (Source(ipv6_subnet=48), {"x-hg-source": "2001:db8:1:2::3"}, "2001:db8:1::"),
        (Source(ipv6_subnet=48), {"x-hg-source": "192.0.2.1"}, "192.0.2.1"),
        (Source(kind=FORWARDED, depth=2), {"x-forwarded-for": "1.1.1.1, 2.2.2.2"}, "1.1.1.1"),
        (Source(kind=FORWARDED, depth=3), {"x-forwarded-for": "1.1.1.1, 2.2.2.2"}, ""),
        (Source(kind=FORWARDED, depth=1), {}, ""),
        (
            Source(kind=FORWARDED, excluded=("2.0.0.0/8",)),
            {"x-forwarded-for": "1.1.1.1, 2.2.2.2"},
            "1.1.1.1",
        ),
        (Source(kind=FORWARDED, excluded=("0.0.0.0/0",)), {"x-forwarded-for": "1.1.1.1"}, ""),
        (Source(kind=SourceKind.HEADER, header="x"), {"x-hg-source": "a" * 300}, "a" * 256),
        (Source(kind=SourceKind.HOST), {"x-hg-source": "A.test:8080"}, "a.test"),
        (Source(kind=SourceKind.HOST), {"x-hg-source": "[::1]:80"}, "[::1]"),
        (Source(kind=SourceKind.HOST), {"x-hg-source": "[::1]"}, "[::1]"),
    ],
)
def test_sources(source: Source, headers: Mapping[str, str], expected: str) -> None:
    assert source_of(source, headers) == expected


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


LIMIT = RateLimit(name="m", rate=0.001, burst=1, router="r")


async def asked(counters: Counters, middleware: Counted) -> int | None:
    answer = await counters.answer(Request("GET", counter(middleware), {"x-hg-source": "192.0.2.1"}))
    return answer.status if answer is not None else None


async def test_counters_live_through_updates_and_a_while_without_a_route() -> None:
    clock = Clock()
    counters = Counters(clock)
    assert await asked(counters, LIMIT) is None
    counters.update([LIMIT])
    assert [await asked(counters, LIMIT) for _ in range(2)] == [200, 429]
    counters.update([LIMIT])
    assert await asked(counters, LIMIT) == 429
    counters.update([])
    clock.now = RETENTION - 1
    counters.update([LIMIT])
    assert await asked(counters, LIMIT) == 429, "it came back in time"
    counters.update([])
    clock.now += RETENTION
    counters.update([])
    assert await asked(counters, LIMIT) is None


def test_requests_under_way_leave_nothing_behind() -> None:
    running = InFlightCounter(InFlightReq(name="m", amount=2))
    headers = {"x-hg-source": "a.test"}
    first, second = running.enter(headers), running.enter(headers)
    assert (first, second, running.enter(headers)) == ("a.test", "a.test", None)
    assert running.enter({"x-hg-source": "b.test"}) == "b.test"
    running.leave("a.test")
    assert running.enter(headers) == "a.test"
    for source in ("a.test", "a.test", "b.test"):
        running.leave(source)
    assert running.sources == 0
