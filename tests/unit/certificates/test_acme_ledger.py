"""The books on Let's Encrypt's limits."""

from datetime import UTC, datetime, timedelta

import pytest

from hearthgate.certificates.acme.ledger import Ask, Ledger, OrderKind
from hearthgate.certificates.acme.limits import PRODUCTION, STAGING, limits_of
from hearthgate.certificates.acme.registered import registered

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ACCOUNT = "https://ca.example/acct/1"


def ledger() -> Ledger:
    return Ledger(PRODUCTION, registered)


def ask(*names: str, kind: OrderKind = OrderKind.NEW, account: str = ACCOUNT) -> Ask:
    return Ask(account=account, names=names, kind=kind)


def after(**passed: float) -> datetime:
    return NOW + timedelta(**passed)


def test_five_times_the_same_names_in_a_week() -> None:
    books, one = ledger(), ask("www.example.org", "example.org")
    for _ in range(5):
        assert books.allowed(one, NOW) is None
        books.took(one, NOW)
    wait = books.allowed(ask("EXAMPLE.org", "www.example.org"), NOW)
    assert wait is not None
    assert wait.until == after(hours=33, minutes=36)
    assert "5 certificates for exactly the same names in 7 days" in wait.reason
    assert books.allowed(ask("example.org"), NOW) is None


def test_fifty_certificates_below_a_domain() -> None:
    books = ledger()
    for number in range(50):
        books.took(ask(f"host{number}.example.co.uk"), NOW)
    wait = books.allowed(ask("another.example.co.uk"), NOW)
    assert wait is not None
    assert "50 certificates for example.co.uk and names below it" in wait.reason
    assert wait.until == after(seconds=7 * 24 * 3600 / 50)
    assert books.allowed(ask("another.other.co.uk"), NOW) is None


def test_three_hundred_orders_of_an_account() -> None:
    books = ledger()
    for number in range(300):
        books.took(ask(f"site{number}.example{number}.org"), NOW)
    wait = books.allowed(ask("new.example"), NOW)
    assert wait is not None
    assert wait.until == after(seconds=36)
    assert books.allowed(ask("new.example", account="another"), NOW) is None


def test_failed_proofs() -> None:
    books = ledger()
    for _ in range(5):
        books.failed(ACCOUNT, "bad.example.org", NOW)
    wait = books.allowed(ask("good.example.org", "*.bad.example.org"), NOW)
    assert wait is not None
    assert wait.until == after(minutes=12)
    assert "5 failed proofs of bad.example.org in 1 h" in wait.reason
    assert ACCOUNT not in wait.reason
    assert books.allowed(ask("good.example.org"), NOW) is None


def test_a_renewal_counts_for_less_and_a_replacement_for_nothing() -> None:
    books = ledger()
    for number in range(50):
        books.took(ask(f"host{number}.example.org"), NOW)
    assert books.allowed(ask("host1.example.org"), NOW) is not None
    assert books.allowed(ask("host1.example.org", kind=OrderKind.RENEWAL), NOW) is None
    for _ in range(4):
        books.took(ask("host1.example.org", kind=OrderKind.RENEWAL), NOW)
    assert books.allowed(ask("host1.example.org", kind=OrderKind.RENEWAL), NOW) is not None
    replacement = ask("host1.example.org", kind=OrderKind.REPLACEMENT)
    assert books.allowed(replacement, NOW) is None
    books.took(replacement, NOW)
    assert replacement.plain.kind is OrderKind.RENEWAL


def test_an_order_without_a_certificate_gives_back() -> None:
    books, one = ledger(), ask("example.org")
    for _ in range(20):
        assert books.allowed(one, NOW) is None
        books.took(one, NOW)
        books.gave_back(one, NOW)


@pytest.mark.parametrize(
    ("detail", "blocked", "free"),
    [
        (
            'too many certificates (50) already issued for "example.org" in the last 168h0m0s, retry after then',
            ("other.example.org",),
            ("example.net",),
        ),
        (
            "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
            ("www.example.org",),
            ("other.example.org",),
        ),
        (
            'too many failed authorizations (5) for "www.example.org" in the last 1h0m0s, retry after then',
            ("www.example.org", "more.example.org"),
            ("more.example.org",),
        ),
        (
            "Your account is temporarily prevented from requesting certificates for www.example.org",
            ("www.example.org",),
            ("other.example.org",),
        ),
    ],
    ids=["domain", "same names", "failures", "paused"],
)
def test_a_refusal_stops_those_that_it_concerns(
    detail: str, blocked: tuple[str, ...], free: tuple[str, ...]
) -> None:
    books = Ledger({}, registered)
    wait = books.refused(ask("www.example.org"), detail, 4000.0, NOW)
    assert wait.until == after(seconds=4000)
    assert books.allowed(ask(*blocked), NOW) == wait
    assert books.allowed(ask(*free), NOW) is None
    assert books.allowed(ask(*blocked), after(seconds=4000)) is None


def test_a_refused_account_stops_its_orders() -> None:
    books = Ledger({}, registered)
    books.refused(ask("a.example"), "too many new orders (300) from this account in the last 3h0m0s", 36.0, NOW)
    assert books.allowed(ask("b.example"), NOW) is not None
    assert books.allowed(ask("b.example", account="another"), NOW) is None


def test_a_refusal_in_other_words_stops_everything() -> None:
    books = Ledger({}, registered)
    books.refused(ask("a.example"), "slow down", None, NOW)
    wait = books.allowed(ask("b.test", account="another"), NOW)
    assert wait is not None
    assert wait.until == after(hours=1)
    assert "slow down" in wait.reason


def test_a_refused_replacement_is_not_asked_again_at_once() -> None:
    books, one = ledger(), ask("a.example", kind=OrderKind.REPLACEMENT)
    books.refused(one, 'too many certificates (50) already issued for "a.example" in the last 168h', 60.0, NOW)
    assert books.allowed(one, NOW) is not None
    assert books.allowed(ask("b.a.example", kind=OrderKind.REPLACEMENT), NOW) is None


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    books, one = ledger(), ask("a.example")
    books.unavailable(600.0, NOW)
    books.unavailable(5.0, NOW)
    wait = books.allowed(one, NOW)
    assert wait is not None
    assert wait.until == after(seconds=600)


def test_new_accounts() -> None:
    books = ledger()
    for _ in range(10):
        assert books.account_allowed(NOW) is None
        books.account_took(NOW)
    wait = books.account_allowed(NOW)
    assert wait is not None
    assert wait.until == after(minutes=18)
    refused = books.account_refused("too many registrations", 7200.0, NOW)
    assert books.account_allowed(NOW) == refused


def test_books_survive_a_restart() -> None:
    books, one = ledger(), ask("a.example")
    for _ in range(5):
        books.took(one, NOW)
    books.refused(ask("b.example"), "slow down", 50.0, NOW)
    text = books.to_json(NOW)
    again = Ledger.from_json(text, PRODUCTION, registered)
    assert again.to_json(NOW) == text
    assert again.allowed(one, NOW) == books.allowed(one, NOW)
    assert b"slow down" not in again.to_json(after(minutes=1))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"version": 9, "buckets": 1}',
        b'{"buckets": {"orders x": "soon", "names y": null}, "pauses": {"*": {"until": "never"}}}',
    ],
)
def test_what_cannot_be_read_counts_as_nothing(text: bytes) -> None:
    assert Ledger.from_json(text, PRODUCTION, registered).allowed(ask("a.example"), NOW) is None


def test_one_unreadable_entry_does_not_lose_the_others() -> None:
    books = ledger()
    books.refused(ask("b.example"), "slow down", 50.0, NOW)
    text = books.to_json(NOW).replace(b'"pauses":{', b'"pauses":{"x":7,').replace(b'"version":1', b'"version":2')
    assert Ledger.from_json(text, PRODUCTION, registered).allowed(ask("a.example"), NOW) is not None


def test_whose_limits() -> None:
    assert limits_of("https://acme-v02.api.letsencrypt.org/directory") is PRODUCTION
    assert limits_of("https://acme-staging-v02.api.letsencrypt.org/directory") is STAGING
    assert not limits_of("https://127.0.0.1:14000/dir")


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("www.example.co.uk", "example.co.uk"),
        ("Example.ORG.", "example.org"),
        ("someone.github.io", "someone.github.io"),
        ("github.io", "github.io"),
        ("host.lan", "host.lan"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_registered_domains(name: str, counted: str) -> None:
    assert registered(name) == counted
