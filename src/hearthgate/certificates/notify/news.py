"""What is worth telling: from the Certificates, and from what has been told already. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from hearthgate.certificates.notify.settings import Occasion
from hearthgate.resources.certmanager import Certificate

AGAIN_AFTER: Final = timedelta(days=1)
"""The same trouble is told once a day."""
OVERDUE: Final = 1 / 20
"""Of the lifetime: so much later than its time a renewal is overdue."""
LAST_PART: Final = 1 / 10
"""Of the lifetime: a certificate that has no more left is about to end, whatever was planned."""


class Told(msgspec.Struct, frozen=True):
    """What was told last of a certificate, and when."""

    occasion: Occasion
    at: datetime


class Notice(NamedTuple):
    """One thing to tell. certificate: namespace/name. title: one line. text: why, and what to do."""

    certificate: str
    occasion: Occasion
    title: str
    text: str


def news(
    certificates: Iterable[Certificate], told: Mapping[str, Told], now: datetime
) -> tuple[tuple[Notice, ...], Mapping[str, Told]]:
    """What to tell now, and what has been told once that is done. Certificates that are gone are forgotten."""
    notices, after = [], {}
    for certificate in certificates:
        name = "/".join(certificate.key)
        known = told.get(name)
        notice = next(_trouble(certificate, name, now), None)
        if notice is None:
            if known is not None and known.occasion != "recovery":
                notices.append(
                    Notice(name, "recovery", f"Certificate {name} is in order again", _until(certificate))
                )
            continue
        if known is None or known.occasion != notice.occasion or now - known.at >= AGAIN_AFTER:
            notices.append(notice)
            after[name] = Told(notice.occasion, now)
        else:
            after[name] = known
    return tuple(notices), after


def next_look(certificates: Iterable[Certificate], now: datetime) -> float:
    """Seconds until the clock alone could bring news; an hour at most."""
    moments = [moment for one in certificates for moment in _turning_points(one) if moment > now]
    return min([3600.0, *((moment - now).total_seconds() for moment in moments)])


def _trouble(certificate: Certificate, name: str, now: datetime) -> Iterator[Notice]:
    """The worst first."""
    status = certificate.status
    if status is None:
        return
    risk = _risk(certificate, now)
    why = _reason(certificate)
    if risk:
        yield Notice(name, "expiry", f"Certificate {name} {risk}", f"{_until(certificate)} {why}".strip())
    if status.failed_issuance_attempts:
        title = f"Certificate {name} could not be issued"
        times = status.failed_issuance_attempts
        text = f"{times} attempt{'s' if times > 1 else ''} failed, the last at {status.last_failure_time}. {why}"
        yield Notice(name, "failure", title, f"{text} {_until(certificate)}".strip())


def _risk(certificate: Certificate, now: datetime) -> str:
    times = _times(certificate)
    if times is None:
        return ""
    begin, end, renewal = times
    if now >= end:
        return "has ended"
    if end - now <= (end - begin) * LAST_PART:
        return "is about to end"
    if renewal is not None and now >= renewal + (end - begin) * OVERDUE:
        return "is overdue for renewal"
    return ""


def _turning_points(certificate: Certificate) -> Iterator[datetime]:
    times = _times(certificate)
    if times is not None:
        begin, end, renewal = times
        yield end
        yield end - (end - begin) * LAST_PART
        if renewal is not None:
            yield renewal + (end - begin) * OVERDUE


def _times(certificate: Certificate) -> tuple[datetime, datetime, datetime | None] | None:
    status = certificate.status
    if status is None:
        return None
    begin, end = _moment(status.not_before), _moment(status.not_after)
    return (begin, end, _moment(status.renewal_time)) if begin is not None and end is not None else None


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _until(certificate: Certificate) -> str:
    status = certificate.status
    if status is None or not status.not_after:
        return "There is no certificate: the default one is served."
    return f"The present certificate is valid until {status.not_after}."


def _reason(certificate: Certificate) -> str:
    """The words of the condition that says what is wrong: the attempt's before the present state's."""
    conditions = certificate.status.conditions if certificate.status is not None else ()
    for type_ in ("Issuing", "Ready"):
        for condition in conditions:
            if condition.type == type_ and condition.message and (type_, condition.status) != ("Ready", "True"):
                return condition.message
    return ""
