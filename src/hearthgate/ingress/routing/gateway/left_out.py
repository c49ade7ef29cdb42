"""What the proxy cannot do for a route is known after everything else has been said of it. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from hearthgate.ingress.routing.gateway.verdicts import (
    ACCEPTED,
    PARTIALLY_INVALID,
    RouteVerdict,
    Verdict,
    accepted,
    condition,
)
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition

_REASON = "UnsupportedValue"


def with_left_out(
    verdicts: Iterable[Verdict], problems: Iterable[Problem], serving: Collection[ObjectRef]
) -> tuple[Verdict, ...]:
    """The verdicts after translation. problems: of the translation. A route with an error is accepted in part
    while it is one of `serving`, else not at all."""
    texts: defaultdict[ObjectRef, list[str]] = defaultdict(list)
    for problem in problems:
        if problem.is_error:
            texts[problem.ref].append(f"{problem.field}: {problem.message}")
    return tuple(
        _less(verdict, "; ".join(texts[verdict.ref]), serves=verdict.ref in serving)
        if isinstance(verdict, RouteVerdict) and verdict.ref in texts
        else verdict
        for verdict in verdicts
    )


def _less(verdict: RouteVerdict, text: str, *, serves: bool) -> RouteVerdict:
    parents = [
        parent._replace(conditions=tuple(_conditions(parent.conditions, text, serves=serves)))
        for parent in verdict.parents
    ]
    return verdict._replace(parents=tuple(parents))


def _conditions(said: Iterable[Condition], text: str, *, serves: bool) -> Iterator[Condition]:
    for one in said:
        if one.type != ACCEPTED or one.status != "True":
            yield one
        elif serves:
            yield one
            yield condition(PARTIALLY_INVALID, True, _REASON, f"Dropped Rule: {text}")
        else:
            yield accepted(_REASON, text)
