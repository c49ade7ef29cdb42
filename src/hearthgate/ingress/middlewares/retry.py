"""retry (traefik.io Middleware)."""

from typing import Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.durations import seconds
from hearthgate.ingress.middlewares.errors import parse_ranges
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Reason
from hearthgate.resources.traefik import limits as spec

MAX_BODY: Final = 64 << 20
"""Bytes of a body that are kept in memory to be sent again, when no limit is asked for."""
MAX_ATTEMPTS: Final = 1000


class Retry(Middleware, frozen=True, kw_only=True):
    """retries: tries after the first. codes: statuses that are tried again, those of every method only with
    `every_method`. network: try again what has not reached a backend. interval: seconds before the first retry,
    later ones wait up to twice as long. max_body: bytes of a body that is sent again."""

    retries: int
    codes: tuple[int, ...] = ()
    network: bool = True
    every_method: bool = False
    interval: float = 0.0
    max_body: int = 2 << 20


def retry(options: spec.Retry, draft: Draft) -> Retry:
    if not options.attempts:
        draft.refuse("attempts", "is required: how often to try in all, 2 or more", Reason.MISSING_FIELD)
    elif options.attempts > MAX_ATTEMPTS:
        draft.refuse("attempts", f"at most {MAX_ATTEMPTS}, not {options.attempts}")
    ranges = [
        one for index, text in enumerate(options.status) for one in parse_ranges(draft, f"status[{index}]", text)
    ]
    codes = {code for one in ranges for code in range(one.first, one.last + 1)}
    if options.disable_retry_on_network_error and not options.status:
        message = "leaves nothing to try again: name some status, or take it out"
        draft.refuse("disableRetryOnNetworkError", message)
    body = options.max_request_body_bytes
    if body < -1:
        draft.refuse("maxRequestBodyBytes", f"must not be negative: {body} (-1: no limit)")
    elif body == -1 or body > MAX_BODY:
        body = MAX_BODY
        draft.warn("maxRequestBodyBytes", f"bodies of more than {MAX_BODY} bytes are not tried again")
    interval = seconds(options.initial_interval, draft, "initialInterval", default=0.0)
    retries = max(0, options.attempts - 1)
    timeout = seconds(options.timeout, draft, "timeout", default=0.0)
    if timeout:
        if interval:
            retries = min(retries, int(timeout / interval))
        message = "bounds the waiting between tries: how long the tries themselves take does not count"
        draft.warn("timeout", message, Reason.UNSUPPORTED)
    return Retry(
        name=draft.name,
        retries=retries,
        codes=tuple(sorted(codes)),
        network=not options.disable_retry_on_network_error,
        every_method=options.retry_non_idempotent_method,
        interval=interval,
        max_body=max(0, body),
    )
