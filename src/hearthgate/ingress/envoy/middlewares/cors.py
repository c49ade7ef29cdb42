"""The CORS part of `headers`: preflights answered at once, headers on every other answer.

Envoy's own filter is not used: it knows no `*` beside credentials, and sends nothing without an Origin.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.conditions import is_value, matches
from hearthgate.ingress.envoy.middlewares.lane import Branch, Lane, Refusal
from hearthgate.ingress.envoy.middlewares.mutations import Change, mutation, on_response
from hearthgate.ingress.middlewares.headers import Cors

_ORIGIN: Final = cel.header("origin")
_METHOD: Final = "access-control-request-method"
_HEADERS: Final = "access-control-request-headers"
_VARY: Final = "response.headers['vary']"


def preflight(cors: Cors, lane: Lane) -> Branch | Refusal:
    """The answer to a preflight, whatever its origin: only an allowed one is named in it."""
    if lane.is_touched("origin", _METHOD):
        return Refusal("CORS must be decided before another middleware changes Origin: list this one first")
    part = lane.when(is_value(":method", "OPTIONS"), matches("origin", ".+"), matches(_METHOD, ".+"))
    return part.answer(200, "", _preflight_filter(cors))


@lru_cache(maxsize=4096)
def _preflight_filter(cors: Cors) -> Any:
    return mutation(response=on_response(_preflight_changes(cors)))


def _preflight_changes(cors: Cors) -> Iterator[Change]:
    if cors.credentials:
        yield Change("access-control-allow-credentials", "true")
    for name, allowed, asked in (
        ("access-control-allow-headers", cors.headers, _HEADERS),
        ("access-control-allow-methods", cors.methods, _METHOD),
    ):
        if cors.credentials and "*" in allowed:
            yield Change(name, expression=cel.header(asked))
        elif allowed:
            yield Change(name, ",".join(allowed))
    yield from _allowed_origin(cors)
    if cors.max_age is not None:
        yield Change("access-control-max-age", str(cors.max_age))


def changes(cors: Cors) -> Iterator[Change]:
    """The headers of an answer that is not a preflight's."""
    yield from _allowed_origin(cors)
    if cors.credentials:
        yield Change("access-control-allow-credentials", "true")
    if cors.expose and not (cors.credentials and "*" in cors.expose):
        yield Change("access-control-expose-headers", ",".join(cors.expose))
    if cors.vary:
        added = cel.either(f"{_VARY} == 'Origin'", "'Origin'", cel.around("", _VARY, ",Origin"))
        yield Change("vary", expression=cel.either("'vary' in response.headers", added, "'Origin'"))


def _allowed_origin(cors: Cors) -> Iterator[Change]:
    """The origin itself, or `*`. Nothing when it is not allowed, or when there is none to compare."""
    name = "access-control-allow-origin"
    star = "*" in cors.origins
    first = cors.origins[: cors.origins.index("*")] if star else cors.origins
    known = f"{_ORIGIN} in [{', '.join(cel.quote(origin) for origin in first)}]"
    if star and cors.credentials:
        yield Change(name, expression=_ORIGIN)
    elif star and first:
        yield Change(name, expression=cel.either(f"{cel.has_header('origin')} && {known}", _ORIGIN, "'*'"))
    elif star:
        yield Change(name, "*")
    elif cors.origins or cors.origin_regexes:
        tests = [known] if first else []
        tests += [cel.matches(_ORIGIN, regex) for regex in cors.origin_regexes]
        yield Change(name, expression=cel.either(f"({' || '.join(tests)})", _ORIGIN, "''"))
