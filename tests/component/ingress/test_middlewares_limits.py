"""Whatever is accepted as a middleware, however long or odd, is accepted by a real Envoy too."""

from pathlib import Path

from tests.component.ingress.middleware_lab import SCOPES, Spec, lab

ODD = "a%b)%c\"d'e\\f{g}$h`i|j^k"
LONG_REGEX = "^" + r"\.\\\"" * 180 + "(.*)"
WORDS = "|".join(f"word{number}" for number in range(80))
LONG_PREFIXES: Spec = ("stripPrefix", {"prefixes": ["/" + "ü%/" * 30, "/" + "a" * 500]})
MOVE: Spec = ("redirectScheme", {"scheme": "ftp", "port": "2121"})
CASES: dict[str, list[Spec]] = {
    "values": [
        (
            "headers",
            {
                "customRequestHeaders": {"X-Odd": ODD, "X-Long": "%" * 8192, "!#$%&'*+.^_`|~-": "name"},
                "customResponseHeaders": {"X-Odd": ODD, "X-Long": "%" * 8192},
                "contentSecurityPolicy": "%" * 8192,
                "accessControlAllowOriginList": ["https://" + "\\" * 700],
                "accessControlAllowOriginListRegex": ['"' * 700],
                "sslProxyHeaders": {"X-" + "y" * 200: "\\" * 900},
                "stsSeconds": 1,
                "addVaryHeader": True,
            },
        )
    ],
    "regex": [("redirectRegex", {"regex": LONG_REGEX, "replacement": "\\%)%" * 300 + "$1"})],
    "words": [("redirectRegex", {"regex": f"^http://([^/]+)/(?:{WORDS}|x)$", "replacement": "http://$1/y"})],
    "origins": [("headers", {"accessControlAllowOriginListRegex": [WORDS, f"({WORDS}|b)$"]})],
    "strip": [LONG_PREFIXES],
    "strip-move": [("stripPrefix", {"prefixes": ["/" + "a%b/" * 60]}), MOVE],
    "strip-replace": [
        ("stripPrefix", {"prefixes": ["/" + "a/" * 20]}),
        ("replacePathRegex", {"regex": LONG_REGEX[:700] + "$", "replacement": "/\\%)%$0"}),
    ],
    "compress": [("compress", {"excludedContentTypes": [f"application/x-{number}+y" for number in range(60)]})],
    "addresses": [("ipAllowList", {"sourceRange": [f"127.{number}.0.0/16" for number in range(256)]})],
    "realm": [
        ("headers", {"customRequestHeaders": {"Host": "a.test:99"}}),
        ("redirectRegex", {"regex": "^http://a.test:99/(?P<x>.*)$", "replacement": "http://${x}.test/"}),
    ],
}

PLAIN = {"realm", "words"}
"""Cases about http:// URLs."""
MOVED = {"strip-move", *PLAIN}


def test_everything_accepted_is_served(tmp_path: Path) -> None:
    with lab(tmp_path, CASES) as proxy:
        for case in CASES:
            for scope in SCOPES:
                expected = 302 if case in MOVED and (case not in PLAIN or "tls" not in scope) else 200
                assert proxy.ask(case, "/x", scope=scope).status == expected, (case, scope)
        assert proxy.ask("origins", headers={"Origin": "b"}).headers["access-control-allow-origin"] == "b"
        odd = proxy.ask("values")
        assert odd.sent("x-odd") == ODD
        assert odd.headers["x-odd"] == ODD
        assert odd.headers["content-security-policy"] == "%" * 8192
