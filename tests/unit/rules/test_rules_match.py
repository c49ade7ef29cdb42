"""What each matcher means, request by request."""

import pytest

from hearthgate.rules.match import Request, matches
from hearthgate.rules.parser import parse
from hearthgate.rules.paths import query_values, routing_path


def asked(text: str, request: Request) -> bool:
    return matches(parse(text), request)


@pytest.mark.parametrize(
    ("text", "authority", "expected"),
    [
        pytest.param("Host(`a.test`)", "a.test", True, id="equal"),
        pytest.param("Host(`a.test`)", "A.Test", True, id="request in capitals"),
        pytest.param("Host(`A.TEST`)", "a.test", True, id="rule in capitals"),
        pytest.param("Host(`a.test`)", "a.test:8443", True, id="with port"),
        pytest.param("Host(`a.test`)", "a.test.", True, id="request with a dot"),
        pytest.param("Host(`a.test.`)", "a.test", True, id="rule with a dot"),
        pytest.param("Host(`a.test`)", "a.test.:80", True, id="dot and port"),
        pytest.param("Host(`a.test`)", "b.a.test", False, id="not below"),
        pytest.param("Host(`a.test`)", "test", False, id="not above"),
        pytest.param("Host(`a.test`)", "", False, id="no host"),
        pytest.param("Host(`a.test:80`)", "a.test:80", False, id="rules have no ports"),
        pytest.param("Host(`*`)", "", True, id="star and no host"),
        pytest.param("Host(`*`)", "a.b.c", True, id="star"),
        pytest.param("Host(`*.a.test`)", "x.a.test", True, id="wildcard"),
        pytest.param("Host(`*.a.test`)", "X.A.Test.:1", True, id="wildcard, as the wire may write it"),
        pytest.param("Host(`*.a.test`)", "a.test", False, id="wildcard needs a label"),
        pytest.param("Host(`*.a.test`)", "x.y.a.test", False, id="wildcard takes one label"),
        pytest.param("Host(`*.a.test`)", ".a.test", False, id="wildcard takes no empty label"),
        pytest.param("Host(`::1`)", "[::1]:80", True, id="IPv6"),
        pytest.param("Host(`[::1]`)", "[::1]", False, id="IPv6 is named without brackets"),
        pytest.param("HostRegexp(`a`)", "xay", True, id="pattern is searched"),
        pytest.param("HostRegexp(`^a$`)", "xay", False, id="pattern with anchors"),
        pytest.param("HostRegexp(`^a$`)", "A:80", True, id="pattern sees the canonical host"),
        pytest.param("HostRegexp(`80`)", "a:80", False, id="pattern does not see the port"),
        pytest.param("HostRegexp(`[A-Z]`)", "ABC", False, id="capitals never match"),
        pytest.param("HostRegexp(`(?i)ABC`)", "abc", True, id="pattern with a flag"),
        pytest.param("HostRegexp(`^.+$`)", "", False, id="any host but none"),
        pytest.param("!Host(`a`)", "b", True, id="negated"),
    ],
)
def test_host(text: str, authority: str, expected: bool) -> None:
    assert asked(text, Request(authority=authority)) is expected


def test_an_absolute_target_names_the_host() -> None:
    request = Request(authority="b.test", target="http://A.test:80/p?q=1")
    assert asked("Host(`a.test`) && Path(`/p`) && Query(`q`, `1`)", request)
    assert asked("Host(`a.test`) && Path(`/`)", Request(authority="b.test", target="http://a.test"))
    assert asked("Path(`/http://x`)", Request(target="/http:%2F%2Fx")) is False


@pytest.mark.parametrize(
    ("target", "path"),
    [
        pytest.param("/", "/", id="root"),
        pytest.param("/a?b/c", "/a", id="without query"),
        pytest.param("/%61%2D%7E", "/a-~", id="unreserved is decoded"),
        pytest.param("/a%20b", "/a b", id="space is decoded"),
        pytest.param("/%C3%A9%c3%a9", "/éé", id="beyond ASCII is decoded"),
        pytest.param("/a%2fb", "/a%2Fb", id="reserved stays, in upper case"),
        pytest.param("/a%3b%25%3A", "/a%3B%25%3A", id="reserved stays"),
        pytest.param("/a;b:c@d", "/a;b:c@d", id="reserved and raw"),
        pytest.param("/%22%5C%7B", '/"\\{', id="neither is decoded"),
        pytest.param("//a///b", "/a/b", id="slashes merge"),
        pytest.param("/a/./b", "/a/b", id="dot"),
        pytest.param("/a/../b", "/b", id="two dots"),
        pytest.param("/a/%2E%2e/b", "/b", id="escaped dots"),
        pytest.param("/../../a", "/a", id="above the root"),
        pytest.param("/a/..%2Fb", "/a/..%2Fb", id="escaped slash is no slash"),
        pytest.param("/a/", "/a/", id="trailing slash stays"),
        pytest.param("/a//", "/a/", id="trailing slashes merge"),
        pytest.param("/a/.", "/a", id="trailing dot"),
        pytest.param("/%ff", "/\ufffd", id="no UTF-8"),
        pytest.param("/a%2", "/a%2", id="malformed"),
    ],
)
def test_routing_path(target: str, path: str) -> None:
    assert routing_path(target) == path


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        pytest.param("Path(`/api`)", "/api", True, id="path"),
        pytest.param("Path(`/api`)", "/api/", False, id="path and slash"),
        pytest.param("Path(`/api`)", "/API", False, id="paths have case"),
        pytest.param("Path(`/api`)", "/api?x=1", True, id="path and query"),
        pytest.param("Path(`/a b`)", "/a%20b", True, id="path, decoded"),
        pytest.param("Path(`/a%20b`)", "/a%20b", False, id="path, escaped in the rule"),
        pytest.param("Path(`/a%2Fb`)", "/a%2fb", True, id="path with an escaped slash"),
        pytest.param("Path(`/a/b`)", "/a%2Fb", False, id="an escaped slash is none"),
        pytest.param("PathPrefix(`/api`)", "/api/v1", True, id="prefix"),
        pytest.param("PathPrefix(`/api`)", "/apiary", True, id="prefix knows no segments"),
        pytest.param("PathPrefix(`/api/`)", "/api", False, id="prefix longer than the path"),
        pytest.param("PathPrefix(`/x`)", "/?/x", False, id="prefix is not sought in the query"),
        pytest.param("PathRegexp(`pi$`)", "/api?x", True, id="pattern at the end of the path"),
        pytest.param("PathRegexp(`x`)", "/a?x", False, id="pattern does not see the query"),
        pytest.param("PathRegexp(`^/a b$`)", "/a%20b", True, id="pattern on the decoded path"),
        pytest.param("PathRegexp(`(?i)API`)", "/api", True, id="pattern with a flag"),
    ],
)
def test_path(text: str, target: str, expected: bool) -> None:
    assert asked(text, Request(target=target)) is expected


@pytest.mark.parametrize(
    ("target", "values"),
    [
        pytest.param("/", (), id="none"),
        pytest.param("/?", (), id="empty"),
        pytest.param("/?a", (("a", ""),), id="key alone"),
        pytest.param("/?a=1&b=2&a=3", (("a", "1"), ("b", "2"), ("a", "3")), id="several"),
        pytest.param("/?a=1;b=2", (("a", "1"), ("b", "2")), id="semicolons"),
        pytest.param("/?a=b=c", (("a", "b=c"),), id="the first equals sign counts"),
        pytest.param("/?a+b=c%20d", (("a b", "c d"),), id="spaces"),
        pytest.param("/?a=%26%3d", (("a", "&="),), id="escapes"),
        pytest.param("/?a=%zz&b=1", (("b", "1"),), id="a malformed pair is lost"),
        pytest.param("/?&&a=1&", (("a", "1"),), id="empty pairs"),
    ],
)
def test_query_values(target: str, values: tuple[tuple[str, str], ...]) -> None:
    assert query_values(target) == values


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        pytest.param("Query(`k`)", "k", True, id="key alone"),
        pytest.param("Query(`k`)", "k=", True, id="key with an empty value"),
        pytest.param("Query(`k`)", "k=v", False, id="key with a value"),
        pytest.param("Query(`k`)", "", False, id="key missing"),
        pytest.param("Query(`k`, `v`)", "k=v", True, id="value"),
        pytest.param("Query(`k`, `v`)", "k=w&k=v", True, id="any of the values"),
        pytest.param("Query(`k`, `v`)", "k=vv", False, id="whole value"),
        pytest.param("Query(`k`, `a b`)", "k=a+b", True, id="space"),
        pytest.param("Query(`K`, `v`)", "k=v", False, id="keys have case"),
        pytest.param("QueryRegexp(`k`)", "k=v", False, id="QueryRegexp with a key is Query"),
        pytest.param("QueryRegexp(`k`, `b`)", "k=abc", True, id="pattern is searched"),
        pytest.param("QueryRegexp(`k`, `^b`)", "k=abc", False, id="pattern with an anchor"),
        pytest.param("QueryRegexp(`k`, `^$`)", "k", True, id="pattern of an empty value"),
        pytest.param("QueryRegexp(`k`, `.*`)", "j=1", False, id="pattern of a missing key"),
        pytest.param("!Query(`k`, `v`)", "", True, id="negated, missing"),
    ],
)
def test_query(text: str, query: str, expected: bool) -> None:
    assert asked(text, Request(target=f"/?{query}")) is expected


@pytest.mark.parametrize(
    ("text", "headers", "expected"),
    [
        pytest.param("Header(`X-A`, `v`)", (("x-a", "v"),), True, id="names have no case"),
        pytest.param("Header(`X-A`, `v`)", (("X-A", "V"),), False, id="values have case"),
        pytest.param("Header(`X-A`, `v`)", (("X-A", "w"), ("X-A", "v")), True, id="any of the lines"),
        pytest.param("Header(`X-A`, `v`)", (("X-A", "v, w"),), False, id="whole value"),
        pytest.param("Header(`X-A`, `v`)", (), False, id="missing"),
        pytest.param("Header(`Host`, `a`)", (("Host", "a"),), False, id="Host is no header"),
        pytest.param("HeaderRegexp(`X-A`, `b`)", (("X-A", "abc"),), True, id="pattern is searched"),
        pytest.param("HeaderRegexp(`X-A`, `.*`)", (), False, id="pattern of a missing header"),
        pytest.param("HeaderRegexp(`X-A`, `^$`)", (("X-A", ""),), True, id="pattern of an empty value"),
        pytest.param("!HeaderRegexp(`X-A`, `.*`)", (), True, id="negated, missing"),
    ],
)
def test_header(text: str, headers: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert asked(text, Request(headers=headers)) is expected


@pytest.mark.parametrize(
    ("text", "client", "expected"),
    [
        pytest.param("ClientIP(`10.0.0.1`)", "10.0.0.1", True, id="address"),
        pytest.param("ClientIP(`10.0.0.1`)", "10.0.0.2", False, id="other address"),
        pytest.param("ClientIP(`10.1.2.3/8`)", "10.9.9.9", True, id="host bits are ignored"),
        pytest.param("ClientIP(`fd00::/8`)", "fd12::1", True, id="IPv6"),
        pytest.param("ClientIP(`fe80::1`)", "fe80::1%eth0", True, id="the peer's zone is ignored"),
        pytest.param("ClientIP(`10.0.0.1`)", "::ffff:10.0.0.1", True, id="peer is IPv4 in IPv6"),
        pytest.param("ClientIP(`::ffff:10.0.0.0/104`)", "10.1.1.1", True, id="rule is IPv4 in IPv6"),
        pytest.param("ClientIP(`0.0.0.0/0`)", "fd00::1", False, id="every IPv4 address"),
        pytest.param("ClientIP(`0.0.0.0/0`)", "", False, id="no address"),
        pytest.param("!ClientIP(`0.0.0.0/0`)", "nonsense", True, id="negated, no address"),
    ],
)
def test_client_ip(text: str, client: str, expected: bool) -> None:
    assert asked(text, Request(client_ip=client)) is expected


@pytest.mark.parametrize(
    ("text", "method", "expected"),
    [
        pytest.param("Method(`get`)", "GET", True, id="rule in lower case"),
        pytest.param("Method(`GET`)", "get", False, id="request in lower case"),
        pytest.param("Method(`GET`)", "HEAD", False, id="HEAD is not GET"),
        pytest.param("Method(`PURGE`)", "PURGE", True, id="any method"),
    ],
)
def test_method(text: str, method: str, expected: bool) -> None:
    assert asked(text, Request(method=method)) is expected


def test_forwarded_addresses_are_not_the_client() -> None:
    headers = (("X-Forwarded-For", "10.0.0.1"), ("X-Real-Ip", "10.0.0.1"))
    assert not asked("ClientIP(`10.0.0.1`)", Request(client_ip="192.0.2.1", headers=headers))
