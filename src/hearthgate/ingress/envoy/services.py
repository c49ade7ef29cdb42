"""Services to weighted choices: nested weights multiplied out exactly, sticky members told apart by cookie."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import product
from math import gcd, lcm, prod
from typing import Final, NamedTuple

from hearthgate.ingress.routing.model import LoadBalancer, Service, StickyCookie, WeightedMember, WeightedService

MAX_CHOICES: Final = 256
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_MAX_TOTAL: Final = 2**32 - 1  # Envoy's: weights of one route and their sum are 32 bits


class UnservableError(ValueError):
    """A service that the proxy cannot be told to serve. The text says why, and the way out."""


class Target(NamedTuple):
    """One upstream with its share. `balancer` None: a member that has nothing to choose from.
    `cookies`: Set-Cookie values that keep a client here."""

    weight: int
    balancer: LoadBalancer | None
    cookies: tuple[str, ...] = ()


class Choice(NamedTuple):
    """What requests that carry all of `cookies` (name, value) choose from. Empty `targets`: nothing."""

    cookies: tuple[tuple[str, str], ...]
    targets: tuple[Target, ...]


def balancers(service: Service | None) -> Iterator[LoadBalancer]:
    """Every load balancer below a service, in order."""
    if isinstance(service, LoadBalancer):
        yield service
    elif service is not None:
        for member in service.members:
            yield from balancers(member.service)


def choices(service: Service) -> tuple[Choice, ...]:
    """The first choice whose cookies a request carries is its own; the last one asks for none.

    Raises UnservableError.
    """
    if isinstance(service, LoadBalancer):
        return (Choice((), (Target(1, service),)),)
    members = [member for member in service.members if member.weight > 0]
    if not members:
        return (Choice((), ()),)
    inner = [choices(member.service) for member in members]
    found: list[Choice] = []
    if service.sticky is not None:
        for member, options in zip(members, inner, strict=True):
            cookie = (service.sticky.name, member_value(member))
            found += (Choice((cookie, *choice.cookies), choice.targets) for choice in options)
    if len(found) + prod(map(len, inner)) > MAX_CHOICES:
        raise UnservableError(
            f"{service.name}: more than {MAX_CHOICES} combinations of sticky services: make fewer of them sticky"
        )
    return (*found, *_mixed(service, members, inner))


def _mixed(
    service: WeightedService, members: Sequence[WeightedMember], inner: Sequence[tuple[Choice, ...]]
) -> Iterator[Choice]:
    """One choice for each combination of the members' own choices."""
    for combination in product(*inner):
        totals = [sum(target.weight for target in choice.targets) or 1 for choice in combination]
        whole = lcm(*totals)
        targets: list[Target] = []
        for member, choice, total in zip(members, combination, totals, strict=True):
            own = (set_cookie(service.sticky, member_value(member)),) if service.sticky is not None else ()
            share = member.weight * (whole // total)
            targets += (
                Target(target.weight * share, target.balancer, (*own, *target.cookies))
                for target in choice.targets or (Target(1, None),)
            )
        cookies = tuple(cookie for choice in combination for cookie in choice.cookies)
        yield Choice(cookies, _reduced(targets))


def _reduced(targets: Sequence[Target]) -> tuple[Target, ...]:
    common = gcd(*(target.weight for target in targets))
    total = sum(target.weight for target in targets) // common
    shrink = common * max(1, -(-total // (_MAX_TOTAL - len(targets))))
    return tuple(target._replace(weight=max(1, target.weight // shrink)) for target in targets)


def member_value(member: WeightedMember) -> str:
    """What a sticky cookie says for a member: upstream's hash of its name."""
    return sha256(member.service.name.encode()).hexdigest()[:16]


def set_cookie(cookie: StickyCookie, value: str) -> str:
    """A Set-Cookie header (RFC 6265 4.1) in upstream's order of attributes. Raises UnservableError."""
    return "; ".join([f"{cookie.name}={value}", *(f"{n}={v}" if v else n for n, v in attributes(cookie))])


def attributes(cookie: StickyCookie) -> Iterator[tuple[str, str]]:
    """Attributes of a cookie; flags have an empty value. Raises UnservableError."""
    for what, text in (("path", cookie.path), ("domain", cookie.domain)):
        if not _ATTRIBUTE.fullmatch(text):
            raise UnservableError(
                f"sticky cookie {cookie.name}: {what} {text[:80]!r} has characters that none may have"
            )
    if cookie.path:
        yield "Path", cookie.path
    if cookie.domain:
        yield "Domain", cookie.domain
    if cookie.max_age:
        yield "Max-Age", str(max(0, cookie.max_age))
    if cookie.http_only:
        yield "HttpOnly", ""
    if cookie.secure:
        yield "Secure", ""
    if cookie.same_site:
        yield "SameSite", cookie.same_site.capitalize()
