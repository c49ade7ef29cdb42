"""rateLimit and inFlightReq (traefik.io Middleware)."""

from hearthgate.ingress.middlewares.counted import Counted
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.durations import seconds
from hearthgate.ingress.middlewares.sources import Source, SourceKind, source
from hearthgate.resources.traefik import limits as spec


class RateLimit(Counted, frozen=True, kw_only=True):
    """rate: requests a second, 0 = no limit. burst: how many may come at once, at least 1."""

    rate: float
    burst: int
    source: Source = Source()


class InFlightReq(Counted, frozen=True, kw_only=True):
    """At most `amount` requests of one source are under way."""

    amount: int
    source: Source = Source(kind=SourceKind.HOST)


def rate_limit(options: spec.RateLimit, draft: Draft) -> RateLimit:
    period = seconds(options.period, draft, "period", default=1.0) or 1.0
    return RateLimit(
        name=draft.name,
        rate=options.average / period,
        burst=max(1, options.burst),
        source=source(options.source_criterion, draft, SourceKind.PEER),
    )


def in_flight_req(options: spec.InFlightReq, draft: Draft) -> InFlightReq:
    if not options.amount:
        draft.warn("amount", "is 0, which refuses every request: say how many may be under way at once")
    return InFlightReq(
        name=draft.name,
        amount=options.amount,
        source=source(options.source_criterion, draft, SourceKind.HOST),
    )
