"""The syntax of Traefik 2: what each matcher means in today's words, and where a mistake is shown."""

import pytest

from hearthgate.rules.rule import Rule, RuleError, compile_rule
from hearthgate.rules.syntax import write
from hearthgate.rules.tcp import compile_tcp_rule


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Host(`a.test`)", "Host(`a.test`)"),
        ("Host(`a.test`, `b.test`)", "Host(`a.test`) || Host(`b.test`)"),
        ("Host(`a.test`, `a.test`)", "Host(`a.test`)"),
        ("hostheader(`a.test`)", "Host(`a.test`)"),
        ("HostRegexp(`a.test`)", "Host(`a.test`)"),
        ("HostRegexp(`{sub}.a.test`)", r"HostRegexp(`(?i)^[^.]+\.a\.test$`)"),
        ("HostRegexp(`{sub:[a-z]+}.a.test`)", r"HostRegexp(`(?i)^(?:[a-z]+)\.a\.test$`)"),
        ("HostRegexp(`{sub:x|y}.a.test`)", r"HostRegexp(`(?i)^(?:x|y)\.a\.test$`)"),
        ("Path(`/a`)", "Path(`/a`)"),
        ("Path(`/a/{id}`)", "PathRegexp(`^/a/[^/]+$`)"),
        ("Path(`/a/{y:[0-9]{4}}.html`)", r"PathRegexp(`^/a/(?:[0-9]{4})\.html$`)"),
        ("PathPrefix(`/a`)", "PathPrefix(`/a`)"),
        ("PathPrefix(`/{lang}/x`)", "PathRegexp(`^/[^/]+/x`)"),
        ("Method(`GET`, `POST`)", "Method(`GET`) || Method(`POST`)"),
        ("Headers(`X`, `a`)", "Header(`X`, `a`)"),
        ("Headers(`X`, `a`, `Y`, `b`)", "Header(`X`, `a`) && Header(`Y`, `b`)"),
        ("Headers(`X`, `a`, `X`, `b`)", "Header(`X`, `b`)"),
        ("HeadersRegexp(`X`, `^{a}`)", "HeaderRegexp(`X`, `^{a}`)"),
        ("Query(`k=v`)", "Query(`k`, `v`)"),
        ("Query(`k=`)", "QueryRegexp(`k`, `.*`)"),
        ("Query(`k`, `v`)", "Query(`k`, `v`)"),
        ("Query(`k=v=w`, `l={n}`)", "Query(`k`, `v=w`) && QueryRegexp(`l`, `^.*$`)"),
        ("ClientIP(`10.0.0.0/8`, `::1`)", "ClientIP(`10.0.0.0/8`) || ClientIP(`::1`)"),
        ("!Host(`a`, `b`) && Path(`/`)", "!(Host(`a`) || Host(`b`)) && Path(`/`)"),
        ("Host(`a`, `b`) && Path(`/x`, `/y`)", "(Host(`a`) || Host(`b`)) && (Path(`/x`) || Path(`/y`))"),
        ("Host(`a`, `b`) || Host(`c`)", "Host(`a`) || Host(`b`) || Host(`c`)"),
    ],
)
def test_meaning(old: str, new: str) -> None:
    rule = compile_rule(old, "v2")
    assert isinstance(rule, Rule), rule
    assert write(rule.expression) == new
    assert rule.default_priority == len(old)


@pytest.mark.parametrize(
    ("old", "position", "message"),
    [
        ("Host(`a`, `*.a.test`)", 11, "no wildcards in v2"),
        ("Host(`ä`)", 6, "not ASCII"),
        ("Host()", 1, "no arguments"),
        ("Host(`a`, ``)", 11, "empty"),
        ("Path(`/a`, `b`)", 12, "does not start with '/'"),
        ("Path(`/a/{b`)", 10, "never closed"),
        ("Path(`/a}b`)", 9, "without a '{'"),
        ("Path(`/a/{}`)", 10, "lacks a name or a pattern"),
        ("Path(`/a/{b:}`)", 10, "lacks a name or a pattern"),
        ("Path(`/a/{:x}`)", 10, "lacks a name or a pattern"),
        ("HostRegexp(`a.{b:[}`)", 15, "not a regular expression"),
        ('Path("/\\u0061/{b")', 6, "never closed"),
        ("Headers(`X`)", 9, "a value is missing"),
        ("Headers(`X`, `a`, `Y`)", 19, "a value is missing"),
        ("HeadersRegexp(`X`, `[`)", 20, "not a regular expression"),
        ("Query(`k`)", 7, "has no value"),
        ("Query(`k`, `l=v`)", 7, "has no value"),
        ("Query(`k={v:[}`)", 10, "not a regular expression"),
        ("ClientIP(`10.0.0.1`, `here`)", 22, "neither an IP address nor a CIDR"),
        ("Header(`X`, `a`)", 1, "in v2 it is Headers"),
        ("PathRegexp(`x`)", 1, "belongs to the v3 syntax"),
        ("Hosts(`x`)", 1, "did you mean 'Host'"),
    ],
)
def test_mistakes_are_shown_where_they_stand(old: str, position: int, message: str) -> None:
    result = compile_rule(old, "v2")
    assert isinstance(result, RuleError), result
    assert message in result.message
    assert result.position == position


def test_a_rule_is_another_one_in_another_syntax() -> None:
    """Equal texts: `{a}` is a placeholder in one of them only."""
    assert compile_rule("Path(`/{a}`)", "v2") != compile_rule("Path(`/{a}`)", "v3")
    assert compile_rule("Path(`/{a}`)", "v2") == compile_rule("Path(`/{a}`)", "v2")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("HostSNI(`a.test`, `b.test`)", "HostSNI(`a.test`) || HostSNI(`b.test`)"),
        ("HostSNI(`*`)", "HostSNI(`*`)"),
        ("HostSNIRegexp(`{sub}.a.test`)", r"HostSNIRegexp(`(?i)^[^.]+\.a\.test$`)"),
        ("ClientIP(`::1`, `10.0.0.1`) && ALPN(`h2`)", "(ClientIP(`::1`) || ClientIP(`10.0.0.1`)) && ALPN(`h2`)"),
    ],
)
def test_rules_about_connections(old: str, new: str) -> None:
    rule = compile_tcp_rule(old, "v2")
    assert isinstance(rule, Rule), rule
    assert write(rule.expression) == new


def test_rules_about_connections_have_no_wildcards() -> None:
    result = compile_tcp_rule("HostSNI(`*.a.test`)", "v2")
    assert isinstance(result, RuleError)
    assert "HostSNIRegexp" in result.message
