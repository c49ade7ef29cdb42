"""Services to weighted choices: nested weights multiplied out exactly, sticky members told apart by cookie.

What takes over from whom is told in the order of preference, so that a choice among services that fail over is a
choice among such orders.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import product
from math import gcd, lcm, prod
from typing import Final, NamedTuple

from hearthgate.ingress.middlewares.buffering import Buffering
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.routing.model import (
    FailoverService,
    LoadBalancer,
    MirroredService,
    Service,
    StickyCookie,
    WeightedMember,
    WeightedService,
)

MAX_CHOICES: Final = 256
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_MAX_TOTAL: Final = 2**32 - 1  # Envoy's: weights of one route and their sum are 32 bits
Chain = tuple[LoadBalancer, ...]
"""Load balancers in the order of preference: each takes over when none of those before can serve."""


class UnservableError(ValueError):
    """A service that the proxy cannot be told to serve. The text says why, and the way out."""


class Copies(NamedTuple):
    """Who gets copies of `percent` of a hundred requests. See MirroredService."""

    percent: int
    balancer: LoadBalancer
    body: bool
    max_body: int


class Again(NamedTuple):
    """Who is asked next, one chain after the other, when an answer has one of `statuses`."""

    statuses: tuple[int, ...]
    tries: tuple[Chain, ...]


class Target(NamedTuple):
    """One upstream with its share. `balancer` None: a member that has nothing to choose from.
    `cookies`: Set-Cookie values that keep a client here. `spares`: who takes over from `balancer`.
    `middlewares`: what happens to requests that go here, after the router's."""

    weight: int
    balancer: LoadBalancer | None
    cookies: tuple[str, ...] = ()
    spares: Chain = ()
    again: Again | None = None
    middlewares: tuple[Middleware, ...] = ()
    copies: tuple[Copies, ...] = ()

    @property
    def chain(self) -> Chain:
        return (self.balancer, *self.spares) if self.balancer is not None else ()


class Choice(NamedTuple):
    """What requests that carry all of `cookies` (name, value) choose from. Empty `targets`: nothing. `by_client`:
    the client's address decides."""

    cookies: tuple[tuple[str, str], ...]
    targets: tuple[Target, ...]
    by_client: bool = False


def choices(service: Service) -> tuple[Choice, ...]:
    """The first choice whose cookies a request carries is its own; the last one asks for none.

    Raises UnservableError.
    """
    if isinstance(service, LoadBalancer):
        return (Choice((), (Target(1, service),)),)
    if isinstance(service, MirroredService):
        copies = tuple(_copies(service))
        return tuple(_copied(choice, copies) for choice in choices(service.service))
    if isinstance(service, FailoverService):
        return _failing_over(service)
    members = [member for member in service.members if member.weight > 0]
    if not members:
        return (Choice((), ()),)
    inner = [choices(member.service) for member in members]
    if len(members) > 1 and any(choice.by_client for options in inner for choice in options):
        raise UnservableError(
            f"{service.name}: highestRandomWeight is not supported below weights: name it in a route of its own"
        )
    found: list[Choice] = []
    if service.sticky is not None:
        for member, options in zip(members, inner, strict=True):
            cookie = (service.sticky.name, member_value(member))
            found += (
                choice._replace(cookies=(cookie, *choice.cookies), targets=_through(member, choice.targets))
                for choice in options
            )
    _bound(service, len(found) + prod(map(len, inner)))
    return (*found, *_mixed(service, members, inner))


def _bound(service: Service, count: int) -> None:
    if count > MAX_CHOICES:
        raise UnservableError(
            f"{service.name}: more than {MAX_CHOICES} combinations of sticky services: make fewer of them sticky"
        )


def _through(member: WeightedMember, targets: Iterable[Target]) -> tuple[Target, ...]:
    """Targets of a member, with what happens on the way to it."""
    if not member.middlewares:
        return tuple(targets)
    return tuple(target._replace(middlewares=(*member.middlewares, *target.middlewares)) for target in targets)


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
                target._replace(weight=target.weight * share, cookies=(*own, *target.cookies))
                for target in _through(member, choice.targets or (Target(1, None),))
            )
        cookies = tuple(cookie for choice in combination for cookie in choice.cookies)
        by_client = service.by_client or any(choice.by_client for choice in combination)
        yield Choice(cookies, _reduced(_covered(targets)), by_client)


def _covered(targets: list[Target]) -> list[Target]:
    """A member that failed its health check gets nothing: the others take over, as upstream's choice skips it."""
    found = []
    for place, target in enumerate(targets):
        balancer, spares = target.balancer, target.spares
        if balancer is not None and balancer.check is not None and balancer.sticky is None:
            others = (*targets[place + 1 :], *targets[:place])
            alike = (one for one in others if _way(one) == _way(target))
            spares = _chain((balancer,), spares, *(one.chain for one in alike))[1 : _MAX_SPARES + 1]
        found.append(target._replace(spares=spares))
    return found


_MAX_SPARES: Final = 8


def _way(target: Target) -> tuple[object, ...]:
    """What would be lost or gained if another target took over."""
    return (target.middlewares, target.copies, target.again is None)


def _chain(*chains: Iterable[LoadBalancer]) -> Chain:
    """One after the other, each once."""
    return tuple(dict.fromkeys(balancer for chain in chains for balancer in chain))


def _copies(service: MirroredService) -> Iterator[Copies]:
    for mirror in service.mirrors:
        targets = choices(mirror.service)[-1].targets
        if len(targets) > 1 or any(_way(target) != _way(Target(1, None)) for target in targets):
            raise UnservableError(
                f"{service.name}: copies go to plain services: name the members of {mirror.service.name} as "
                "mirrors with their shares of the percent"
            )
        for target in targets:
            if target.balancer is not None:
                yield Copies(mirror.percent, target.balancer, service.body, service.max_body)


def _copied(choice: Choice, copies: tuple[Copies, ...]) -> Choice:
    targets = (target._replace(copies=(*target.copies, *copies)) for target in choice.targets)
    return choice._replace(targets=tuple(targets))


_NOTHING: Final = (Target(1, None),)


def _failing_over(service: FailoverService) -> tuple[Choice, ...]:
    inner = choices(service.service), choices(service.fallback)
    _bound(service, prod(map(len, inner)))
    found = []
    for main, fallback in product(*inner):
        if fallback.by_client or (main.by_client and len(fallback.targets) > 1):
            raise UnservableError(
                f"{service.name}: highestRandomWeight is not supported as a fallback: take a weighted service"
            )
        pairs = product(main.targets or _NOTHING, fallback.targets or _NOTHING)
        targets = [_falling_back(service, one, main.targets, other, fallback.targets) for one, other in pairs]
        found.append(Choice((*main.cookies, *fallback.cookies), _reduced(targets), main.by_client))
    return tuple(found)


def _falling_back(
    service: FailoverService,
    target: Target,
    mains: Sequence[Target],
    other: Target,
    fallbacks: Sequence[Target],
) -> Target:
    """`target`, one of `mains`, with `other`, one of `fallbacks`, behind it. The rest of both comes before what is
    less preferred."""
    if other.copies or any(one.middlewares for one in (target, other) if not _is_bound(one)):
        raise UnservableError(
            f"{service.name}: middlewares and mirrors below a failover are not supported: "
            "list them where a route names it"
        )
    fallback = _chain(other.chain, *(one.chain for one in fallbacks))
    again = target.again
    if service.statuses and fallback:
        again = _joined(service, (target.again, Again(service.statuses, (fallback,)), other.again))
    elif other.again is not None:
        again = _joined(service, (target.again, other.again))
    chain = _chain(target.chain, *(one.chain for one in mains), fallback)
    limit: tuple[Middleware, ...] = target.middlewares or other.middlewares
    if service.statuses and service.max_body >= 0:
        limit = (Buffering(name=service.name, max_request=max(1, service.max_body)),)
    return Target(
        weight=target.weight * other.weight,
        balancer=chain[0] if chain else None,
        cookies=target.cookies,
        spares=chain[1:],
        again=again,
        middlewares=limit,
        copies=target.copies,
    )


def _is_bound(target: Target) -> bool:
    """Whether its middlewares are but the bounds that failovers set on bodies."""
    return target.again is not None and all(isinstance(one, Buffering) for one in target.middlewares)


def _joined(service: FailoverService, found: Iterable[Again | None]) -> Again:
    several = [one for one in found if one is not None]
    if len({one.statuses for one in several}) > 1:
        raise UnservableError(f"{service.name}: failovers below each other need the same errors.status")
    return Again(several[0].statuses, tuple(chain for one in several for chain in one.tries))


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
