"""The normal form: what is left of a rule when everything has been said once."""

import pytest

from hearthgate.rules.normal import conjuncts
from hearthgate.rules.parser import parse
from hearthgate.rules.syntax import write


def normal(text: str) -> list[str]:
    return [" && ".join(map(write, conjunct)) for conjunct in conjuncts(parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Host(`a`)", ["Host(`a`)"], id="one condition"),
        pytest.param("!!Host(`a`)", ["Host(`a`)"], id="double negation"),
        pytest.param("!(Host(`a`) || Path(`/p`))", ["!Host(`a`) && !Path(`/p`)"], id="De Morgan, or"),
        pytest.param("!(Host(`a`) && Path(`/p`))", ["!Host(`a`)", "!Path(`/p`)"], id="De Morgan, and"),
        pytest.param(
            "Host(`a`) && (Path(`/p`) || Path(`/q`))",
            ["Host(`a`) && Path(`/p`)", "Host(`a`) && Path(`/q`)"],
            id="distribution",
        ),
        pytest.param("Host(`A.`) && Host(`a`)", ["Host(`a`)"], id="one spelling of hosts"),
        pytest.param("Method(`get`) && Method(`GET`)", ["Method(`GET`)"], id="one spelling of methods"),
        pytest.param("Header(`X-A`, `V`)", ["Header(`x-a`, `V`)"], id="one spelling of header names"),
        pytest.param("ClientIP(`10.1.2.3/8`)", ["ClientIP(`10.0.0.0/8`)"], id="host bits dropped"),
        pytest.param("ClientIP(`::ffff:10.0.0.1`)", ["ClientIP(`10.0.0.1/32`)"], id="IPv4 in IPv6"),
        pytest.param("QueryRegexp(`k`)", ["Query(`k`)"], id="QueryRegexp without pattern"),
        pytest.param("Host(`a`) && Host(`b`)", [], id="two hosts at once"),
        pytest.param("Host(`a.b`) && Host(`*.b`)", ["Host(`a.b`)"], id="exact within wildcard"),
        pytest.param("Host(`b`) && Host(`*.b`)", [], id="exact outside wildcard"),
        pytest.param("Host(`*.b`) && Host(`*.c`)", [], id="two wildcards at once"),
        pytest.param("Host(`a`) && HostRegexp(`^a`)", ["Host(`a`)"], id="pattern decided by the host"),
        pytest.param("Host(`a`) && !HostRegexp(`^a`)", [], id="negated pattern decided by the host"),
        pytest.param("Host(`a`) && !Host(`b`)", ["Host(`a`)"], id="exclusion that says nothing"),
        pytest.param("Host(`*`) && Path(`/p`)", ["Path(`/p`)"], id="every host"),
        pytest.param("!Host(`*`)", [], id="no host at all"),
        pytest.param("Host(`a.*`)", [], id="no such host"),
        pytest.param("!Host(`a.*`) && Path(`/p`)", ["Path(`/p`)"], id="not what cannot be"),
        pytest.param("Host(`a`) && !Host(`a`)", [], id="contradiction"),
        pytest.param("Header(`a`, `b`) && !Header(`A`, `b`)", [], id="contradiction of headers"),
        pytest.param(
            "Header(`a`, `b`) && Header(`a`, `c`)", ["Header(`a`, `b`) && Header(`a`, `c`)"], id="two values"
        ),
        pytest.param("Header(`Host`, `a`)", [], id="Host is no header"),
        pytest.param("Header(`no name`, `a`)", [], id="no such header"),
        pytest.param("Path(`/a`) && PathPrefix(`/`)", ["Path(`/a`)"], id="prefix of a path"),
        pytest.param("Path(`/a`) && PathPrefix(`/b`)", [], id="not a prefix of the path"),
        pytest.param("Path(`/a`) && PathRegexp(`^/b`)", [], id="pattern decided by the path"),
        pytest.param("PathPrefix(`/a`) && PathPrefix(`/ab`)", ["PathPrefix(`/ab`)"], id="longer prefix"),
        pytest.param("PathPrefix(`/a`) && PathPrefix(`/b`)", [], id="two prefixes at once"),
        pytest.param("PathPrefix(`/a`) && !PathPrefix(`/b`)", ["PathPrefix(`/a`)"], id="exclusion elsewhere"),
        pytest.param(
            "PathPrefix(`/a`) && !Path(`/a/x`)", ["!Path(`/a/x`) && PathPrefix(`/a`)"], id="exclusion within"
        ),
        pytest.param("PathPrefix(`/a`) && !PathPrefix(`/`)", [], id="exclusion of everything"),
        pytest.param("PathPrefix(`/`)", [""], id="everything"),
        pytest.param("Path(`/a%20b`)", [], id="an escape that is decoded before"),
        pytest.param("Path(`/a%2fb`)", [], id="an escape in lower case"),
        pytest.param("Path(`/a%2Fb`)", ["Path(`/a%2Fb`)"], id="an escape that stays"),
        pytest.param("Path(`/a?b`)", [], id="a path with a query"),
        pytest.param("Method(`GET`) && Method(`PUT`)", [], id="two methods at once"),
        pytest.param("Host(`a`) || Host(`a`) && Path(`/p`)", ["Host(`a`)"], id="covered by a wider one"),
        pytest.param("Host(`b`) || Host(`a`) || Host(`b`)", ["Host(`a`)", "Host(`b`)"], id="sorted, once"),
    ],
)
def test_normal_form(text: str, expected: list[str]) -> None:
    assert normal(text) == expected
