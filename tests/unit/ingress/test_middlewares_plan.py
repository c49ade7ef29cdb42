"""The fold of a list of middlewares into branches: what is refused, what is bounded, what is shared."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hearthgate.ingress.envoy.middlewares.cel import quote
from hearthgate.ingress.envoy.middlewares.compress import all_except
from hearthgate.ingress.envoy.plan import MAX_BRANCHES, MAX_MIDDLEWARES, Branch, Scope, plan_branches
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.rules.regex import covers
from tests.unit.ingress.middleware_values import secret, value

PLAIN = Scope(tls=False, forwarded_trusted=False)
TLS = Scope(tls=True, forwarded_trusted=False)
TRUSTED = Scope(tls=False, forwarded_trusted=True)
SECRETS = {"users": secret(u=b"a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")}


@pytest.fixture(scope="module", autouse=True)
def schema() -> None:
    ensure_schema()


def build(*specs: tuple[str, Mapping[str, Any]]) -> list[Middleware]:
    return [value(kind, options, SECRETS) for kind, options in specs]


def branches(middlewares: Sequence[Middleware], scope: Scope = PLAIN) -> tuple[Branch, ...]:
    found, errors = plan_branches(middlewares, scope)
    assert not errors, errors
    return found


def statuses(found: Sequence[Branch]) -> list[int | None]:
    """What the branches answer; None where they lead to the service."""
    return [branch.response.status if branch.response is not None else None for branch in found]


def test_no_middlewares_leave_one_open_branch() -> None:
    assert branches([]) == (Branch(),)


def test_a_redirection_that_takes_everything_leaves_no_open_branch() -> None:
    found = branches(build(("redirectScheme", {"scheme": "https"})))
    assert statuses(found) == [302, 307]


def test_a_redirection_of_trusted_peers_asks_for_their_scheme() -> None:
    found = branches(build(("redirectScheme", {"scheme": "https"})), TRUSTED)
    assert statuses(found) == [302, 307, 302, 307, None]


def test_the_last_branch_takes_what_the_others_leave() -> None:
    specs = (
        ("stripPrefix", {"prefixes": ["/a"]}),
        ("ipAllowList", {"sourceRange": ["10.0.0.0/8"]}),
        ("headers", {"accessControlAllowOriginList": ["https://a.test"]}),
    )
    last = branches(build(*specs))[-1]
    assert (last.conditions, last.filter_state, statuses([last])) == ((), (), [403])


def test_a_missing_address_is_a_refused_one() -> None:
    allowed, refused = branches(build(("ipAllowList", {"sourceRange": ["10.0.0.0/8"]})))
    assert not allowed.filter_state[0].address_match.invert_match
    assert (refused.filter_state, statuses([refused])) == ((), [403])


@pytest.mark.parametrize(
    ("specs", "scope", "words"),
    [
        (
            [
                ("headers", {"customRequestHeaders": {"Origin": "x"}}),
                ("headers", {"accessControlAllowOriginList": ["*"]}),
            ],
            PLAIN,
            "list this one first",
        ),
        (
            [
                ("headers", {"customRequestHeaders": {"X-Host": "x"}}),
                ("headers", {"allowedHosts": ["a"], "hostsProxyHeaders": ["X-Host"]}),
            ],
            PLAIN,
            "hostsProxyHeaders",
        ),
        (
            [
                ("basicAuth", {"secret": "users", "headerField": "X-Forwarded-Proto"}),
                ("redirectScheme", {"scheme": "https"}),
            ],
            TRUSTED,
            "X-Forwarded-Proto",
        ),
        (
            [
                ("stripPrefix", {"prefixes": ["/a"]}),
                ("replacePathRegex", {"regex": "a", "replacement": "b"}),
            ],
            PLAIN,
            "already changed",
        ),
    ],
)
def test_what_cannot_be_composed_is_refused(
    specs: list[tuple[str, Mapping[str, Any]]], scope: Scope, words: str
) -> None:
    found, errors = plan_branches(build(*specs), scope)
    assert found == ()
    assert len(errors) == 1
    assert errors[0].startswith("default-m@kubernetescrd: ")
    assert words in errors[0]


def test_lists_and_branches_are_bounded() -> None:
    compress = build(("compress", {}))[0]
    found, errors = plan_branches([compress] * (MAX_MIDDLEWARES + 1), PLAIN)
    assert (found, len(errors)) == ((), 1)
    strips = build(*[("stripPrefix", {"prefixes": [f"/{number}" for number in range(MAX_BRANCHES)]})])
    found, errors = plan_branches(strips, PLAIN)
    assert (found, len(errors)) == ((), 1)


def test_equal_lists_share_their_messages() -> None:
    specs: tuple[tuple[str, Mapping[str, Any]], ...] = (("headers", {"frameDeny": True}), ("compress", {}))
    first, second = branches(build(*specs)), branches(build(*specs))
    assert first is second
    other = branches(build(*specs, ("addPrefix", {"prefix": "/x"})))
    assert all(a is b for a, b in zip(first[0].filters, other[0].filters, strict=True))


def test_hsts_depends_on_the_scope() -> None:
    secure = build(("headers", {"stsSeconds": 1}))
    assert branches(secure, PLAIN)[0].filters == ()
    assert b"max-age=1" in branches(secure, TLS)[0].filters[0].typed_config.value


@pytest.mark.parametrize("text", ["100% )% \\1 \"'", "a\nb\tc\0", "ü€𝄞", ""])
def test_quoted_texts_cannot_end_a_format_command(text: str) -> None:
    quoted = quote(text)
    assert "%" not in quoted
    assert quoted.isascii()
    assert quoted.isprintable()
    inner = quoted[1:-1]
    assert '"' not in inner
    assert inner.encode().decode("unicode_escape") == text


@pytest.mark.parametrize("word", ["", "a", "b", "ab", "abc", "abd", "ABC", "b/c+d", "b/c+", "xb/c+d", "b/c+dd"])
def test_all_except(word: str) -> None:
    words = {"abc", "a", "b/c+d"}
    assert covers(f"(?s:{all_except(words)})", word) is (word.lower() not in words)
