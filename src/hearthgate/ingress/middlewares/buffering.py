"""buffering (traefik.io Middleware)."""

from functools import partial
from typing import Final

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.expressions import Expression, Function, Mistake, evaluate, parse
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Reason
from hearthgate.resources.traefik import limits as spec

MAX_TRIES: Final = 10
"""Upstream's own bound, whatever the expression says."""
NETWORK_ERRORS: Final = frozenset((502, 504))
"""What upstream takes for a network error: statuses, its own and the backend's alike."""
_FINAL: Final = range(200, 600)

FUNCTIONS: Final = {
    "Attempts": Function(),
    "IsNetworkError": Function(is_boolean=True),
    "ResponseCode": Function(),
}


class Retries(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """count: tries after the first. codes: statuses that are tried again."""

    count: int
    codes: tuple[int, ...]


class Buffering(Middleware, frozen=True, kw_only=True):
    """Bytes; a maximum of 0 is none. What exceeds the memory is kept on disk."""

    max_request: int = 0
    request_memory: int = 1 << 20
    max_response: int = 0
    response_memory: int = 1 << 20
    retries: Retries | None = None


def buffering(options: spec.Buffering, draft: Draft) -> Buffering:
    for field, value in (
        ("maxRequestBodyBytes", options.max_request_body_bytes),
        ("memRequestBodyBytes", options.mem_request_body_bytes),
        ("maxResponseBodyBytes", options.max_response_body_bytes),
        ("memResponseBodyBytes", options.mem_response_body_bytes),
    ):
        if value < 0:
            draft.refuse(field, f"must not be negative: {value} (0: no limit)")
    return Buffering(
        name=draft.name,
        max_request=max(0, options.max_request_body_bytes),
        request_memory=max(0, options.mem_request_body_bytes),
        max_response=max(0, options.max_response_body_bytes),
        response_memory=max(0, options.mem_response_body_bytes),
        retries=_retries(options.retry_expression, draft) if options.retry_expression.strip() else None,
    )


def _retries(text: str, draft: Draft) -> Retries | None:
    parsed = parse(text, FUNCTIONS)
    if isinstance(parsed, Mistake):
        draft.refuse("retryExpression", str(parsed))
        return None
    tried_again = [_codes(parsed, attempt) for attempt in range(1, MAX_TRIES + 1)]
    codes = tried_again[0]
    count = next((place for place, wanted in enumerate(tried_again) if not wanted), MAX_TRIES)
    if any(wanted != (codes if place < count else ()) for place, wanted in enumerate(tried_again)):
        message = "each try must have the same conditions: use one bound, such as Attempts() < 3, for all"
        draft.refuse("retryExpression", message, Reason.UNSUPPORTED)
        return None
    return Retries(count=count, codes=codes) if count else None


def _codes(expression: Expression, attempt: int) -> tuple[int, ...]:
    """The statuses that are tried again after this attempt."""

    def call(code: int, function: str, _: tuple[float, ...]) -> float:
        if function == "Attempts":
            return attempt
        return code if function == "ResponseCode" else code in NETWORK_ERRORS

    return tuple(code for code in _FINAL if evaluate(expression, partial(call, code)))
