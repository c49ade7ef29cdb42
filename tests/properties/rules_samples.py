"""Random rules and requests that are likely to meet each other, for properties and for the proxy.

The requests leave out what docs/design/rules.md lists as different from upstream.
"""

from random import Random

from hearthgate.rules.match import Request
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or

ARGUMENTS: dict[Matcher, tuple[tuple[str, ...], ...]] = {
    Matcher.HOST: (
        *(("a.test",), ("b.test",), ("A.Test.",), ("x.a.test",), ("y.x.a.test",), ("*.a.test",), ("*.x.a.test",)),
        *(("*",), ("::1",), ("foo.*",), ("a.test:80",)),
    ),
    Matcher.HOST_REGEXP: (
        *(("^.+$",), (".*",), (r"^[a-z]+\.a\.test$",), (r"a\.test",), ("[0-9]",), ("^x",), ("test$",), ("[A-Z]",)),
        *((r"^(a|b)\.test\z",), (r"(?i)^A\.TEST$",), (r"\d",), (":",), ("8080",), (r"\Qa.t\E",), (r"^\w+\b.a",)),
        *(("^[^a]",), ("(?i:X)\\.[[:alpha:]]",), ("^$",), ("^.{6}$",)),
    ),
    Matcher.PATH: (
        *(("/",), ("/api",), ("/api/",), ("/a b",), ("/é",), ("/x%2Fy",), ("/x%2fy",), ("/a;b",), ("/a%3Bb",)),
        *(('/q"r',), ("/pct%25",), ("/a%20b",), ("/q?",), ("/x/y",), ("/z\\z",)),
    ),
    Matcher.PATH_PREFIX: (
        *(("/",), ("/api",), ("/api/",), ("/a",), ("/a ",), ("/é",), ("/x%2F",), ("/x",), ("/a;",), ("/q",)),
        ("/pct%25",),
    ),
    Matcher.PATH_REGEXP: (
        *(("^/api",), ("pi$",), (r"\.(png|jpg)$",), ("^/a b",), ("[é-ü]",), (r"\s",), ("/[^/]+/v1",), ("^/.+i$",)),
        *(("(?i)API",), ("^/(api|x)",), ('"|;',), (r"\p{L}r",)),
    ),
    Matcher.METHOD: (("GET",), ("post",), ("PURGE",), ("Custom",)),
    Matcher.HEADER: (("X-One", "a"), ("x-one", "B"), ("X-Two", "a, b"), ("Host", "a.test"), ("no token", "a")),
    Matcher.HEADER_REGEXP: (
        *(("X-One", "^a"), ("X-One", ".*"), ("x-one", "b$"), ("X-Two", "(?i)A"), ("X-Two", r"^\w$")),
        *(("Host", "a"), ("X-One", "^a?b+$")),
    ),
    Matcher.QUERY: (
        *(("k",), ("k", "v"), ("k", "a b"), ("a=b", "1"), ("clé", "é"), ("k", "a=b"), ("k", "a&b"), ("k", "abc")),
        *(("k k", "+"), ("j", "1")),
    ),
    Matcher.QUERY_REGEXP: (
        *(
            ("k",),
            ("k", "^v"),
            ("k", "v$"),
            ("k", "^$"),
            ("k", "a.c"),
            ("k", r"\s"),
            ("k", "[^a]"),
            ("k", "^(a|b)+$"),
        ),
        *(("k", "é|x"), ("k", "(?i)V"), ("k", "^a|c$"), ("k", ".*"), ("k", "&"), ("k", "^.$"), ("k", r"\pL\.?b")),
    ),
    Matcher.CLIENT_IP: (
        *(("127.0.0.1",), ("127.0.0.0/30",), ("127.0.0.2",), ("127.0.0.9/29",), ("::1",), ("10.0.0.0/8",)),
        *(("::ffff:127.0.0.1",), ("0.0.0.0/0",)),
    ),
}

HOSTS = (
    *("a.test", "A.TEST", "a.test.", "a.test:8080", "A.test.:80", "b.test", "x.a.test", "X.A.Test:1", "x1.a.test"),
    *("x1.a.test.", "y.x.a.test", "z.x.a.test:8080", "p.q.r.a.test", "other.example", "other.example:8080", "xyz"),
    *("a-test", "test"),
)
PATHS = (
    *("/", "/api", "/API", "/api/", "/api/v1", "/apiary", "/%61pi", "//api", "/./api", "/b/../api", "/a%20b"),
    *("/a%20b/c", "/%C3%A9", "/%c3%a9", "/%C3%BCr", "/x%2Fy", "/x%2fy", "/x/y", "/a;b", "/a%3Bb", "/a%3bb"),
    *('/q"r', "/q%22r", "/pct%25", "/i.png", "/i.jpg/", "/z%5Cz", "/z%5cz", "/a%09", "/%C3%A9r"),
)
QUERIES = (
    *(
        "",
        "",
        "?",
        "?k",
        "?k=",
        "?k=v",
        "?k=a%20b",
        "?k=a+b",
        "?k=x&k=v",
        "?k=v;z=1",
        "?j=1;k=v",
        "?k=%76",
        "?%6B=v",
    ),
    *("?%6b=V", "?k=abc", "?k=a%2fc", "?a=b=1", "?a%3Db=1", "?cl%C3%A9=%c3%a9", "?k=a=b", "?k=%zz", "?k=a%26b"),
    *("?kk=v", "?&k=v&", "?k=%C3%A9", "?k%20k=%2B", "?k+k=+", "?k=v?k=w", "?x=k=v", "?k=%E4%B8%AD.b", "?k=b%41"),
)
HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("X-One", "a"),),
    (("x-one", "B"),),
    (("X-ONE", "ab"), ("X-Two", "a, b")),
    (("X-Two", "A"),),
    (("X-One", "b"), ("X-Two", "é")),
)
METHODS = ("GET", "GET", "POST", "PUT", "PURGE", "CUSTOM", "get")
SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.5", "127.0.0.9")


def some_condition(random: Random) -> Condition:
    matcher = random.choice(tuple(ARGUMENTS))
    return Condition(matcher, random.choice(ARGUMENTS[matcher]))


def some_expression(random: Random, depth: int = 3) -> Expression:
    """An expression as the parser would give it."""
    choice = random.randrange(8) if depth else 0
    if choice <= 2:
        return some_condition(random)
    if choice == 3:
        return Not(some_expression(random, depth - 1))
    kind = And if choice <= 5 else Or
    operands: list[Expression] = []
    while len(operands) < 2:
        operand = some_expression(random, depth - 1)
        operands += operand.operands if isinstance(operand, kind) else (operand,)
    return kind(tuple(operands[:4]))


def some_request(random: Random) -> Request:
    return Request(
        method=random.choice(METHODS),
        authority=random.choice(HOSTS),
        target=random.choice(PATHS) + random.choice(QUERIES),
        headers=random.choice(HEADERS),
        client_ip=random.choice(SOURCES),
    )
