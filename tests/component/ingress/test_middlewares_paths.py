"""addPrefix, stripPrefix, replacePath, replacePathRegex, alone and in sequence, asked of a real Envoy."""

from collections.abc import Iterator

import pytest

from tests.component.ingress.middleware_lab import Lab, Spec, lab

STRIP: Spec = ("stripPrefix", {"prefixes": ["/api/v1", "/api", "/my app"]})
ADD: Spec = ("addPrefix", {"prefix": "/pre fix"})
ESCAPES = ("Slash", "BackSlash", "NullCharacter", "Semicolon", "Percent", "QuestionMark", "Hash")
CASES: dict[str, list[Spec]] = {
    "add": [ADD],
    "strip": [STRIP],
    "slash": [("stripPrefix", {"prefixes": ["/api/"]})],
    "strip-add": [STRIP, ADD],
    "add-strip": [("addPrefix", {"prefix": "/api/v1"}), STRIP],
    "strip-strip": [STRIP, ("stripPrefix", {"prefixes": ["/x", "/y"]})],
    "replace": [("replacePath", {"path": "/fixed/%2F b"})],
    "strip-replace": [STRIP, ("replacePath", {"path": "/fixed"})],
    "replace-strip": [("replacePath", {"path": "/api/fixed"}), STRIP],
    "replace-add": [("replacePath", {"path": "/fixed"}), ADD],
    "regex": [("replacePathRegex", {"regex": " ^/old/(?P<rest>.*) ", "replacement": "/new/${rest}/$1"})],
    "every": [("replacePathRegex", {"regex": "a", "replacement": "b"})],
    "rootless": [("replacePathRegex", {"regex": "^/old(.*)", "replacement": "$1"})],
    "nothing": [("replacePathRegex", {"regex": "^/old(.*)", "replacement": ""})],
    "strip-regex": [STRIP, ("replacePathRegex", {"regex": "^/old/(.*)", "replacement": "/new/$1"})],
    "strip-by-regex": [("stripPrefixRegex", {"regex": ["^/v[0-9]+", "/(a|b)+"]})],
    "add-strip-by-regex": [("addPrefix", {"prefix": "/v1"}), ("stripPrefixRegex", {"regex": ["/v[0-9]", "/x"]})],
    "escapes": [("encodedCharacters", {"allowEncodedSlash": True, "allowEncodedPercent": True}), STRIP],
    "all-escapes": [
        ("encodedCharacters", {f"allowEncoded{name}": True for name in ESCAPES}),
    ],
    "regex-add": [("replacePathRegex", {"regex": "/old/(.*)", "replacement": "/new/$1"}), ADD],
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("paths"), CASES) as running:
        yield running


@pytest.mark.parametrize(
    ("case", "path", "sent", "prefix", "replaced"),
    [
        ("add", "/b%2Fc?q=1", "/pre%20fix/b%2Fc?q=1", None, None),
        ("add", "/", "/pre%20fix/", None, None),
        ("strip", "/api/v1/x?q=%41", "/x?q=%41", "/api/v1", None),
        ("strip", "/api/v2/x/", "/v2/x/", "/api", None),
        ("strip", "/api", "/", "/api", None),
        ("strip", "/api?q", "/?q", "/api", None),
        ("strip", "/apix", "/x", "/api", None),
        ("strip", "/my%20app/a%20b%2Fc", "/a%20b%2Fc", "/my app", None),
        ("strip", "/other/api", "/other/api", None, None),
        ("strip", "/api.../x", "/.../x", "/api", None),
        ("slash", "/api/x", "/x", "/api/", None),
        ("slash", "/api", "/api", None, None),
        ("strip-add", "/api/x?q", "/pre%20fix/x?q", "/api", None),
        ("strip-add", "/x", "/pre%20fix/x", None, None),
        ("add-strip", "/x?q", "/x?q", "/api/v1", None),
        ("strip-strip", "/api/y/z?q", "/z?q", "/api, /y", None),
        ("strip-strip", "/y/z", "/z", "/y", None),
        ("strip-strip", "/api/z", "/z", "/api", None),
        ("replace", "/a%20b?q=1", "/fixed/%2F%20b?q=1", None, "/a%20b"),
        ("strip-replace", "/api/x?q", "/fixed?q", "/api", "/x"),
        ("replace-strip", "/x?q", "/fixed?q", "/api", "/x"),
        ("replace-add", "/x?q", "/pre%20fix/fixed?q", None, "/x"),
        ("regex", "/old/a%20b?q", "/new/a%20b/a%20b?q", None, "/old/a%20b"),
        ("regex", "/other/old/a", "/other/old/a", None, None),
        ("every", "/aXa?a=a", "/bXb?a=a", None, "/aXa"),
        ("rootless", "/oldx?q", "/x?q", None, "/oldx"),
        ("rootless", "/old/x", "/x", None, "/old/x"),
        ("nothing", "/old/x", "/old/x", None, None),
        ("strip-regex", "/api/old/x?q", "/new/x?q", "/api", "/old/x"),
        ("strip-regex", "/api/other", "/other", "/api", None),
        ("strip-regex", "/old/x", "/new/x", None, "/old/x"),
        ("regex-add", "/a/old/x?q", "/pre%20fix/a/new/x?q", None, "/a/old/x"),
        ("regex-add", "/a", "/pre%20fix/a", None, None),
        ("strip-by-regex", "/v12/x?q", "/x?q", "/v12", None),
        ("strip-by-regex", "/abab/x", "/x", "/abab", None),
        ("strip-by-regex", "/v", "/v", None, None),
        ("strip-by-regex", "/x/v1/y", "/x/v1/y", None, None),
        ("strip-by-regex", "/v1", "/", "/v1", None),
        ("add-strip-by-regex", "/x/y?q", "/x/y?q", "/v1", None),
        ("escapes", "/api/a%2Fb%25", "/a%2Fb%25", "/api", None),
        ("escapes", "/x?%3B", "/x?%3B", None, None),
        ("all-escapes", "/%3b%23%3f%5c", "/%3b%23%3f%5c", None, None),
    ],
)
def test_path(proxy: Lab, case: str, path: str, sent: str, prefix: str | None, replaced: str | None) -> None:
    reply = proxy.ask(case, path)
    assert (reply.path, reply.sent("x-forwarded-prefix"), reply.sent("x-replaced-path")) == (
        sent,
        prefix,
        replaced,
    )


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("strip", "/api../secret"),
        ("strip", "/api./secret"),
        ("strip", "/api.."),
        ("strip", "/api%2E%2E/secret"),
        ("slash", "/api/%2e%2e/%2e%2e/api/../api/..%2F"),
        ("strip-strip", "/api/y../secret"),
        ("rootless", "/old../secret"),
        ("strip-regex", "/api/old/../old./x"),
        ("strip-by-regex", "/v1../secret"),
    ],
)
def test_no_cut_lets_a_path_climb(proxy: Lab, case: str, path: str) -> None:
    reply = proxy.ask(case, path)
    if reply.seen is not None:
        segments = reply.path.partition("?")[0].split("/")
        assert ".." not in segments
        assert "." not in segments
    else:
        assert (reply.status, reply.body) == (400, b"Bad Request")


@pytest.mark.parametrize("path", ["/a%3Bb", "/a%3b", "/%5C", "/%5c", "/api/%3F", "/%23"])
def test_escapes_that_are_not_allowed_are_refused(proxy: Lab, path: str) -> None:
    assert proxy.ask("escapes", path).status == 400


def test_clients_prefixes_stay_beside_ours(proxy: Lab) -> None:
    reply = proxy.ask("strip", "/api/x", headers={"X-Forwarded-Prefix": "/outer"})
    assert reply.sent("x-forwarded-prefix") == "/outer, /api"
