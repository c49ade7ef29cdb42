"""Whatever is asked, a ledger lets through what a CA with the same limits takes, and nothing else."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.certificates.acme.ledger import Ask, Ledger, OrderKind
from hearthgate.certificates.acme.limits import Limit, Rate

RATES = {
    Limit.ORDERS: Rate(count=7, period=700.0),
    Limit.DOMAIN: Rate(count=4, period=2000.0),
    Limit.NAMES: Rate(count=2, period=3000.0),
    Limit.FAILURES: Rate(count=2, period=500.0),
}
START = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = ("a.example", "b.a.example", "*.a.example", "c.test")
SLACK = 1e-3


def domain(name: str) -> str:
    return ".".join(name.split(".")[-2:])


asks = st.builds(
    Ask,
    account=st.sampled_from(("one", "two")),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple),
    kind=st.sampled_from(OrderKind),
)
steps = st.lists(
    st.tuples(st.floats(0, 400, width=32), asks, st.sampled_from(("order", "order", "order", "fail", "restart"))),
    max_size=60,
)


class TokenBuckets:
    """The CA: tokens that come back one by one, written another way than the ledger keeps them."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[Limit, object], tuple[float, datetime]] = {}

    def at(self, limit: Limit, subject: object, now: datetime) -> float:
        rate = RATES[limit]
        tokens, since = self._tokens.get((limit, subject), (float(rate.count), now))
        return min(float(rate.count), tokens + (now - since).total_seconds() * rate.count / rate.period)

    def take(self, limit: Limit, subject: object, now: datetime) -> None:
        self._tokens[limit, subject] = (self.at(limit, subject, now) - 1, now)


def subjects(ask: Ask) -> list[tuple[Limit, object]]:
    names = [name.removeprefix("*.") for name in ask.names]
    found: list[tuple[Limit, object]] = []
    if ask.kind is OrderKind.NEW:
        found.append((Limit.ORDERS, ask.account))
        found += [(Limit.DOMAIN, one) for one in {domain(name) for name in names}]
    if ask.kind is not OrderKind.REPLACEMENT:
        found.append((Limit.NAMES, frozenset(ask.names)))
        found += [(Limit.FAILURES, (ask.account, name)) for name in set(names)]
    return found


@given(steps)
def test_the_ledger_allows_what_the_ca_takes(sequence: list[tuple[float, Ask, str]]) -> None:
    ledger, ca, now = Ledger(RATES, domain), TokenBuckets(), START
    sent = defaultdict(list)
    for pause, ask, what in sequence:
        now += timedelta(seconds=pause)
        if what == "restart":
            ledger = Ledger.from_json(ledger.to_json(now), RATES, domain)
        fullest = min((ca.at(*subject, now) for subject in subjects(ask)), default=1.0)
        wait = ledger.allowed(ask, now)
        if wait is None:
            assert fullest >= 1 - SLACK
        else:
            assert fullest < 1 + SLACK
            assert wait.until > now
            assert ledger.allowed(ask, wait.until) is None
        if what == "fail":
            ledger.failed(ask.account, ask.names[0], now)
            name = ask.names[0].removeprefix("*.")
            if ca.at(Limit.FAILURES, (ask.account, name), now) >= 0:
                ca.take(Limit.FAILURES, (ask.account, name), now)
        elif wait is None:
            ledger.took(ask, now)
            for limit, subject in subjects(ask):
                if limit is not Limit.FAILURES:
                    ca.take(limit, subject, now)
                    sent[limit, subject].append(now)
    for (limit, _), times in sent.items():
        rate = RATES[limit]
        for first, last in combinations(range(len(times)), 2):
            elapsed = (times[last] - times[first]).total_seconds()
            assert last - first + 1 <= rate.count + elapsed / rate.interval + SLACK


@given(steps, st.floats(-1e7, 1e7))
def test_a_clock_that_was_wrong_never_blocks_longer_than_a_limit_lasts(
    sequence: list[tuple[float, Ask, str]], skew: float
) -> None:
    ledger, now = Ledger(RATES, domain), START + timedelta(seconds=skew)
    for pause, ask, what in sequence:
        now += timedelta(seconds=pause)
        if what == "order":
            ledger.took(ask, now)
        else:
            ledger.refused(ask, "", 1e9, now)
    week = timedelta(days=8, seconds=1)
    for _, ask, _ in sequence:
        wait = ledger.allowed(ask, START)
        assert wait is None or wait.until <= START + week


@given(st.binary(max_size=200))
def test_any_bytes_are_a_ledger(text: bytes) -> None:
    assert Ledger.from_json(text, RATES, domain).allowed(Ask(account="one", names=("a.example",)), START) is None
