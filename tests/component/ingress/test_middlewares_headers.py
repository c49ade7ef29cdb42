"""The headers middleware, asked of a real Envoy: custom, security and CORS headers, hosts, and their order."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.component.ingress.middleware_lab import Lab, Spec, lab

CORS: Mapping[str, Any] = {
    "accessControlAllowOriginList": ["https://a.test", "https://b.test"],
    "accessControlAllowOriginListRegex": ["^https://[a-z]+\\.c\\.test$"],
    "accessControlAllowMethods": ["GET", "PUT"],
    "accessControlAllowHeaders": ["X-A", "X-B"],
    "accessControlExposeHeaders": ["X-C"],
    "accessControlMaxAge": 100,
    "addVaryHeader": True,
}
STAR: Mapping[str, Any] = {
    "accessControlAllowCredentials": True,
    "accessControlAllowOriginList": ["*"],
    "accessControlAllowMethods": ["*"],
    "accessControlAllowHeaders": ["*"],
    "accessControlExposeHeaders": ["*"],
}
CASES: dict[str, list[Spec]] = {
    "request": [
        (
            "headers",
            {
                "customRequestHeaders": {
                    "X-Set": "a%b",
                    "X-Gone": "",
                    "Host": "backend.internal",
                    "X-Forwarded-For": "9.9.9.9",
                }
            },
        )
    ],
    "hidden": [("headers", {"customRequestHeaders": {"X-Forwarded-For": ""}})],
    "response": [("headers", {"customResponseHeaders": {"X-Set": "ü 100%", "Server": "", "X-Twice": "one"}})],
    "secure": [
        (
            "headers",
            {
                "frameDeny": True,
                "contentTypeNosniff": True,
                "browserXssFilter": True,
                "contentSecurityPolicy": "default-src 'self'; img-src https://x/%20",
                "contentSecurityPolicyReportOnly": "default-src 'none'",
                "referrerPolicy": "same-origin",
                "permissionsPolicy": "camera=()",
                "publicKey": "pin-sha256=x",
                "stsSeconds": 31536000,
                "stsIncludeSubdomains": True,
                "stsPreload": True,
            },
        )
    ],
    "custom-secure": [
        ("headers", {"frameDeny": True, "customFrameOptionsValue": "SAMEORIGIN", "customBrowserXSSValue": "0"})
    ],
    "overruled": [("headers", {"frameDeny": True, "customResponseHeaders": {"X-Frame-Options": ""}})],
    "forced": [("headers", {"stsSeconds": 10, "forceSTSHeader": True})],
    "proxied": [("headers", {"stsSeconds": 10, "sslProxyHeaders": {"X-Spoken": "tls", "X-Other": "y"}})],
    "development": [
        (
            "headers",
            {
                "stsSeconds": 10,
                "forceSTSHeader": True,
                "allowedHosts": ["no.test"],
                "frameDeny": True,
                "isDevelopment": True,
            },
        )
    ],
    "hosts": [
        (
            "headers",
            {
                "allowedHosts": ["hosts.test", "Good.test"],
                "hostsProxyHeaders": ["X-First", "X-Second"],
                "frameDeny": True,
                "customResponseHeaders": {"X-Outer": "o"},
            },
        )
    ],
    "static-host": [
        ("headers", {"customRequestHeaders": {"Host": "a.test"}, "allowedHosts": ["b.test"]}),
    ],
    "cors": [("headers", CORS)],
    "star": [("headers", STAR)],
    "plain-star": [("headers", {"accessControlAllowOriginList": ["https://a.test", "*"]})],
    "no-cors": [("headers", {"frameDeny": True})],
    "outer-inner": [
        ("headers", {"customResponseHeaders": {"X-Who": "outer", "X-Outer": "o"}}),
        ("headers", {"customResponseHeaders": {"X-Who": "inner", "X-Inner": "i"}, **CORS}),
    ],
    "later-request": [
        ("headers", {"customRequestHeaders": {"X-A": "1"}}),
        ("headers", {"customRequestHeaders": {"X-A": "2"}}),
    ],
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("headers"), CASES) as running:
        yield running


def test_request_headers_are_set_and_removed(proxy: Lab) -> None:
    reply = proxy.ask("request", headers=[("X-Set", "old"), ("X-Set", "older"), ("X-Gone", "1")])
    assert reply.sent("x-set") == "a%b"
    assert reply.sent("x-gone") is None
    assert reply.sent("host") == "backend.internal"
    assert reply.sent("x-forwarded-for") == "9.9.9.9,127.0.0.1"


def test_an_empty_forwarded_for_hides_the_client(proxy: Lab) -> None:
    assert (
        proxy.ask("hidden", scope="trusted", headers={"X-Forwarded-For": "1.1.1.1"}).sent("x-forwarded-for")
        is None
    )
    assert proxy.ask("later-request").sent("x-forwarded-for") == "127.0.0.1"


def test_the_last_request_header_wins(proxy: Lab) -> None:
    assert proxy.ask("later-request").sent("x-a") == "2"


def test_response_headers_are_set_and_removed(proxy: Lab) -> None:
    reply = proxy.ask("response", answer={"headers": {"Server": "nginx", "X-Twice": "backend"}})
    assert reply.headers["x-set"].encode("latin-1").decode() == "ü 100%"
    assert reply.headers.get("server") is None
    assert reply.headers.get_all("x-twice") == ["one"]


SECURE = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "x-xss-protection": "1; mode=block",
    "content-security-policy": "default-src 'self'; img-src https://x/%20",
    "content-security-policy-report-only": "default-src 'none'",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=()",
}
ON_TLS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "public-key-pins": "pin-sha256=x",
}


def test_security_headers_replace_those_of_the_backend(proxy: Lab) -> None:
    names = {**SECURE, **ON_TLS}
    reply = proxy.ask("secure", scope="tls", answer={"headers": dict.fromkeys(names, "backend")})
    assert {name: reply.headers.get_all(name) for name in names} == {name: [names[name]] for name in names}


def test_hsts_and_pins_are_for_tls_alone(proxy: Lab) -> None:
    reply = proxy.ask("secure", scope="plain")
    assert {name: reply.headers.get(name) for name in (*SECURE, *ON_TLS)} == {**SECURE, **dict.fromkeys(ON_TLS)}
    assert proxy.ask("forced").headers["strict-transport-security"] == "max-age=10"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-Spoken": "plain"}, None),
        ({"X-Spoken": "tls"}, "max-age=10"),
        ({"X-Other": "y"}, "max-age=10"),
    ],
)
def test_a_proxy_before_us_says_that_the_client_spoke_tls(
    proxy: Lab, headers: Mapping[str, str], expected: str | None
) -> None:
    assert proxy.ask("proxied", headers=headers).headers.get("strict-transport-security") == expected


def test_custom_values_win_and_custom_headers_have_the_last_word(proxy: Lab) -> None:
    reply = proxy.ask("custom-secure")
    assert (reply.headers["x-frame-options"], reply.headers["x-xss-protection"]) == ("SAMEORIGIN", "0")
    assert proxy.ask("overruled").headers.get("x-frame-options") is None


def test_development_leaves_out_hosts_and_hsts(proxy: Lab) -> None:
    reply = proxy.ask("development", scope="tls")
    assert reply.status == 200
    assert reply.headers.get("strict-transport-security") is None
    assert reply.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ({}, "hosts.test", 200),
        ({}, "HOSTS.test", 200),
        ({}, "hosts.test:8080", 500),
        ({"X-First": "good.test"}, "hosts.test", 200),
        ({"X-First": "bad.test"}, "hosts.test", 500),
        ({"X-First": "bad.test", "X-Second": "good.test"}, "hosts.test", 500),
        ({"X-First": "", "X-Second": "good.test"}, "hosts.test", 200),
        ({"X-Second": "bad.test"}, "hosts.test", 500),
    ],
)
def test_allowed_hosts(proxy: Lab, headers: Mapping[str, str], host: str, status: int) -> None:
    reply = proxy.ask("hosts", headers=headers, host=host)
    assert reply.status == status
    assert reply.headers["x-outer"] == "o"
    # The security headers stand behind the check of the host.
    assert reply.headers.get("x-frame-options") == ("DENY" if status == 200 else None)


def test_the_host_as_changed_before_is_what_counts(proxy: Lab) -> None:
    assert proxy.ask("static-host").status == 500


def preflight(proxy: Lab, case: str, origin: str, **more: str) -> Mapping[str, str | None]:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT", **more}
    reply = proxy.ask(case, method="OPTIONS", headers=headers)
    assert (reply.status, reply.body, reply.seen) == (200, b"", None)
    assert reply.headers["content-length"] == "0"
    names = ("allow-origin", "allow-methods", "allow-headers", "allow-credentials", "max-age", "expose-headers")
    return {name: reply.headers.get(f"access-control-{name}") for name in names}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.test", "https://a.test"),
        ("https://b.test", "https://b.test"),
        ("https://xyz.c.test", "https://xyz.c.test"),
        ("https://evil.test", None),
    ],
)
def test_preflights_are_answered_at_once(proxy: Lab, origin: str, allowed: str | None) -> None:
    assert preflight(proxy, "cors", origin) == {
        "allow-origin": allowed,
        "allow-methods": "GET,PUT",
        "allow-headers": "X-A,X-B",
        "allow-credentials": None,
        "max-age": "100",
        "expose-headers": None,
    }


def test_preflights_with_credentials_echo_what_is_asked(proxy: Lab) -> None:
    assert preflight(proxy, "star", "https://x.test", **{"Access-Control-Request-Headers": "X-Q, X-R"}) == {
        "allow-origin": "https://x.test",
        "allow-methods": "PUT",
        "allow-headers": "X-Q, X-R",
        "allow-credentials": "true",
        "max-age": None,
        "expose-headers": None,
    }


@pytest.mark.parametrize(
    ("case", "method", "headers"),
    [
        ("no-cors", "OPTIONS", {"Origin": "https://a.test", "Access-Control-Request-Method": "PUT"}),
        ("cors", "OPTIONS", {"Origin": "https://a.test"}),
        ("cors", "OPTIONS", {"Access-Control-Request-Method": "PUT"}),
        ("cors", "GET", {"Origin": "https://a.test", "Access-Control-Request-Method": "PUT"}),
    ],
)
def test_other_requests_go_to_the_backend(proxy: Lab, case: str, method: str, headers: Mapping[str, str]) -> None:
    assert proxy.ask(case, method=method, headers=headers).seen is not None


@pytest.mark.parametrize(
    ("case", "origin", "expected"),
    [
        ("cors", "https://a.test", {"allow-origin": "https://a.test", "expose-headers": "X-C", "vary": "Origin"}),
        (
            "cors",
            "https://z.c.test",
            {"allow-origin": "https://z.c.test", "expose-headers": "X-C", "vary": "Origin"},
        ),
        ("cors", "https://evil.test", {"allow-origin": None, "expose-headers": "X-C", "vary": "Origin"}),
        ("cors", None, {"allow-origin": None, "expose-headers": "X-C", "vary": "Origin"}),
        (
            "star",
            "https://x.test",
            {"allow-origin": "https://x.test", "allow-credentials": "true", "expose-headers": None},
        ),
        ("plain-star", None, {"allow-origin": "*", "vary": None}),
        ("plain-star", "https://a.test", {"allow-origin": "https://a.test"}),
        ("plain-star", "https://x.test", {"allow-origin": "*"}),
    ],
)
def test_answers_carry_cors_headers(
    proxy: Lab, case: str, origin: str | None, expected: Mapping[str, str | None]
) -> None:
    reply = proxy.ask(case, headers={"Origin": origin} if origin else {})
    found = {name: reply.headers.get(name if name == "vary" else f"access-control-{name}") for name in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("vary", "expected"),
    [("Origin", "Origin"), ("Accept", "Accept,Origin"), ("Origin, Accept", "Origin, Accept,Origin")],
)
def test_vary_is_extended(proxy: Lab, vary: str, expected: str) -> None:
    assert proxy.ask("cors", answer={"headers": {"Vary": vary}}).headers.get_all("vary") == [expected]


def test_the_backends_allowed_origin_is_replaced(proxy: Lab) -> None:
    backend = {"headers": {"Access-Control-Allow-Origin": "*"}}
    reply = proxy.ask("cors", headers={"Origin": "https://a.test"}, answer=backend)
    assert reply.headers.get_all("access-control-allow-origin") == ["https://a.test"]


def test_the_first_listed_has_the_last_word_on_answers(proxy: Lab) -> None:
    reply = proxy.ask("outer-inner")
    assert (reply.headers["x-who"], reply.headers["x-outer"], reply.headers["x-inner"]) == ("outer", "o", "i")
    preflighted = proxy.ask(
        "outer-inner",
        method="OPTIONS",
        headers={"Origin": "https://a.test", "Access-Control-Request-Method": "PUT"},
    )
    assert (preflighted.headers["x-outer"], preflighted.headers.get("x-inner")) == ("o", None)
