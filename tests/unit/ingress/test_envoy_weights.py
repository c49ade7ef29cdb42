"""Weighted services multiplied out."""

from fractions import Fraction
from hashlib import sha256

import pytest

from hearthgate.ingress.envoy.services import (
    MAX_CHOICES,
    Choice,
    UnservableError,
    choices,
    set_cookie,
)
from hearthgate.ingress.routing.model import (
    LoadBalancer,
    Service,
    StickyCookie,
    WeightedMember,
    WeightedService,
    balancers,
)

A, B, C = (LoadBalancer(name=name) for name in "abc")
COOKIE = StickyCookie(name="lb")


def weighted(
    *members: tuple[int, Service], name: str = "w", sticky: StickyCookie | None = None
) -> WeightedService:
    return WeightedService(
        name=name, members=tuple(WeightedMember(weight=w, service=s) for w, s in members), sticky=sticky
    )


def shares(choice: Choice) -> dict[str, Fraction]:
    """The part of all requests that each load balancer gets; `-` is none."""
    total = sum(target.weight for target in choice.targets)
    found: dict[str, Fraction] = {}
    for target in choice.targets:
        name = target.balancer.name if target.balancer else "-"
        found[name] = found.get(name, Fraction(0)) + Fraction(target.weight, total)
    return found


def test_one_load_balancer_is_one_choice() -> None:
    (choice,) = choices(A)
    assert not choice.cookies
    assert shares(choice) == {"a": Fraction(1)}


SHARES: dict[str, tuple[Service, dict[str, Fraction]]] = {
    "weights": (weighted((3, A), (1, B)), {"a": Fraction(3, 4), "b": Fraction(1, 4)}),
    "weight 0 is left out": (weighted((1, A), (0, B)), {"a": Fraction(1)}),
    "nested": (
        weighted((1, A), (2, weighted((1, B), (2, C)))),
        {"a": Fraction(1, 3), "b": Fraction(2, 9), "c": Fraction(4, 9)},
    ),
    "one service twice": (
        weighted((1, A), (1, weighted((1, A), (1, B)))),
        {"a": Fraction(3, 4), "b": Fraction(1, 4)},
    ),
    "a member with nothing": (weighted((1, A), (1, weighted((0, B)))), {"a": Fraction(1, 2), "-": Fraction(1, 2)}),
    "primes": (
        weighted((1, weighted((1, A), (6, B))), (1, weighted((1, A), (10, C)))),
        {"a": Fraction(9, 77), "b": Fraction(3, 7), "c": Fraction(5, 11)},
    ),
}


@pytest.mark.parametrize("case", SHARES)
def test_shares(case: str) -> None:
    service, expected = SHARES[case]
    assert shares(choices(service)[-1]) == expected


def test_nothing_to_choose_from() -> None:
    assert choices(weighted((0, A))) == (Choice((), ()),)


def test_weights_beyond_32_bits_are_shrunk_and_nobody_is_lost() -> None:
    service = weighted((2**40, A), (2**40, B), (1, C))
    targets = choices(service)[-1].targets
    assert all(target.weight >= 1 for target in targets)
    assert sum(target.weight for target in targets) < 2**32
    assert targets[0].weight == targets[1].weight


def test_sticky_members_come_first_and_the_rest_is_told_its_cookie() -> None:
    first, second, rest = choices(weighted((1, A), (1, B), sticky=COOKIE))
    value = sha256(b"a").hexdigest()[:16]
    assert first.cookies == (("lb", value),)
    assert (shares(first), shares(second)) == ({"a": Fraction(1)}, {"b": Fraction(1)})
    assert [target.cookies for target in first.targets] == [()]
    assert [target.cookies for target in rest.targets] == [
        (f"lb={value}; Path=/",),
        (f"lb={sha256(b'b').hexdigest()[:16]}; Path=/",),
    ]


def test_sticky_inside_a_choice_that_is_not() -> None:
    inner = weighted((1, A), (1, B), name="inner", sticky=COOKIE)
    found = choices(weighted((1, inner), (1, C)))
    assert [len(choice.cookies) for choice in found] == [1, 1, 0]
    assert shares(found[0]) == {"a": Fraction(1, 2), "c": Fraction(1, 2)}
    assert [target.cookies for target in found[0].targets] == [(), ()]
    assert shares(found[2]) == {"a": Fraction(1, 4), "b": Fraction(1, 4), "c": Fraction(1, 2)}


def test_too_many_combinations_are_refused() -> None:
    def sticky(name: str) -> WeightedService:
        members = [(1, LoadBalancer(name=f"{name}{n}")) for n in range(9)]
        return weighted(*members, name=name, sticky=StickyCookie(name=name))

    with pytest.raises(UnservableError, match=str(MAX_CHOICES)):
        choices(weighted(*((1, sticky(name)) for name in "xyz")))


def test_every_balancer_is_found() -> None:
    assert list(balancers(weighted((1, A), (0, weighted((1, B)))))) == [A, B]
    assert list(balancers(None)) == []


COOKIES = {
    "bare": (StickyCookie(name="c"), "c=v; Path=/"),
    "everything": (
        StickyCookie(
            name="c", secure=True, http_only=True, same_site="none", max_age=5, path="/p", domain="example.org"
        ),
        "c=v; Path=/p; Domain=example.org; Max-Age=5; HttpOnly; Secure; SameSite=None",
    ),
    "expired": (StickyCookie(name="c", max_age=-1), "c=v; Path=/; Max-Age=0"),
}


@pytest.mark.parametrize("case", COOKIES)
def test_set_cookie(case: str) -> None:
    cookie, expected = COOKIES[case]
    assert set_cookie(cookie, "v") == expected


@pytest.mark.parametrize("text", ["/a\r\nX: y", "/a; Secure", "/ü", "\0"])
def test_attributes_that_would_break_out_of_the_header_are_refused(text: str) -> None:
    with pytest.raises(UnservableError, match="path"):
        set_cookie(StickyCookie(name="c", path=text), "v")
