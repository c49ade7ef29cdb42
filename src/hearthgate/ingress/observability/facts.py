"""What the server of metrics and of the API knows: the newest outcome, and a count of those before it."""

from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.model import Endpoints, RoutingModel
from hearthgate.model.problems import Problem

NO_ENDPOINTS: Final[Endpoints] = {}


class Facts(NamedTuple):
    """model, endpoints, problems: of the newest snapshot. reloads: changed configurations so far. confirmed_at:
    when the proxy last confirmed one, in seconds since 1970, 0 = never. apply_seconds: what the last one took."""

    model: RoutingModel = RoutingModel()
    endpoints: Endpoints = NO_ENDPOINTS
    problems: tuple[Problem, ...] = ()
    confirmed: bool = False
    reloads: int = 0
    confirmed_at: float = 0.0
    apply_seconds: float = 0.0
    started_at: float = 0.0
    snapshot: Snapshot | None = None


class News(NamedTuple):
    """What became of one snapshot."""

    snapshot: Snapshot
    model: RoutingModel
    endpoints: Endpoints
    problems: tuple[Problem, ...]
    confirmed: bool
    apply_seconds: float = 0.0


def after(facts: Facts, news: News, *, now: float) -> Facts:
    """The facts after one more outcome. What is told twice, pending and then confirmed, counts once."""
    changed = news.model != facts.model or not facts.reloads
    confirmed = news.confirmed
    return facts._replace(
        snapshot=news.snapshot,
        model=news.model,
        endpoints=news.endpoints,
        problems=news.problems,
        confirmed=confirmed,
        apply_seconds=news.apply_seconds,
        reloads=facts.reloads + changed,
        confirmed_at=now if confirmed and (changed or not facts.confirmed) else facts.confirmed_at,
    )
