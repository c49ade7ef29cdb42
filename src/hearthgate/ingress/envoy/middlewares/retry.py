"""retry: the route's own RetryPolicy in place of the cluster's.

Statuses are tried again only for requests that may be repeated, what did not reach a backend for all: so a list
with both splits by method. Envoy draws each wait at random between nothing and what is asked for.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from hearthgate.ingress.envoy.messages import duration, make
from hearthgate.ingress.envoy.middlewares.conditions import matches
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.retries import retry_policy
from hearthgate.ingress.middlewares.buffering import NETWORK_ERRORS
from hearthgate.ingress.middlewares.retry import Retry

NOT_IDEMPOTENT: Final = "POST|LOCK|PATCH"
_SOONEST: Final = 0.001
TWICE: Final = "another middleware before it tries again already: take one of the two out"


def retry(middleware: Retry, lane: Lane) -> Steps | Refusal:
    if lane.retry is not None:
        return Refusal(TWICE)
    if not middleware.retries:
        return (lane,)
    every = _retrying(lane, middleware, middleware.codes)
    if not middleware.codes or middleware.every_method:
        return (every,)
    cautious = _retrying(lane.when(matches(":method", NOT_IDEMPOTENT)), middleware, ())
    return (cautious, every)


def _retrying(lane: Lane, middleware: Retry, codes: tuple[int, ...]) -> Lane:
    wanted = policy(middleware.retries, codes, network=middleware.network, interval=middleware.interval)
    return replace(lane, retry=wanted, body_limit=max(lane.body_limit, middleware.max_body))


def policy(retries: int, codes: Iterable[int], *, network: bool, interval: float = 0.0) -> Any:
    """A RetryPolicy. codes: statuses that are tried again. network: try again what has not reached a backend.
    interval: seconds before the first retry."""
    codes = tuple(codes)
    reasons = ["connect-failure", "refused-stream", "reset-before-request"] if network else []
    if codes:
        reasons.append("retriable-status-codes")
    if NETWORK_ERRORS & set(codes):
        # The proxy's own answers have these statuses too, as upstream's.
        reasons += ["connect-failure", "refused-stream", "reset"]
    wait = max(_SOONEST, interval)
    return make(
        "envoy.config.route.v3.RetryPolicy",
        **retry_policy()
        | {
            "retry_on": ",".join(dict.fromkeys(reasons)),
            "num_retries": {"value": retries if reasons else 0},
            "retriable_status_codes": codes,
            "retry_back_off": {"base_interval": duration(wait), "max_interval": duration(2 * wait)},
        },
    )
