"""Every mistake in a Middleware becomes a Problem with its field, its reason and the way out."""

from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.ingress.middlewares.access import ForwardedStrategy, IPAllowList
from hearthgate.ingress.middlewares.compress import Compress
from hearthgate.ingress.middlewares.headers import Cors, Headers, Secure
from hearthgate.ingress.middlewares.paths import (
    AddPrefix,
    EncodedCharacters,
    ReplacePath,
    ReplacePathRegex,
    StripPrefix,
    StripPrefixRegex,
)
from hearthgate.ingress.middlewares.redirects import RedirectRegex, RedirectScheme
from hearthgate.model.problems import Severity
from tests.unit.ingress.middleware_values import attempt, value

NAME = "default-m@kubernetescrd"
LONG = "x" * 9000


MISTAKES: list[tuple[Mapping[str, Any], str, str, str]] = [
    ({}, "spec", "MiddlewareInvalid", "no type"),
    ({"compress": {}, "addPrefix": {"prefix": "/a"}}, "spec", "MiddlewareInvalid", "multi-types"),
    ({"chain": {"middlewares": [{"name": "a"}]}}, "spec.chain", "Unsupported", "chain"),
    ({"redirectScheme": {}}, "spec.redirectScheme.scheme", "MissingField", "required"),
    ({"redirectScheme": {"scheme": "a b"}}, "spec.redirectScheme.scheme", "InvalidValue", "'a b'"),
    (
        {"redirectScheme": {"scheme": "https", "port": "99999"}},
        "spec.redirectScheme.port",
        "InvalidValue",
        "65535",
    ),
    ({"redirectRegex": {"replacement": "x"}}, "spec.redirectRegex.regex", "MissingField", "required"),
    (
        {"redirectRegex": {"regex": "^a(", "replacement": "x"}},
        "spec.redirectRegex.regex",
        "InvalidValue",
        "RE2",
    ),
    ({"redirectRegex": {"regex": "^a(?=b)"}}, "spec.redirectRegex.regex", "InvalidValue", "RE2"),
    (
        {"redirectRegex": {"regex": "a", "replacement": "b"}},
        "spec.redirectRegex.regex",
        "Unsupported",
        "twice",
    ),
    (
        {"redirectRegex": {"regex": "^a", "replacement": "b\nc"}},
        "spec.redirectRegex.replacement",
        "InvalidValue",
        "URL",
    ),
    (
        {"redirectRegex": {"regex": "^(a)(b)(c)(d)(e)(f)(g)", "replacement": "$7"}},
        "spec.redirectRegex.replacement",
        "Unsupported",
        "(?:…)",
    ),
    ({"headers": {}}, "spec.headers", "MissingField", "option"),
    (
        {"headers": {"customRequestHeaders": {"a b": "x"}}},
        "spec.headers.customRequestHeaders.a b",
        "InvalidValue",
        "header name",
    ),
    (
        {"headers": {"customRequestHeaders": {":path": "/x"}}},
        "spec.headers.customRequestHeaders.:path",
        "InvalidValue",
        "header name",
    ),
    (
        {"headers": {"customRequestHeaders": {"X-Hg-Path": "/x"}}},
        "spec.headers.customRequestHeaders.X-Hg-Path",
        "InvalidValue",
        "inside the proxy",
    ),
    (
        {"headers": {"customResponseHeaders": {"X-A": "a\r\nSet-Cookie: b"}}},
        "spec.headers.customResponseHeaders.X-A",
        "InvalidValue",
        "line breaks",
    ),
    (
        {"headers": {"contentSecurityPolicy": LONG}},
        "spec.headers.contentSecurityPolicy",
        "InvalidValue",
        "8192",
    ),
    (
        {"headers": {"contentSecurityPolicy": "script-src $NONCE"}},
        "spec.headers.contentSecurityPolicy",
        "Unsupported",
        "nonce",
    ),
    ({"headers": {"allowedHosts": ["a b"]}}, "spec.headers.allowedHosts[0]", "InvalidValue", "host name"),
    (
        {"headers": {"hostsProxyHeaders": ["a b"], "allowedHosts": ["a"]}},
        "spec.headers.hostsProxyHeaders[0]",
        "InvalidValue",
        "header name",
    ),
    (
        {"headers": {"accessControlAllowOriginListRegex": ["("]}},
        "spec.headers.accessControlAllowOriginListRegex[0]",
        "InvalidValue",
        "RE2",
    ),
    (
        {"headers": {"accessControlAllowOriginListRegex": ["()()()()()()()"]}},
        "spec.headers.accessControlAllowOriginListRegex[0]",
        "Unsupported",
        "(?:…)",
    ),
    (
        {"headers": {"accessControlAllowOriginList": [LONG[:8000]]}},
        "spec.headers.accessControlAllowOriginList",
        "InvalidValue",
        "too long",
    ),
    ({"redirectRegex": {"regex": "^" + LONG}}, "spec.redirectRegex.regex", "InvalidValue", "too long"),
    (
        {"redirectRegex": {"regex": "^a", "replacement": LONG}},
        "spec.redirectRegex.replacement",
        "InvalidValue",
        "too long",
    ),
    (
        {"headers": {"accessControlMaxAge": -1}},
        "spec.headers.accessControlMaxAge",
        "InvalidValue",
        "negative",
    ),
    ({"ipAllowList": {}}, "spec.ipAllowList.sourceRange", "MissingField", "networks"),
    ({"ipWhiteList": {}}, "spec.ipWhiteList.sourceRange", "MissingField", "networks"),
    (
        {"ipAllowList": {"sourceRange": ["10.0.0.0/8", "10.0.0.0/33"]}},
        "spec.ipAllowList.sourceRange[1]",
        "InvalidValue",
        "10.0.0.0/33",
    ),
    (
        {"ipAllowList": {"sourceRange": ["::1"], "rejectStatusCode": 799}},
        "spec.ipAllowList.rejectStatusCode",
        "InvalidValue",
        "799",
    ),
    (
        {"ipAllowList": {"sourceRange": ["::1"], "rejectStatusCode": 101}},
        "spec.ipAllowList.rejectStatusCode",
        "InvalidValue",
        "101",
    ),
    (
        {"ipAllowList": {"sourceRange": ["::1"], "ipStrategy": {"ipv6Subnet": 0}}},
        "spec.ipAllowList.ipStrategy.ipv6Subnet",
        "InvalidValue",
        "1 to 128",
    ),
    (
        {"ipAllowList": {"sourceRange": ["::1"], "ipStrategy": {"excludedIPs": ["nine"]}}},
        "spec.ipAllowList.ipStrategy.excludedIPs[0]",
        "InvalidValue",
        "nine",
    ),
    ({"compress": {"encodings": ["gzip", "brotli"]}}, "spec.compress.encodings[1]", "InvalidValue", "brotli"),
    ({"compress": {"encodings": []}}, "spec.compress.encodings", "MissingField", "gzip"),
    ({"compress": {"defaultEncoding": "gzi"}}, "spec.compress.defaultEncoding", "InvalidValue", "'gzip'"),
    (
        {"compress": {"includedContentTypes": ["a/b"], "excludedContentTypes": ["c/d"]}},
        "spec.compress.includedContentTypes",
        "InvalidValue",
        "exclude each other",
    ),
    (
        {"compress": {"includedContentTypes": ["text/html; charset=utf-8"]}},
        "spec.compress.includedContentTypes[0]",
        "Unsupported",
        "'text/html'",
    ),
    (
        {"compress": {"excludedContentTypes": ["html"]}},
        "spec.compress.excludedContentTypes[0]",
        "InvalidValue",
        "media type",
    ),
    ({"addPrefix": {}}, "spec.addPrefix.prefix", "MissingField", "required"),
    ({"addPrefix": {"prefix": "a"}}, "spec.addPrefix.prefix", "InvalidValue", "start with /"),
    ({"stripPrefixRegex": {"regex": ["/a", "("]}}, "spec.stripPrefixRegex.regex[1]", "InvalidValue", "RE2"),
    ({"replacePath": {}}, "spec.replacePath.path", "MissingField", "required"),
    ({"replacePath": {"path": "/%zz"}}, "spec.replacePath.path", "InvalidValue", "hexadecimal"),
    ({"replacePathRegex": {"regex": "["}}, "spec.replacePathRegex.regex", "InvalidValue", "RE2"),
    (
        {"replacePathRegex": {"regex": "^a", "replacement": "/b?c"}},
        "spec.replacePathRegex.replacement",
        "InvalidValue",
        "path",
    ),
    (
        {"stripPrefix": {"prefixes": ["/a\n"]}},
        "spec.stripPrefix.prefixes[0]",
        "InvalidValue",
        "control",
    ),
]


@pytest.mark.parametrize(("spec", "field", "reason", "words"), MISTAKES)
def test_mistakes(spec: Mapping[str, Any], field: str, reason: str, words: str) -> None:
    built, problems = attempt(spec)
    assert built is None
    found = [problem for problem in problems if problem.is_error]
    assert [(problem.field, problem.reason) for problem in found] == [(field, reason)]
    assert words in found[0].message
    assert len(found[0].message) < 300


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"stripPrefix": {}}, "spec.stripPrefix.prefixes"),
        ({"stripPrefixRegex": {}}, "spec.stripPrefixRegex.regex"),
        ({"ipWhiteList": {"sourceRange": ["::1"]}}, "spec.ipWhiteList"),
        ({"stripPrefix": {"prefixes": ["a", "/b"]}}, "spec.stripPrefix.prefixes[0]"),
        ({"replacePathRegex": {"regex": "^/a"}}, "spec.replacePathRegex.replacement"),
        ({"headers": {"customRequestHeaders": {"Host": ""}}}, "spec.headers.customRequestHeaders.Host"),
        (
            {"headers": {"customRequestHeaders": {"Connection": "close", "X-A": "b"}}},
            "spec.headers.customRequestHeaders.Connection",
        ),
        (
            {"ipAllowList": {"sourceRange": ["::1"], "ipStrategy": {"depth": 1, "excludedIPs": ["::2"]}}},
            "spec.ipAllowList.ipStrategy.excludedIPs",
        ),
        (
            {"ipAllowList": {"sourceRange": ["::1"], "ipStrategy": {"ipv6Subnet": 64, "excludedIPs": ["::2"]}}},
            "spec.ipAllowList.ipStrategy.ipv6Subnet",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(spec: Mapping[str, Any], field: str) -> None:
    built, problems = attempt(spec)
    assert built is not None
    assert [(problem.field, problem.severity) for problem in problems] == [(field, Severity.WARNING)]


VALUES: list[tuple[str, Mapping[str, Any], object]] = [
    ("redirectScheme", {"scheme": "https"}, RedirectScheme(name=NAME, scheme="https")),
    (
        "redirectRegex",
        {"regex": "^a(.*)", "replacement": "$1-${1}x$$", "permanent": True},
        RedirectRegex(name=NAME, regex="^a(.*)", replacement=(1, "-", 1, "x$"), permanent=True),
    ),
    ("addPrefix", {"prefix": "/a b/ü"}, AddPrefix(name=NAME, prefix="/a%20b/%C3%BC")),
    ("stripPrefix", {"prefixes": ["/b", "/a", "/b"]}, StripPrefix(name=NAME, prefixes=("/b", "/a"))),
    ("stripPrefixRegex", {"regex": [" /a+ "]}, StripPrefixRegex(name=NAME, regexes=("/a+",))),
    (
        "encodedCharacters",
        {"allowEncodedSlash": True, "allowEncodedHash": True, "allowEncodedNullCharacter": True},
        EncodedCharacters(name=NAME, denied=("%5C", "%3B", "%25", "%3F")),
    ),
    ("replacePath", {"path": "a%2Fb c?d"}, ReplacePath(name=NAME, path="/a%2Fb%20c%3Fd")),
    (
        "replacePathRegex",
        {"regex": " ^/(?P<x>a) ", "replacement": " /$x "},
        ReplacePathRegex(name=NAME, regex="^/(?P<x>a)", replacement=("/", 1)),
    ),
    (
        "ipAllowList",
        {"sourceRange": ["192.168.1.7/24", "fd00::/8", "192.168.1.0/24"]},
        IPAllowList(name=NAME, ranges=("192.168.1.0/24", "fd00::/8")),
    ),
    (
        "ipAllowList",
        {"sourceRange": ["::1"], "rejectStatusCode": 404, "ipStrategy": {"depth": 2, "ipv6Subnet": 64}},
        IPAllowList(
            name=NAME, ranges=("::1/128",), status=404, strategy=ForwardedStrategy(depth=2, ipv6_subnet=64)
        ),
    ),
    (
        "ipAllowList",
        {"sourceRange": ["fd00::/80", "fd00:0:0:1::1", "10.0.0.1"], "ipStrategy": {"ipv6Subnet": 64}},
        IPAllowList(name=NAME, ranges=("10.0.0.1/32", "fd00::/64")),
    ),
    ("ipWhiteList", {"sourceRange": ["10.0.0.1"]}, IPAllowList(name=NAME, ranges=("10.0.0.1/32",))),
    (
        "compress",
        {"encodings": ["br", "gzip", "br"], "excludedContentTypes": ["Text/B", "text/a"]},
        Compress(name=NAME, encodings=("br", "gzip"), excluded=("text/a", "text/b")),
    ),
    (
        "headers",
        {"customRequestHeaders": {"Host": "h", "X-B": "", "X-A": "1"}, "stsSeconds": 0},
        Headers(name=NAME, host="h", request=(("x-a", "1"), ("x-b", "")), secure=Secure()),
    ),
    (
        "headers",
        {"addVaryHeader": True, "frameDeny": True, "stsSeconds": 5, "publicKey": "k"},
        Headers(
            name=NAME,
            cors=Cors(vary=True),
            secure=Secure(
                always=(("x-frame-options", "DENY"),),
                on_tls=(("public-key-pins", "k"), ("strict-transport-security", "max-age=5")),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("kind", "options", "expected"), VALUES)
def test_values(kind: str, options: Mapping[str, Any], expected: object) -> None:
    assert value(kind, options) == expected


def test_all_mistakes_are_found_at_once() -> None:
    _, problems = attempt({"redirectScheme": {"scheme": "", "port": "x"}})
    assert [problem.field for problem in problems] == ["spec.redirectScheme.port", "spec.redirectScheme.scheme"]


def test_values_compare_and_hash_by_content() -> None:
    one = value("headers", {"frameDeny": True})
    assert {one: 1}[value("headers", {"frameDeny": True})] == 1
