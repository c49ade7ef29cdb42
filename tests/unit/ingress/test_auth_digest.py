"""Digest challenges and answers: how long a nonce is good, what is remembered, what a header may look like."""

import hashlib
import re

import pytest

from hearthgate.ingress.auth import digest
from hearthgate.ingress.auth.digest import LIFETIME, WINDOW, Attempt, DigestGuard, DigestTable, Verdict
from hearthgate.ingress.middlewares.digest import DigestUser
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from tests.unit.ingress.middleware_values import attempt, secret

HA1 = "939e7578ed9e3c518a452acee763bce9"
"""Of RFC 2617 3.5: Mufasa, testrealm@host.com, Circle Of Life."""
REALM = "testrealm@host.com"
TABLE = DigestTable({"Mufasa": DigestUser(name="Mufasa", hash=SecretBytes(HA1.encode()))}, REALM, "")
PATH = "/digest/x"


def header(challenge: str, count: int = 1, user: str = "Mufasa", nonce: str | None = None) -> Attempt:
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    given["nonce"] = given["nonce"] if nonce is None else nonce
    ha2 = hashlib.md5(b"GET:/dir/index.html").hexdigest()
    text = f"{HA1}:{given['nonce']}:{count:08x}:0a4f113b:auth:{ha2}"
    response = hashlib.md5(text.encode()).hexdigest()
    return Attempt(
        "GET",
        "/dir/index.html",
        f'Digest username="{user}", realm="{REALM}", nonce="{given["nonce"]}", uri="/dir/index.html", qop=auth, '
        f'nc={count:08x}, cnonce="0a4f113b", response="{response}", opaque="{given["opaque"]}"',
    )


@pytest.fixture
def guard() -> DigestGuard:
    return DigestGuard()


def test_a_nonce_ends(guard: DigestGuard) -> None:
    challenge = guard.challenge(PATH, TABLE, 100.0)
    assert guard.check(PATH, TABLE, header(challenge), 100.0 + LIFETIME) == Verdict("Mufasa")
    assert guard.check(PATH, TABLE, header(challenge, 2), 101.0 + LIFETIME) == Verdict(stale=True)


def test_counts_are_good_once_within_the_window(guard: DigestGuard) -> None:
    challenge = guard.challenge(PATH, TABLE, 0.0)

    def use(count: int) -> bool:
        return guard.check(PATH, TABLE, header(challenge, count), 1.0).user is not None

    assert [use(count) for count in (1, 3, 2, 2, 3, 0)] == [True, True, True, False, False, False]
    assert use(WINDOW + 50)
    assert [use(49), use(50), use(51), use(51)] == [False, False, True, False]
    assert use(10 * WINDOW)
    assert not use(WINDOW + 50)


def test_of_forgotten_nonces_none_is_good_again(guard: DigestGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "MAX_NONCES", 2)
    challenges = [guard.challenge(PATH, TABLE, float(moment)) for moment in range(1, 4)]
    for challenge in challenges:
        assert guard.check(PATH, TABLE, header(challenge), 5.0).user == "Mufasa"
    assert guard.check(PATH, TABLE, header(challenges[0]), 5.0) == Verdict(stale=True)
    assert guard.check(PATH, TABLE, header(challenges[2], 2), 5.0).user == "Mufasa"


def test_a_nonce_of_another_process_is_stale(guard: DigestGuard) -> None:
    challenge = DigestGuard().challenge(PATH, TABLE, 0.0)
    assert guard.check(PATH, TABLE, header(challenge), 1.0) == Verdict(stale=True)


@pytest.mark.parametrize(
    "change",
    [
        {"user": "Scar"},
        {"nonce": "0" * 62 + "é"},
        {"nonce": ""},
    ],
    ids=["unknown user", "no ASCII", "empty nonce"],
)
def test_refused(guard: DigestGuard, change: dict[str, str]) -> None:
    verdict = guard.check(PATH, TABLE, header(guard.challenge(PATH, TABLE, 0.0), 1, **change), 1.0)
    assert verdict.user is None


@pytest.mark.parametrize(
    "text",
    ["", "Basic YTpi", "Digest", "Digest a", 'Digest a="', "Digest a=1 b=2", 'Digest a="1", a="2"', "Digest ,"],
)
def test_junk_has_no_parameters(text: str) -> None:
    assert digest.parameters(text) == {}


def test_quoted_parameters_may_hold_anything() -> None:
    assert digest.parameters(r'Digest a="x\"y, z" ,b=c') == {"a": 'x"y, z', "b": "c"}


def problems(lines: bytes, **options: str) -> tuple[Problem, ...]:
    spec = {"digestAuth": {"secret": "users", **options}}
    return attempt(spec, {"users": secret(users=lines)})[1]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (b"a:traefik:" + HA1.encode(), ""),
        (b"a:b", "line 1: is not name:realm:hash"),
        (b"a:traefik:plain-text", "line 1: the hash is not 32 hexadecimal digits"),
        (b"a:other:" + HA1.encode(), "line 1: is for another realm than 'traefik'"),
        (b"# only words", "holds no user"),
        (b"\xff:traefik:" + HA1.encode(), "line 1: is not UTF-8"),
    ],
)
def test_secrets(lines: bytes, says: str) -> None:
    found = [problem.message for problem in problems(lines)]
    assert says in "".join(found)
    assert bool(found) == bool(says)
    assert "plain-text" not in "".join(found)


def test_without_a_secret() -> None:
    assert [problem.reason for problem in attempt({"digestAuth": {}})[1]] == ["MissingField"]
    assert [problem.reason for problem in attempt({"digestAuth": {"secret": "none"}})[1]] == ["SecretNotFound"]
