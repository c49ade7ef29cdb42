"""redirectScheme and redirectRegex, asked of a real Envoy."""

from collections.abc import Iterator

import pytest

from tests.component.ingress.middleware_lab import Lab, Spec, lab

HTTPS: Spec = ("redirectScheme", {"scheme": "https", "permanent": True})
CASES: dict[str, list[Spec]] = {
    "https": [HTTPS],
    "temporary": [("redirectScheme", {"scheme": "https", "port": "443"})],
    "port": [("redirectScheme", {"scheme": "https", "port": "8443"})],
    "http": [("redirectScheme", {"scheme": "http", "permanent": True})],
    "static-proto": [("headers", {"customRequestHeaders": {"X-Forwarded-Proto": "https"}}), HTTPS],
    "static-host": [("headers", {"customRequestHeaders": {"Host": "other.test:8080"}}), HTTPS],
    "stripped": [("stripPrefix", {"prefixes": ["/api"]}), HTTPS],
    "dav": [
        (
            "redirectRegex",
            {
                "regex": "^https://(.*)/.well-known/(?:card|cal)dav",
                "replacement": "https://${1}/remote.php/dav",
                "permanent": True,
            },
        )
    ],
    "bare": [("redirectRegex", {"regex": "^https?://(?:www\\.)?(.+)", "replacement": "https://${1}"})],
    "tail": [("redirectRegex", {"regex": "/old/(.*)", "replacement": "/new/$1?p=50%25"})],
    "named": [
        ("redirectRegex", {"regex": "^http://[^/]+/(?P<what>[a-z]+)$", "replacement": "https://x.test/$what$$"})
    ],
    "regex-stripped": [
        ("stripPrefix", {"prefixes": ["/api"]}),
        ("redirectRegex", {"regex": "^http://([^/]+)/v1/(.*)", "replacement": "http://$1/v2/$2"}),
    ],
    "regex-then-headers": [
        ("redirectRegex", {"regex": "^http://([^/]+)/go$", "replacement": "http://$1/gone"}),
        ("headers", {"frameDeny": True, "customResponseHeaders": {"X-Inner": "a%b"}}),
    ],
    "headers-then-regex": [
        ("headers", {"frameDeny": True, "customResponseHeaders": {"X-Outer": "a%b"}}),
        ("redirectRegex", {"regex": "^http://([^/]+)/go$", "replacement": "http://$1/gone"}),
    ],
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("redirects"), CASES) as running:
        yield running


@pytest.mark.parametrize(
    ("case", "scope", "host", "method", "status", "location"),
    [
        ("https", "plain", "https.test", "GET", 301, "https://https.test/a%20b?q=1"),
        ("https", "plain", "https.test:8080", "GET", 301, "https://https.test/a%20b?q=1"),
        ("https", "plain", "https.test", "POST", 308, "https://https.test/a%20b?q=1"),
        ("https", "plain", "https.test", "HEAD", 308, "https://https.test/a%20b?q=1"),
        ("https", "tls", "https.test", "GET", 200, None),
        ("https", "tls", "https.test:443", "GET", 200, None),
        ("https", "tls", "https.test:8443", "GET", 301, "https://https.test/a%20b?q=1"),
        ("temporary", "plain", "temporary.test", "GET", 302, "https://temporary.test/a%20b?q=1"),
        ("temporary", "plain", "temporary.test", "PUT", 307, "https://temporary.test/a%20b?q=1"),
        ("port", "plain", "port.test", "GET", 302, "https://port.test:8443/a%20b?q=1"),
        ("port", "tls", "port.test:8443", "GET", 200, None),
        ("port", "tls", "port.test", "GET", 302, "https://port.test:8443/a%20b?q=1"),
        ("http", "tls", "http.test", "GET", 301, "http://http.test/a%20b?q=1"),
        ("http", "plain", "http.test:80", "GET", 200, None),
        ("http", "plain", "http.test:81", "GET", 301, "http://http.test/a%20b?q=1"),
        ("static-proto", "plain", "static-proto.test", "GET", 200, None),
        ("static-host", "plain", "static-host.test", "GET", 301, "https://other.test/a%20b?q=1"),
        ("static-host", "tls", "static-host.test", "GET", 301, "https://other.test/a%20b?q=1"),
    ],
)
def test_redirect_scheme(
    proxy: Lab, case: str, scope: str, host: str, method: str, status: int, location: str | None
) -> None:
    reply = proxy.ask(case, "/a%20b?q=1", scope=scope, host=host, method=method)
    assert (reply.status, reply.headers.get("location")) == (status, location)


@pytest.mark.parametrize(
    ("scope", "proto", "status"),
    [
        ("plain", "https", 301),
        ("trusted", "https", 200),
        ("trusted", "WSS", 200),
        ("trusted", "ws", 301),
        ("trusted", None, 301),
        ("trusted-tls", "http", 301),
        ("trusted-tls", "gopher", 200),
    ],
)
def test_only_trusted_peers_say_which_scheme_the_client_spoke(
    proxy: Lab, scope: str, proto: str | None, status: int
) -> None:
    # The lab's untrusted listener, as the real one, replaces what a client says.
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    reply = proxy.ask("https", scope=scope, headers=headers)
    assert reply.status == status


def test_body_is_the_status_text(proxy: Lab) -> None:
    assert proxy.ask("https").body == b"Moved Permanently"
    assert proxy.ask("temporary", method="POST").body == b"Temporary Redirect"


def test_redirect_scheme_leads_to_the_path_as_rewritten_so_far(proxy: Lab) -> None:
    assert proxy.ask("stripped", "/api/x?y=1").headers["location"] == "https://stripped.test/x?y=1"
    assert proxy.ask("stripped", "/other").headers["location"] == "https://stripped.test/other"


@pytest.mark.parametrize(
    ("case", "scope", "host", "path", "method", "status", "location"),
    [
        ("dav", "tls", None, "/.well-known/caldav", "GET", 301, "https://dav.test/remote.php/dav"),
        ("dav", "tls", None, "/.well-known/carddav?x=1", "PROPFIND", 308, "https://dav.test/remote.php/dav?x=1"),
        ("dav", "tls", None, "/.well-known/other", "GET", 200, None),
        ("dav", "plain", None, "/.well-known/caldav", "GET", 200, None),
        ("bare", "tls", None, "/a?b=c", "GET", 200, None),
        ("bare", "plain", "bare.test:8080", "/a?b=c", "GET", 302, "https://bare.test:8080/a?b=c"),
        ("tail", "plain", None, "/old/x%41?a", "POST", 307, "http://tail.test/new/xA?a?p=50%25"),
        ("named", "plain", None, "/abc", "GET", 302, "https://x.test/abc$"),
        ("named", "plain", None, "/ABC", "GET", 200, None),
        ("regex-stripped", "plain", None, "/api/v1/x?y", "GET", 302, "http://regex-stripped.test/v2/x?y"),
        ("regex-stripped", "plain", None, "/v2/x", "GET", 200, None),
    ],
)
def test_redirect_regex(
    proxy: Lab, case: str, scope: str, host: str | None, path: str, method: str, status: int, location: str | None
) -> None:
    reply = proxy.ask(case, path, scope=scope, host=host, method=method)
    assert (reply.status, reply.headers.get("location")) == (status, location)


def test_a_client_cannot_bring_its_own_location(proxy: Lab) -> None:
    reply = proxy.ask("dav", headers={"X-Hg-Location": "https://evil.test/", "X-Hg-Url": "x"})
    assert reply.status == 200
    assert reply.sent("x-hg-location") is None
    assert reply.sent("x-hg-url") is None


def test_only_middlewares_before_a_redirection_work_on_its_answer(proxy: Lab) -> None:
    outer = proxy.ask("headers-then-regex", "/go")
    assert (outer.status, outer.headers["x-outer"], outer.headers["x-frame-options"]) == (302, "a%b", "DENY")
    inner = proxy.ask("regex-then-headers", "/go")
    assert (inner.status, inner.headers.get("x-inner"), inner.headers.get("x-frame-options")) == (302, None, None)
    passed = proxy.ask("regex-then-headers", "/stay")
    assert (passed.status, passed.headers["x-inner"], passed.headers["x-frame-options"]) == (200, "a%b", "DENY")
