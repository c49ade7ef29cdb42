"""Rules in the syntax of Traefik 2 mean what its own words say: an oracle that knows nothing of ours."""

import re
from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.rules.match import Request, matches
from hearthgate.rules.rule import Rule, RuleError, compile_rule

HOSTS = ("a.test", "b.test", "x.a.test", "y.x.a.test")
PATHS = ("/", "/api", "/api/v1", "/api/v22", "/de/docs", "/de/docs/x", "/x/y/docs", "/a.b")
HEADERS = (("X-One", "1"), ("X-One", "12"), ("X-Two", "b"))
QUERIES = ("", "?k=v", "?k=", "?k=12&l=x", "?l=x", "?k=v&l=")
METHODS = ("GET", "POST", "PUT")
ADDRESSES = ("10.0.0.1", "10.0.1.1", "192.168.1.7")
Part = tuple[str, str]
"""A piece of a template as written, and as a pattern."""


def literal(text: str) -> Part:
    return text, re.escape(text)


HOST_TEMPLATES: tuple[tuple[Part, ...], ...] = (
    (literal("a.test"),),
    (("{sub}", "[^.]+"), literal(".a.test")),
    (("{sub:[xy]}", "(?:[xy])"), literal("."), ("{r:.+}", "(?:.+)")),
)
PATH_TEMPLATES: tuple[tuple[Part, ...], ...] = (
    (literal("/api"),),
    (literal("/api/v"), ("{n:[0-9]{1,2}}", "(?:[0-9]{1,2})")),
    (literal("/"), ("{lang}", "[^/]+"), literal("/docs")),
    (literal("/a.b"),),
)
Means = Callable[[Request], bool]


def written(template: Sequence[Part]) -> str:
    return "".join(text for text, _ in template)


def pattern(template: Sequence[Part]) -> str:
    return "".join(means for _, means in template)


def some_matcher(random: Random) -> tuple[str, Means]:
    """A matcher as text, and what it means to say of a request."""

    def some(values: Sequence[str]) -> list[str]:
        return random.sample(values, random.randint(1, 2))

    match random.choice(("Host", "HostRegexp", "Path", "PathPrefix", "Method", "Headers", "Query", "ClientIP")):
        case "Host":
            hosts = some(HOSTS)
            return call("Host", hosts), lambda r: r.authority in hosts
        case "HostRegexp":
            chosen = random.sample(HOST_TEMPLATES, random.randint(1, 2))
            return call("HostRegexp", map(written, chosen)), lambda r: any(
                re.fullmatch(pattern(each), r.authority) for each in chosen
            )
        case "Path":
            chosen = random.sample(PATH_TEMPLATES, random.randint(1, 2))
            return call("Path", map(written, chosen)), lambda r: any(
                re.fullmatch(pattern(each), r.target.partition("?")[0]) for each in chosen
            )
        case "PathPrefix":
            chosen = random.sample(PATH_TEMPLATES, random.randint(1, 2))
            return call("PathPrefix", map(written, chosen)), lambda r: any(
                re.match(pattern(each), r.target.partition("?")[0]) for each in chosen
            )
        case "Method":
            methods = some(METHODS)
            return call("Method", methods), lambda r: r.method in methods
        case "Headers":
            pairs = dict(random.sample(HEADERS, 2))
            return call("Headers", [text for pair in pairs.items() for text in pair]), lambda r: all(
                pair in r.headers for pair in pairs.items()
            )
        case "Query":
            wanted = random.sample((("k=v", "k=v"), ("k=", "k=.*"), ("l={any}", "l=.*"), ("k={n:1.}", "k=1.")), 2)
            return call("Query", [text for text, _ in wanted]), lambda r: all(
                any(re.fullmatch(means, pair) for pair in r.target.partition("?")[2].split("&"))
                for _, means in wanted
            )
        case _:
            addresses = some(ADDRESSES)
            return call("ClientIP", addresses), lambda r: r.client_ip in addresses


def call(name: str, arguments: object) -> str:
    assert isinstance(arguments, list | map)
    return f"{name}({', '.join(f'`{argument}`' for argument in arguments)})"


def some_rule(random: Random, depth: int = 2) -> tuple[str, Means]:
    if not depth or random.random() < 0.3:
        return some_matcher(random)
    left_text, left = some_rule(random, depth - 1)
    right_text, right = some_rule(random, depth - 1)
    match random.randrange(3):
        case 0:
            return f"({left_text}) && ({right_text})", lambda r: left(r) and right(r)
        case 1:
            return f"({left_text}) || ({right_text})", lambda r: left(r) or right(r)
        case _:
            return f"!({left_text})", lambda r: not left(r)


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rules_mean_what_they_meant(random: Random) -> None:
    text, means = some_rule(random)
    rule = compile_rule(text, "v2")
    assert isinstance(rule, Rule), rule
    for _ in range(10):
        request = Request(
            method=random.choice(METHODS),
            authority=random.choice(HOSTS),
            target=random.choice(PATHS) + random.choice(QUERIES),
            headers=tuple(random.sample(HEADERS, random.randint(0, 2))),
            client_ip=random.choice(ADDRESSES),
        )
        assert matches(rule.expression, request) is bool(means(request)), (text, request)
        normal = any(all(matches(each, request) for each in conjunct) for conjunct in rule.conjuncts)
        assert normal is bool(means(request)), (text, request)


PIECES = (
    "Host",
    "Path",
    "Query",
    "Headers",
    "(",
    ")",
    "`",
    "`a`",
    "`/`",
    "`{a}`",
    "{",
    "}",
    "{a:",
    ",",
    "&&",
    "!",
)


@settings(max_examples=400)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_any_text_gives_a_rule_or_an_error_with_a_place_inside_it(text: str) -> None:
    result = compile_rule(text, "v2")
    if isinstance(result, RuleError):
        assert 1 <= result.position <= len(text) + 1
        assert result.message
