"""What one route gives to the model, and what is to be said of it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hearthgate.ingress.routing.gateway.attachments import Attached
from hearthgate.ingress.routing.gateway.faults import Fault, Touches
from hearthgate.ingress.routing.gateway.verdicts import (
    PARTIALLY_INVALID,
    GatewayKey,
    ParentVerdict,
    RouteVerdict,
    accepted,
    condition,
    resolved,
)
from hearthgate.ingress.routing.routers import Linked
from hearthgate.ingress.routing.streams import LinkedStreams
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition

PolicyUse = tuple[tuple[str, str], GatewayKey]
"""The key of a BackendTLSPolicy, and of a Gateway that it matters for."""


class RouteOutcome(NamedTuple):
    """linked: routers of requests. streams: routers of connections and datagrams. Both None when no parent of the
    route is ours."""

    verdict: RouteVerdict
    linked: Linked | None = None
    streams: LinkedStreams | None = None
    policies: frozenset[PolicyUse] = frozenset()


def route_verdict(
    ref: ObjectRef, attached: Sequence[Attached], faults: Iterable[Fault], *, rules: int, dropped: int
) -> RouteVerdict:
    """rules: how many the route has; dropped: how many of them do not serve at all."""
    faults = tuple(faults)
    parents = tuple(
        ParentVerdict(
            one.parent, one.gateway.controller, tuple(_conditions(one, faults, rules=rules, dropped=dropped))
        )
        for one in attached
    )
    targets = tuple(dict.fromkeys(target for one in attached for target in one.targets))
    return RouteVerdict(ref, parents, targets)


def _conditions(one: Attached, faults: tuple[Fault, ...], *, rules: int, dropped: int) -> Iterable[Condition]:
    unsupported = [fault for fault in faults if fault.touches is Touches.UNSUPPORTED]
    references = [fault for fault in faults if fault.touches is Touches.REFERENCE]
    if one.reason:
        yield accepted(one.reason, one.message)
    elif unsupported and dropped >= rules:
        yield accepted(unsupported[0].reason, _text(unsupported))
    else:
        yield accepted()
        if unsupported:
            yield condition(PARTIALLY_INVALID, True, unsupported[0].reason, f"Dropped Rule: {_text(unsupported)}")
    yield resolved(references[0].reason, _text(references)) if references else resolved()


def _text(faults: list[Fault]) -> str:
    text = "; ".join(f"{fault.problem.field}: {fault.problem.message}" for fault in faults)
    return text if len(text) <= 1000 else f"{text[:999]}…"
