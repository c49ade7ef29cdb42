"""Routers below others (upstream's multi-layer routing): a parent has a rule and middlewares but no service; what
it matches goes to that child below it whose rule matches too, or nowhere.

Here a child is a router for the requests that both rules match, with the parent's middlewares before its own, in
the parent's place among all others; one more router without a service answers 404 to what no child wants. So a
child's rule sees the request as it came. Where a middleware above changes what it asks for, that would be another
answer than upstream's, and it is refused.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from hearthgate.ingress.middlewares.client_certificate import ClientCertificate
from hearthgate.ingress.middlewares.credentials import BasicAuth
from hearthgate.ingress.middlewares.digest import DigestAuth
from hearthgate.ingress.middlewares.forward_auth import ForwardAuth
from hearthgate.ingress.middlewares.headers import Headers
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.paths import (
    AddPrefix,
    ReplacePath,
    ReplacePathRegex,
    StripPrefix,
    StripPrefixRegex,
)
from hearthgate.ingress.routing.model import Router
from hearthgate.rules.regex import found
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or

LAST: Final = -(1 << 63)
"""Below every priority that a child may have."""
_PATHS: Final = (AddPrefix, ReplacePath, ReplacePathRegex, StripPrefix, StripPrefixRegex)
_PATH_MATCHERS: Final = (Matcher.PATH, Matcher.PATH_PREFIX, Matcher.PATH_REGEXP)
_HEADER_MATCHERS: Final = (Matcher.HEADER, Matcher.HEADER_REGEXP)
_HOST_MATCHERS: Final = (Matcher.HOST, Matcher.HOST_REGEXP)


class Place(NamedTuple):
    """Where the routers of a route stand. `before`: the middlewares that come before its own. `parent`: what it is
    below. `suffix`: for the router's name, where a route stands below several parents in one place."""

    entrypoint: str
    tls: bool
    tls_options: str
    before: tuple[Middleware, ...] = ()
    parent: Router | None = None
    suffix: str = ""


def places_below(parents: Iterable[Router]) -> Iterator[Place]:
    """A place for each parent."""
    above = tuple(parents)
    shared = Counter((parent.entrypoint, parent.tls) for parent in above)
    for parent in above:
        alone = shared[parent.entrypoint, parent.tls] == 1
        suffix = "" if alone else f"-{hashlib.sha256(parent.name.encode()).hexdigest()[:8]}"
        yield Place(
            parent.entrypoint, parent.tls, parent.tls_options, parent.middlewares, parent=parent, suffix=suffix
        )


def rest_of(parent: Router) -> Router:
    """Answers what no child wants."""
    return msgspec.structs.replace(parent, above=parent.order, priority=LAST)


def changed_before(rule: Expression, middlewares: Iterable[Middleware]) -> str | None:
    """What the rule asks for and a middleware changes before upstream would ask, in words; None when nothing."""
    conditions = tuple(_conditions(rule))
    for middleware in middlewares:
        for condition in conditions:
            if _changes(middleware, condition):
                return f"{condition.matcher.value} asks for what {middleware.name} changes"
    return None


def _conditions(expression: Expression) -> Iterator[Condition]:
    match expression:
        case Condition():
            yield expression
        case Not(operand):
            yield from _conditions(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _conditions(operand)


def _changes(middleware: Middleware, condition: Condition) -> bool:
    if condition.matcher in _PATH_MATCHERS:
        return isinstance(middleware, _PATHS)
    if condition.matcher in _HOST_MATCHERS:
        return isinstance(middleware, Headers) and bool(middleware.host)
    return condition.matcher in _HEADER_MATCHERS and _changes_header(middleware, condition.arguments[0].lower())


def _changes_header(middleware: Middleware, name: str) -> bool:
    match middleware:
        case Headers(request=fields):
            return any(field[0].lower() == name for field in fields)
        case ForwardAuth():
            listed = name in (each.lower() for each in (*middleware.response_headers, middleware.user_header))
            pattern = middleware.response_pattern
            return listed or bool(pattern and found(f"(?i){pattern}", name))
        case BasicAuth() | DigestAuth():
            removed = middleware.remove_header and name == "authorization"
            return removed or name == middleware.header_field.lower()
        case ClientCertificate():
            return name.startswith("x-forwarded-tls-client-cert")
        case StripPrefix() | StripPrefixRegex():
            return name == "x-forwarded-prefix"
        case ReplacePath() | ReplacePathRegex():
            return name == "x-replaced-path"
    return False
