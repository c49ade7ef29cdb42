"""What is told of certificates, when, and how often."""

from datetime import UTC, datetime, timedelta

import pytest

from hearthgate.certificates.notify.news import AGAIN_AFTER, Told, news, next_look
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.certificate import CertificateSpec, CertificateStatus
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.meta import Condition, ObjectMeta

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FAILED = Condition(type="Issuing", status="False", reason="Failed", message="the CA says no")


def certificate(*, attempts: int | None = None, conditions: tuple[Condition, ...] = ()) -> Certificate:
    """Valid for 100 days from BEGIN on, to be renewed at the 60th."""
    status = CertificateStatus(
        not_before="2026-01-01T00:00:00Z",
        not_after=(BEGIN + 100 * DAY).isoformat(),
        renewal_time=(BEGIN + 60 * DAY).isoformat(),
        failed_issuance_attempts=attempts,
        last_failure_time="2026-03-01T00:00:00Z" if attempts else None,
        conditions=conditions,
    )
    spec = CertificateSpec(secret_name="w", issuer_ref=IssuerRef(name="le"), dns_names=("a.test",))
    return Certificate(metadata=ObjectMeta(name="w", namespace="infra"), spec=spec, status=status)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (10, None),
        (64, None),
        (65, "is overdue for renewal"),
        (90, "is about to end"),
        (100, "has ended"),
    ],
)
def test_risk_is_by_lifetime(day: int, words: str | None) -> None:
    notices, _ = news([certificate()], {}, BEGIN + day * DAY)
    assert [notice.title for notice in notices] == ([f"Certificate infra/w {words}"] if words else [])


def test_a_failure_names_the_reason_and_what_is_served_meanwhile() -> None:
    ((notice,), after) = news([certificate(attempts=2, conditions=(FAILED,))], {}, BEGIN + DAY)
    assert notice.occasion == "failure"
    assert "2 attempts failed" in notice.text
    assert "the CA says no" in notice.text
    assert "valid until 2026-04-11" in notice.text
    assert after == {"infra/w": Told("failure", BEGIN + DAY)}


def test_the_same_is_told_once_a_day_and_the_end_of_it_once() -> None:
    failing = certificate(attempts=1)
    _, told = news([failing], {}, BEGIN)
    notices, told = news([failing], told, BEGIN + AGAIN_AFTER / 2)
    assert notices == ()
    notices, told = news([failing], told, BEGIN + AGAIN_AFTER)
    assert [notice.occasion for notice in notices] == ["failure"]
    notices, told = news([certificate()], told, BEGIN + AGAIN_AFTER)
    assert [notice.occasion for notice in notices] == ["recovery"]
    assert news([certificate()], told, BEGIN + AGAIN_AFTER) == ((), {})


def test_worse_is_told_at_once() -> None:
    now = BEGIN + 95 * DAY
    notices, _ = news([certificate(attempts=1)], {"infra/w": Told("failure", now)}, now)
    assert [notice.occasion for notice in notices] == ["expiry"]


def test_who_is_gone_is_forgotten() -> None:
    assert news([], {"infra/w": Told("failure", BEGIN)}, BEGIN) == ((), {})


def test_looks_again_when_the_clock_brings_news() -> None:
    assert next_look([certificate()], BEGIN + 65 * DAY - timedelta(minutes=1)) == 60.0
    assert next_look([certificate()], BEGIN) == 3600.0
