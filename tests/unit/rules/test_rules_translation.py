"""Virtual hosts and patterns for the proxy, without the proxy."""

import pytest

from hearthgate.ingress.envoy.match import can_match_domain, domain_names, domains
from hearthgate.ingress.envoy.match_atoms import value_pattern
from hearthgate.ingress.envoy.match_host import authority_pattern
from hearthgate.ingress.envoy.match_path import WirePath, path_pattern, wire_path
from hearthgate.ingress.envoy.match_query import target_pattern
from hearthgate.rules.rule import Rule, compile_rule
from hearthgate.rules.syntax import Condition


def rule(text: str) -> Rule:
    result = compile_rule(text)
    assert isinstance(result, Rule), result
    return result


def condition(text: str) -> Condition:
    ((only,),) = rule(text).conjuncts
    return only


def test_domains_are_all_named_hosts_and_the_rest() -> None:
    rules = [
        rule("Host(`b.test`) || Path(`/`)"),
        rule("!Host(`A.test`)"),
        rule("Host(`*.test`)"),
        rule("Host(`::1`)"),
    ]
    assert domains(rules) == ("*.test", "[::1]", "a.test", "b.test", "*")
    assert domains(reversed(rules)) == domains(rules)
    assert domains([]) == ("*",)


def test_a_domain_includes_its_form_with_a_dot() -> None:
    assert domain_names("a.test") == ("a.test", "a.test.")
    assert domain_names("*.a.test") == ("*.a.test", "*.a.test.")
    assert domain_names("*") == ("*",)


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        pytest.param("Host(`a.test`)", {"a.test"}, id="exact"),
        pytest.param("!Host(`a.test`)", {"x.test", "*.test", "*"}, id="not exact"),
        pytest.param("Host(`*.test`)", {"a.test", "x.test", "*.test"}, id="wildcard"),
        pytest.param("!Host(`*.test`)", {"*.test", "*"}, id="not wildcard: deeper names share its virtual host"),
        pytest.param("HostRegexp(`^a`)", {"a.test", "*.test", "*"}, id="pattern"),
        pytest.param("HostRegexp(`.*`)", {"a.test", "x.test", "*.test", "*"}, id="pattern of everything"),
        pytest.param("!HostRegexp(`.*`)", set(), id="pattern of nothing"),
        pytest.param("Path(`/`)", {"a.test", "x.test", "*.test", "*"}, id="no host"),
    ],
)
def test_which_virtual_hosts_a_conjunct_reaches(text: str, reached: set[str]) -> None:
    (conjunct,) = rule(text).conjuncts
    assert {each for each in ("a.test", "x.test", "*.test", "*") if can_match_domain(conjunct, each)} == reached


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        pytest.param("Host(`*.a-b.test`)", r"(?i)[^.:]+\.a\-b\.test\.?(?::[0-9]*)?", id="wildcard"),
        pytest.param("HostRegexp(`^.+$`)", ".+", id="any name, IPv6 addresses too"),
        pytest.param(
            "HostRegexp(`^a.[b-d]$`)",
            r"(?i)[^:]*(?:^a[^:][b-d]\.?(?::[0-9]*)?$)[^:]*(?::[0-9]*)?",
            id="part by part",
        ),
        pytest.param(
            "HostRegexp(`X|:`)", r"(?i)[^:]*(?:[^\x00-\xff]|[^\x00-\xff])[^:]*(?::[0-9]*)?", id="what no host has"
        ),
        pytest.param("HostRegexp(`(?i:X)\\d`)", r"(?i)[^:]*(?:(?:x)[0-9])[^:]*(?::[0-9]*)?", id="flags"),
    ],
)
def test_authority_pattern(text: str, pattern: str) -> None:
    assert authority_pattern(condition(text)) == pattern


@pytest.mark.parametrize(
    ("literal", "wire"),
    [
        pytest.param("/a;b", WirePath("/a;b", pattern=False), id="as it is"),
        pytest.param("/a b", WirePath("/a%20b", pattern=False), id="digits have no case"),
        pytest.param("/a.%2Fb", WirePath(r"/a\.%2[Ff]b", pattern=True), id="letters of an escape have"),
        pytest.param("/é", WirePath("/%[Cc]3%[Aa]9", pattern=True), id="beyond ASCII"),
    ],
)
def test_wire_path(literal: str, wire: WirePath) -> None:
    assert wire_path(literal) == wire


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param(r"^/[^/]+\.png$", r"\C*(?:^/[^/]+\.png$)\C*", id="as it is"),
        pytest.param(r"\Qa.b\E(?i)x", r"(?:[^%]|%\C\C)*(?:\Qa.b\E(?i)x)\C*", id="quotes and flags as they are"),
        pytest.param("^/a +b", r"\C*(?:^/a(?:%20)+b)\C*", id="escapes repeat as a whole"),
        pytest.param("(?i)a é", r"(?:[^%]|%\C\C)*(?:(?i:a)(?:%20)(?:%[Cc]3%89|%[Cc]3%[Aa]9))\C*", id="flags"),
        pytest.param("[a é]", r"(?:[^%]|%\C\C)*(?:(?:a|%20|%[Cc]3%[Aa]9))\C*", id="class"),
        pytest.param("[^é]x", r"\C*(?:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5fa-z\x7e]x)\C*", id="negated class"),
    ],
)
def test_path_pattern(pattern: str, expected: str) -> None:
    assert path_pattern(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("^a.b$", r"\C*(?:^a.b$)\C*", id="as it is"),
        pytest.param("é+", r"\C*(?:(?:\xc3\xa9)+)\C*", id="bytes repeat together"),
        pytest.param("[aé]", r"\C*(?:(?:a|\xc3\xa9))\C*", id="class"),
        pytest.param("(?i)é", r"\C*(?:(?:\xc3\x89|\xc3\xa9))\C*", id="both cases"),
    ],
)
def test_value_pattern(pattern: str, expected: str) -> None:
    assert value_pattern(pattern) == expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        pytest.param("Query(`a`)", r"[^?]*\?(?:\C*[&;])?(?:a|%61)=?(?:[&;]\C*)?", id="key"),
        pytest.param(
            "Query(`=`, `=`)", r"[^?]*\?(?:\C*[&;])?(?:%3[Dd])=(?:=|%3[Dd])(?:[&;]\C*)?", id="equals signs"
        ),
        pytest.param(
            "Query(`a`, `+ `)", r"[^?]*\?(?:\C*[&;])?(?:a|%61)=(?:%2[Bb])(?:%20|\+)(?:[&;]\C*)?", id="plus, space"
        ),
        pytest.param(
            "QueryRegexp(`a`, `^b$`)", r"[^?]*\?(?:\C*[&;])?(?:a|%61)=(?:(?:b|%6[2]))(?:[&;]\C*)?", id="pattern"
        ),
    ],
)
def test_target_pattern(text: str, pattern: str) -> None:
    assert target_pattern(condition(text)) == pattern
