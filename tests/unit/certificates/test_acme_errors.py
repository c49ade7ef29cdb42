"""What a CA's no means: a verdict, a limit, or trouble of its own."""

import pytest

from hearthgate.certificates.acme import retry_after
from hearthgate.certificates.acme.errors import (
    PREFIX,
    AcmeProblem,
    Kind,
    Limited,
    Rejected,
    Unavailable,
    failure,
)
from hearthgate.model.errors import Permanent, Transient

NOW = 1_794_000_000.0


def problem(word: str, detail: str = "why") -> bytes:
    return f'{{"type": "{PREFIX}{word}", "detail": "{detail}", "status": 400}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "reading", "kind"),
    [
        (429, problem("rateLimited"), False, Kind.RATE_LIMITED),
        (429, b"<html>slow down</html>", False, Kind.RATE_LIMITED),
        (403, problem("rateLimited"), False, Kind.RATE_LIMITED),
        (503, b"", False, Kind.UNAVAILABLE),
        (500, problem("serverInternal"), False, Kind.UNAVAILABLE),
        (500, problem("malformed"), False, Kind.UNAVAILABLE),
        (400, problem("badNonce"), False, Kind.UNAVAILABLE),
        (403, b"<html>blocked by a proxy</html>", False, Kind.UNAVAILABLE),
        (404, b"", False, Kind.UNAVAILABLE),
        (404, b"", True, Kind.GONE),
        (400, problem("malformed"), True, Kind.GONE),
        (400, problem("malformed"), False, Kind.OTHER),
        (400, problem("accountDoesNotExist"), True, Kind.ACCOUNT_MISSING),
        (409, problem("alreadyReplaced"), False, Kind.ALREADY_REPLACED),
        (403, problem("orderNotReady"), False, Kind.NOT_READY),
        (400, problem("rejectedIdentifier"), False, Kind.NAME_REFUSED),
        (400, problem("invalidProfile"), False, Kind.BAD_PROFILE),
        (401, problem("externalAccountRequired"), False, Kind.BINDING_REQUIRED),
        (403, problem("userActionRequired"), False, Kind.TERMS_CHANGED),
        (400, problem("somethingNew"), False, Kind.OTHER),
    ],
)
def test_kinds(status: int, body: bytes, reading: bool, kind: Kind) -> None:
    error = failure(body, asked="get_order at ca", status=status, reading=reading)
    assert error.kind is kind
    shape = {Kind.RATE_LIMITED: Limited, Kind.UNAVAILABLE: Unavailable}.get(kind, Rejected)
    assert type(error) is shape
    assert isinstance(error, Permanent if shape is Rejected else Transient)


def test_the_message_says_who_what_and_when() -> None:
    error = failure(
        problem("rateLimited", "too many orders"), asked="authorize_order at ca", status=429, retry_after=60
    )
    assert str(error) == (
        "authorize_order at ca: the CA answered 429: rateLimited: too many orders; it asks to wait 60 s"
    )
    assert (error.retry_after, error.detail, error.type) == (60, "too many orders", PREFIX + "rateLimited")


def test_parts_of_a_problem_name_their_names() -> None:
    body = (
        b'{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "some", "subproblems": ['
        b'{"type": "urn:ietf:params:acme:error:caa", "detail": "forbids", "identifier": '
        b'{"type": "dns", "value": "a.example"}}]}'
    )
    error = failure(body, asked="x", status=403)
    assert error.problem.describe() == "rejectedIdentifier: some (a.example: caa: forbids)"
    assert error.subproblems[0].identifier is not None


def test_the_words_of_a_ca_are_bounded() -> None:
    text = AcmeProblem(type="x", detail="two\nlines\x1b[31m and more" * 200).describe()
    assert len(text) < 1100
    assert text.isprintable()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, retry_after.LONGEST),
        ("Fri, 06 Nov 2026 22:40:00 GMT", 3600.0),
        ("Fri, 06 Nov 2026 20:40:00 GMT", 0.0),
        ("Fri, 06 Nov 2099 20:40:00 GMT", retry_after.LONGEST),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    now = retry_after.unix_time("Fri, 06 Nov 2026 21:40:00 GMT")
    assert now is not None
    assert retry_after.seconds(header, now=now) == seconds
