"""Requests say what their Certificates ask for, renewal lies inside a life, and cron is what a clock shows."""

import ipaddress
import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.certificates.life.matching import request_differs
from hearthgate.certificates.life.renewal import Window, chance, pick, renewal_time
from hearthgate.certificates.x509.csr import facts_of
from hearthgate.certificates.x509.leaf import CertificateProblem, parse_chain, pem_of
from hearthgate.certificates.x509.names import names_of
from hearthgate.certificates.x509.sign import Terms, self_sign
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.certmanager.cron import Cron, CronProblem, read_cron
from hearthgate.resources.certmanager.references import Usage
from hearthgate.resources.certmanager.subjects import SubjectProblem, read_subject
from tests.certificate_samples import NOW, certificate, facts, key_of, requested

LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    str.strip
)
LISTS = ("organizations", "organizationalUnits", "localities", "provinces", "streetAddresses", "postalCodes")
HALVES = {"encipher only", "decipher only"}
USAGES = [usage for usage in Usage.__args__ if usage not in HALVES]  # type: ignore[attr-defined]


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    subject: dict[str, Any] = {name: draw(st.lists(WORDS, max_size=2)) for name in LISTS}
    subject["countries"] = draw(st.lists(st.text(string.ascii_uppercase, min_size=2, max_size=2), max_size=2))
    subject["serialNumber"] = draw(st.one_of(st.just(""), st.text(string.digits, min_size=1, max_size=9)))
    return {
        "commonName": draw(st.one_of(st.just(""), HOST)),
        "dnsNames": draw(st.lists(st.one_of(HOST, HOST.map("*.{}".format)), min_size=1, max_size=4)),
        "ipAddresses": draw(st.lists(st.ip_addresses().map(str), max_size=3)),
        "uris": draw(st.lists(HOST.map("spiffe://{}/a".format), max_size=2)),
        "emailAddresses": draw(st.lists(HOST.map("me@{}".format), max_size=2)),
        "otherNames": [{"oid": "1.2.3.4", "utf8Value": text} for text in draw(st.lists(WORDS, max_size=2))],
        "subject": subject,
        "usages": draw(st.lists(st.sampled_from(USAGES), max_size=6)),
        "isCA": draw(st.booleans()),
    }


@settings(max_examples=60, deadline=None)
@given(specs())
def test_a_request_says_what_the_certificate_asks_for(spec: dict[str, Any]) -> None:
    made = certificate(**spec)
    request = requested(made, key_of())
    assert request_differs(made.spec, request) == ()
    read = facts(made, key_of())
    assert facts_of(request) != read, "another signature"
    asked = names_of(made.spec)
    assert (read.names, read.common_name) == (asked, made.spec.common_name)
    assert read.public_key == key_of().public_key()
    signed = parse_chain(pem_of((self_sign(read, Terms(made.spec.usages, made.spec.is_ca), key_of(), NOW),)))
    assert (signed.leaf.names, signed.leaf.subject) == (read.names, read.subject)
    assert (signed.leaf.usages, signed.leaf.is_ca) == (read.usages or frozenset(), made.spec.is_ca)


@settings(max_examples=60, deadline=None)
@given(specs(), st.sampled_from(["commonName", "dnsNames", "ipAddresses", "uris", "emailAddresses", "isCA"]))
def test_a_changed_field_is_found(spec: dict[str, Any], field: str) -> None:
    request = requested(certificate(**spec), key_of())
    value = spec[field]
    added: Any
    match field:
        case "isCA":
            added = not value
        case "commonName":
            added = f"{value}x"
        case "ipAddresses":
            added = [*value, str(max(map(ipaddress.ip_address, [*value, "::1"]), key=int) + 1)]
        case _:
            added = [*value, "new@new.test" if field == "emailAddresses" else "new://new.test"]
    changed = (
        certificate(**{**spec, field: added})
        if field != "dnsNames"
        else certificate(**{**spec, field: ["n.test"]})
    )
    assert field in request_differs(changed.spec, request)


SECONDS = st.integers(60, 400 * 86400)


@given(
    lifetime=SECONDS,
    before=st.one_of(st.none(), SECONDS),
    percentage=st.one_of(st.none(), st.integers(-5, 105)),
    windows=st.lists(
        st.tuples(
            st.sampled_from(["@daily", "@every 7h", "0 3 * * sat", "*/7 1-5 * * *", "0 0 29 2 *", "30 2 * * *"]),
            st.integers(1, 200_000),
            st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        ),
        max_size=3,
    ),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_renewal_lies_inside_the_life(
    lifetime: int,
    before: int | None,
    percentage: int | None,
    windows: list[tuple[str, int, str]],
    start: datetime,
) -> None:
    content: dict[str, Any] = {
        "secretName": "s",
        "issuerRef": {"name": "i"},
        "renewal": {
            "windows": [
                {"cron": cron, "windowDuration": f"{size}s", "timezone": zone} for cron, size, zone in windows
            ]
        },
    }
    if before is not None:
        content["renewBefore"] = f"{before}s"
    if percentage is not None:
        content["renewBeforePercentage"] = percentage
    begin = start.replace(tzinfo=UTC, microsecond=0)
    end = begin + timedelta(seconds=lifetime)
    found = renewal_time(msgspec.convert(content, CertificateSpec), begin, end)
    assert found.at is not None
    assert begin <= found.at < end
    without = renewal_time(msgspec.convert({**content, "renewal": None}, CertificateSpec), begin, end).at
    assert without is not None
    assert found.at >= without
    assert not (found.window_error and not windows)


@given(st.text(), st.integers(1, 10**9), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_pick_lies_in_its_window(name: str, size: int, start: datetime) -> None:
    window = Window(start.replace(microsecond=0), start.replace(microsecond=0) + timedelta(seconds=size))
    assert window.start <= pick(window, chance(name)) < window.end


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    stepped = st.tuples(st.one_of(span, st.just("*"), number.map(str)), st.integers(1, 9))
    return st.one_of(
        st.just("*"), st.just("*"), number.map(str), span, stepped.map(lambda one: f"{one[0]}/{one[1]}")
    )


def _allowed(text: str, least: int, most: int) -> set[int]:
    """Written anew for the test: one field of the notation."""
    span, _, step = text.partition("/")
    if span == "*":
        low, high = least, most
    elif "-" in span:
        low, high = (int(part) for part in span.split("-"))
    else:
        low, high = int(span), most if step else int(span)
    return set(range(low, high + 1, int(step or 1)))


def _shows(text: str, wall: datetime) -> bool:
    """Whether a clock that shows this is a time of the expression."""
    minute, hour, day, month, weekday = text.split()
    by_day = wall.day in _allowed(day, 1, 31)
    by_weekday = wall.isoweekday() % 7 in _allowed(weekday, 0, 6)
    star = any(field in ("*", "*/1") for field in (day, weekday))
    return (
        wall.minute in _allowed(minute, 0, 59)
        and wall.hour in _allowed(hour, 0, 23)
        and wall.month in _allowed(month, 1, 12)
        and (by_day and by_weekday if star else by_day or by_weekday)
    )


def _oracle(text: str, start: datetime, zone: ZoneInfo, minutes: int) -> datetime | None:
    """Minute by minute: what the clock shows, and what it has just left out."""
    before = (start - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    for passed in range(minutes):
        moment = start + timedelta(minutes=passed)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        skipped = before + timedelta(minutes=1)
        while skipped < wall:
            if _shows(text, skipped):
                return moment
            skipped += timedelta(minutes=1)
        if _shows(text, wall):
            return moment
        before = wall
    return None


CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
]


@settings(max_examples=150, deadline=None)
@given(
    fields=st.tuples(_field(0, 59), _field(0, 4), _field(1, 31), st.just("*"), _field(0, 6)),
    change=st.sampled_from(CHANGES),
    offset=st.integers(-1500, 1500),
    zone=st.sampled_from(ZONES),
)
def test_cron_is_what_a_clock_shows(fields: tuple[str, ...], change: datetime, offset: int, zone: str) -> None:
    text = " ".join(fields)
    start = change + timedelta(minutes=offset)
    cron = read_cron(text)
    assert isinstance(cron, Cron)
    expected = _oracle(text, start, ZoneInfo(zone), minutes=3000)
    found = cron.next(start, ZoneInfo(zone))
    if expected is not None:
        assert found == expected
    else:
        assert found is None or found >= start + timedelta(minutes=3000)


@given(st.text(string.printable + "äß∂", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read, refusal in ((read_cron, CronProblem), (read_subject, SubjectProblem)):
        try:
            read(text)
        except refusal:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_a_chain_or_none(content: bytes) -> None:
    with suppress(CertificateProblem):
        parse_chain(content)
