"""Durations, host names, selectors, secrets, problems."""

import pytest

from hearthgate.model.durations import parse_duration
from hearthgate.model.hostnames import canonical_host, host_matches, parent_wildcard
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.model.secret import SecretBytes
from hearthgate.model.selectors import parse_label_selector


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (5, 5.0),
        ("5", 5.0),
        ("1h30m", 5400.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("-2s", -2.0),
        ("10us", 1e-5),
        ("0", 0.0),
    ],
)
def test_duration(text: int | str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "5 s", "1d", "s", "1h-2m"])
def test_bad_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("A.Example.org:443", "a.example.org"),
        ("[::1]:80", "::1"),
        ("a.example.org.", "a.example.org"),
        ("::1", "::1"),
    ],
)
def test_canonical_host(authority: str, host: str) -> None:
    assert canonical_host(authority) == host


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("a.org", "a.org", True),
        ("A.org", "a.org", True),
        ("*.a.org", "x.a.org", True),
        ("*.a.org", "a.org", False),
        ("*.a.org", "x.y.a.org", False),
        ("*", "a", False),
    ],
)
def test_host_matches(pattern: str, host: str, matches: bool) -> None:
    assert host_matches(pattern, host) is matches


def test_parent_wildcard() -> None:
    assert parent_wildcard("a.b.c") == "*.b.c"
    assert parent_wildcard("localhost") is None


LABELS = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=db", False),
        ("app!=db", True),
        ("env!=prod", True),
        ("app in (web, db)", True),
        ("app notin (web)", False),
        ("app", True),
        ("!app", False),
        ("!env,app=web", True),
    ],
)
def test_label_selector(selector: str, matches: bool) -> None:
    assert parse_label_selector(selector).matches(LABELS) is matches


@pytest.mark.parametrize("selector", ["a=b,", "a in b", "=x", "a=b c"])
def test_bad_label_selector(selector: str) -> None:
    with pytest.raises(ValueError, match="label selector"):
        parse_label_selector(selector)


def test_secret_is_blank_wherever_it_is_printed() -> None:
    secret = SecretBytes(b"hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret == SecretBytes(b"hunter2")
    assert secret.fingerprint() == SecretBytes(b"hunter2").fingerprint() != SecretBytes(b"hunter3").fingerprint()


def test_problem_says_who_where_what() -> None:
    problem = Problem(
        ref=ObjectRef("IngressRoute", "default", "blog"),
        field="spec.routes[0].match",
        reason=Reason.INVALID_RULE,
        message="unknown matcher 'Hosts' (did you mean 'Host'?)",
    )
    expected = "IngressRoute default/blog: spec.routes[0].match: unknown matcher 'Hosts' (did you mean 'Host'?)"
    assert str(problem) == expected
    assert str(Source("a.yaml", 3)) == "a.yaml:3"


def test_suggestions_and_short_values() -> None:
    assert did_you_mean("entryPoint", ["entryPoints", "routes"]) == " (did you mean 'entryPoints'?)"
    assert did_you_mean("zzz", ["entryPoints"]) == ""
    assert len(shorten("x" * 500)) == 80
