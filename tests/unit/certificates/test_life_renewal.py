"""The moment of renewal: upstream's formula, renewal windows, and what the CA suggests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hearthgate.certificates.life.backoff import CLOSEST, wait, wait_before_end
from hearthgate.certificates.life.renewal import (
    Window,
    chance,
    next_check,
    pick,
    renewal_by_ari,
    renewal_of,
    renewal_time,
    window_of,
)
from hearthgate.certificates.x509.leaf import Leaf, parse_chain, pem_of
from hearthgate.resources.certmanager.certificate import RenewalInformation, SuggestedWindow
from tests.certificate_samples import DAY, certificate, key_of, signed

START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)

FORMULA: dict[str, tuple[dict[str, Any], timedelta, timedelta | None]] = {
    "a third": ({}, 90 * DAY, 60 * DAY),
    "a third, on a whole second": ({}, 30 * DAY + timedelta(seconds=1), 20 * DAY),
    "half of a short life": ({}, 160 * HOUR, 80 * HOUR),
    "renewBefore": ({"renewBefore": "48h"}, 90 * DAY, 88 * DAY),
    "renewBefore longer than the certificate": ({"renewBefore": "48h"}, 30 * HOUR, 15 * HOUR),
    "a percentage": ({"renewBeforePercentage": 25}, 40 * DAY, 30 * DAY),
    "a percentage of a life that is no duration": ({"renewBeforePercentage": 10}, 10 * DAY, 9 * DAY),
    "disabled": ({"renewal": {"policy": "Disabled"}}, 90 * DAY, None),
}


@pytest.mark.parametrize("name", FORMULA)
def test_the_formula(name: str) -> None:
    spec, lifetime, expected = FORMULA[name]
    found = renewal_time(certificate(**spec).spec, START, START + lifetime)
    assert found == (None if expected is None else START + expected, None)


def windows(*windows: tuple[str, str] | tuple[str, str, str]) -> dict[str, Any]:
    """(cron, how long) or (cron, how long, time zone)"""
    return {
        "renewal": {
            "windows": [
                {"cron": one[0], "windowDuration": one[1], **({"timezone": one[2]} if len(one) > 2 else {})}
                for one in windows
            ]
        }
    }


BASE = START + 60 * DAY  # Friday, the 31st of July
WINDOWS: dict[str, tuple[dict[str, Any], datetime, bool]] = {
    "open at that moment": (windows(("0 0 * * fri", "1h")), BASE, False),
    "open since": (windows(("0 22 * * thu", "3h")), BASE, False),
    "open until just then": (windows(("0 22 * * thu", "2h")), BASE, False),
    "over just before": (windows(("59 21 * * thu", "2h")), BASE + timedelta(days=6, hours=21, minutes=59), False),
    "the next of several": (windows(("0 4 1 * *", "1h"), ("30 3 * * sun", "1h")), BASE + DAY + 4 * HOUR, False),
    "in a time zone": (windows(("0 4 1 * *", "1h", "Europe/Berlin")), BASE + DAY + 2 * HOUR, False),
    "every so often": (windows(("@every 50h", "1h")), START - HOUR + 29 * timedelta(hours=50), False),
    "always": (windows(("* * * * *", "1m")), BASE, False),
    "only after the end": (windows(("0 0 1 12 *", "24h")), BASE, True),
    "never": (windows(("0 0 30 2 *", "24h")), BASE, True),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    spec, expected, is_error = WINDOWS[name]
    found = renewal_time(certificate(**spec).spec, START, START + 90 * DAY)
    assert found.at == expected
    assert ("spec.renewal.windows: none opens" in (found.window_error or "")) is is_error


def test_windows_of_a_certificate_without_an_end() -> None:
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    spec = certificate(duration="87600h", renewBefore="1h", **windows(("0 0 1 1 *", "1h"))).spec
    found = renewal_time(spec, START, end)
    assert (found.at, bool(found.window_error)) == (end - HOUR, True)


def leaf(**spec: Any) -> Leaf:
    return parse_chain(pem_of((signed(certificate(**spec), key_of(), since=START, days=90),))).leaf


def information(start: datetime | str, end: datetime | str) -> RenewalInformation:
    texts = [one if isinstance(one, str) else one.isoformat() for one in (start, end)]
    return RenewalInformation(suggested_window=SuggestedWindow(start=texts[0], end=texts[1]))


class TestSuggestions:
    window = Window(START + 59 * DAY, START + 61 * DAY)

    def test_a_moment_inside_that_stays(self) -> None:
        found = leaf()
        first, second = (renewal_by_ari(certificate().spec, found, self.window) for _ in range(2))
        assert first == second
        assert first.at is not None
        assert self.window.start <= first.at < self.window.end

    def test_certificates_are_spread(self) -> None:
        moments = {renewal_by_ari(certificate().spec, leaf(), self.window).at for _ in range(8)}
        assert len(moments) == 8

    def test_it_counts_before_the_formula(self) -> None:
        spec = certificate(renewBefore="24h").spec
        found = leaf()
        assert renewal_of(spec, found, information(*self.window)) == renewal_by_ari(spec, found, self.window)
        assert renewal_of(spec, found).at == START + 89 * DAY

    def test_windows_of_the_spec_are_kept(self) -> None:
        spec = certificate(**windows(("0 0 6 8 *", "1h"))).spec
        assert renewal_by_ari(spec, leaf(), self.window).at == datetime(2026, 8, 6, tzinfo=UTC)

    def test_but_not_when_the_certificate_will_be_revoked(self) -> None:
        spec = certificate(**windows(("0 0 6 8 *", "1h"))).spec
        early = Window(START + DAY, START + 2 * DAY)
        at = renewal_by_ari(spec, leaf(), early).at
        assert at is not None
        assert early.start <= at < early.end

    def test_never_means_never(self) -> None:
        spec = certificate(renewal={"policy": "Disabled"}).spec
        assert renewal_of(spec, leaf(), information(*self.window)).at is None

    def test_the_window_of_the_certificate_before(self) -> None:
        """The status still has it when the new certificate is there."""
        old = information(START - 2 * DAY, START - DAY)
        assert renewal_of(certificate().spec, leaf(), old).at == START + 60 * DAY

    @pytest.mark.parametrize(
        "said", [None, RenewalInformation(), information("", ""), information("x", "2026-01-01T00:00:00Z")]
    )
    def test_no_window(self, said: RenewalInformation | None) -> None:
        assert window_of(said) is None

    def test_a_window_that_ends_before_it_begins(self) -> None:
        assert window_of(information(START + DAY, START)) is None
        assert window_of(information("2026-06-01T00:00:00Z", "2026-06-02T00:00:00+00:00")) == (START, START + DAY)

    def test_the_first_and_the_last_moment(self) -> None:
        assert pick(self.window, 0.0) == self.window.start
        assert pick(self.window, 0.999999999) < self.window.end

    def test_chances_are_even(self) -> None:
        found = [chance(str(number)) for number in range(1000)]
        assert all(0 <= one < 1 for one in found)
        assert 400 < sum(one < 0.5 for one in found) < 600

    @pytest.mark.parametrize(
        ("said", "least", "most"),
        [
            (None, 5.4, 6.6),
            (timedelta(hours=10), 9, 11),
            (timedelta(seconds=1), 0.9, 1.1),
            (timedelta(days=30), 21.6, 26.4),
        ],
    )
    def test_when_to_ask_again(self, said: timedelta | None, least: float, most: float) -> None:
        early, late = (next_check(START, spread, said) - START for spread in (0.0, 0.9999999))
        assert (early, late <= most * HOUR) == (least * HOUR, True)
        assert late > 0.99 * most * HOUR


class TestBackoff:
    @pytest.mark.parametrize(
        ("attempts", "hours"), [(None, 1), (0, 1), (-1, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 32), (10**9, 32)]
    )
    def test_doubles(self, attempts: int | None, hours: int) -> None:
        assert wait(attempts, HOUR, 32 * HOUR) == hours * HOUR

    def test_a_minimum_above_the_maximum(self) -> None:
        assert wait(1, 2 * HOUR, HOUR) == HOUR

    @pytest.mark.parametrize(
        ("attempts", "left", "expected"),
        [
            (1, None, HOUR),
            (1, timedelta(), HOUR),
            (6, None, 32 * HOUR),
            (1, 30 * DAY, HOUR),
            (6, 40 * HOUR, 2 * HOUR),
            (1, 10 * HOUR, HOUR / 2),
            (9, HOUR, CLOSEST),
        ],
    )
    def test_is_cut_when_the_end_is_near(self, attempts: int, left: timedelta | None, expected: timedelta) -> None:
        assert wait_before_end(attempts, HOUR, 32 * HOUR, left) == expected
