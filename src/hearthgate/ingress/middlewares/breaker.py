"""circuitBreaker (traefik.io Middleware)."""

from http import HTTPStatus
from typing import Final

from hearthgate.ingress.middlewares.counted import Counted
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.durations import seconds
from hearthgate.ingress.middlewares.expressions import Condition, Expression, Function, Mistake, parse
from hearthgate.model.problems import Reason
from hearthgate.resources.traefik import limits as spec

MIN_PERIOD: Final = 0.01
"""Seconds. More often would only be work."""


class CircuitBreaker(Counted, frozen=True, kw_only=True):
    """Answers `status` while `expression` holds. Times in seconds."""

    expression: Expression
    check_period: float = 0.1
    fallback: float = 10.0
    recovery: float = 10.0
    status: int = 503


def _ranges(arguments: tuple[float, ...]) -> str:
    if any(code != int(code) for code in arguments):
        return "status codes are whole numbers"
    first, after, other, other_after = arguments
    return "" if first < after and other < other_after else "a range ends before it begins"


def _quantile(arguments: tuple[float, ...]) -> str:
    return "" if 0 <= arguments[0] <= 100 else "a quantile is 0 to 100"


FUNCTIONS: Final = {
    "NetworkErrorRatio": Function(),
    "ResponseCodeRatio": Function(("from", "to", "dividedByFrom", "dividedByTo"), check=_ranges),
    "LatencyAtQuantileMS": Function(("quantile",), check=_quantile),
}


def circuit_breaker(options: spec.CircuitBreaker, draft: Draft) -> CircuitBreaker:
    parsed = parse(options.expression, FUNCTIONS)
    if isinstance(parsed, Mistake):
        reason = Reason.INVALID_VALUE if options.expression.strip() else Reason.MISSING_FIELD
        draft.refuse("expression", str(parsed), reason)
    status = options.response_code
    if status < 200 or status not in HTTPStatus._value2member_map_:
        draft.refuse("responseCode", f"not the status of an answer: {status} (use 503)")
    period = seconds(options.check_period, draft, "checkPeriod", default=0.1)
    return CircuitBreaker(
        name=draft.name,
        expression=parsed if not isinstance(parsed, Mistake) else Condition("NetworkErrorRatio", (), ">", 1.0),
        check_period=max(MIN_PERIOD, period),
        fallback=seconds(options.fallback_duration, draft, "fallbackDuration", default=10.0),
        recovery=seconds(options.recovery_duration, draft, "recoveryDuration", default=10.0),
        status=status,
    )
