"""From manifests to the checked values of the middlewares that shape traffic, and their mistakes."""

from typing import Any

import pytest

from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.buffering import Buffering, Retries
from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.middlewares.counting import counter
from hearthgate.ingress.middlewares.durations import go_duration
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.retry import MAX_BODY, Retry
from hearthgate.ingress.middlewares.sources import Source, SourceKind
from hearthgate.resources import traefik
from hearthgate.resources.decode import decode_mapping


def built(kind: str, options: dict[str, Any]) -> tuple[Middleware | None, list[str]]:
    decoded = decode_mapping(
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "Middleware",
            "metadata": {"name": "m", "namespace": "default"},
            "spec": {kind: options},
        }
    )
    assert isinstance(decoded.resource, traefik.Middleware), decoded.problems
    assert not decoded.problems
    value, problems = build_middleware(decoded.resource, lambda _: None)
    return value, [f"{one.severity} {one.reason} {one.field}: {one.message}" for one in problems]


NAME = "default-m@kubernetescrd"
PEER = Source()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"average": 100}, RateLimit(name=NAME, rate=100.0, burst=1, source=PEER)),
        ({"average": 6, "period": "1m", "burst": 5}, RateLimit(name=NAME, rate=0.1, burst=5, source=PEER)),
        ({"average": 6, "period": 60, "burst": 0}, RateLimit(name=NAME, rate=0.1, burst=1, source=PEER)),
        ({"average": 6, "period": 0}, RateLimit(name=NAME, rate=6.0, burst=1, source=PEER)),
        ({"burst": 5}, RateLimit(name=NAME, rate=0.0, burst=5, source=PEER)),
        (
            {"average": 1, "sourceCriterion": {"requestHeaderName": "X-User"}},
            RateLimit(name=NAME, rate=1.0, burst=1, source=Source(kind=SourceKind.HEADER, header="x-user")),
        ),
        (
            {"average": 1, "sourceCriterion": {"ipStrategy": {"ipv6Subnet": 64}}},
            RateLimit(name=NAME, rate=1.0, burst=1, source=Source(ipv6_subnet=64)),
        ),
        (
            {"average": 1, "sourceCriterion": {"ipStrategy": {"excludedIPs": ["10.0.0.1/8"]}}},
            RateLimit(
                name=NAME, rate=1.0, burst=1, source=Source(kind=SourceKind.FORWARDED, excluded=("10.0.0.0/8",))
            ),
        ),
    ],
)
def test_rate_limits(options: dict[str, Any], expected: RateLimit) -> None:
    assert built("rateLimit", options) == (expected, [])


def test_shared_buckets_are_refused() -> None:
    spec = {"rateLimit": {"average": 1, "redis": {"endpoints": ["redis:6379"]}}}
    metadata = {"name": "m", "namespace": "default"}
    decoded = decode_mapping(
        {"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware", "metadata": metadata, "spec": spec}
    )
    assert [(one.reason, one.field) for one in decoded.problems] == [("Unsupported", "spec.rateLimit.redis")]


def test_requests_under_way_are_counted_by_host_unless_said_otherwise() -> None:
    host = Source(kind=SourceKind.HOST)
    assert built("inFlightReq", {"amount": 3}) == (InFlightReq(name=NAME, amount=3, source=host), [])
    value, _ = built("inFlightReq", {"amount": 3, "sourceCriterion": {"ipStrategy": {"depth": 2}}})
    assert value == InFlightReq(name=NAME, amount=3, source=Source(kind=SourceKind.FORWARDED, depth=2))


@pytest.mark.parametrize(
    ("expression", "retries"),
    [
        ("IsNetworkError() && Attempts() < 3", Retries(count=2, codes=(502, 504))),
        ("IsNetworkError() && Attempts() <= 2", Retries(count=2, codes=(502, 504))),
        ("ResponseCode() == 503 && Attempts() < 2", Retries(count=1, codes=(503,))),
        ("ResponseCode() >= 598", Retries(count=10, codes=(598, 599))),
        ("Attempts() < 1", None),
        ("ResponseCode() == 99", None),
    ],
)
def test_retry_expressions(expression: str, retries: Retries | None) -> None:
    assert built("buffering", {"retryExpression": expression}) == (Buffering(name=NAME, retries=retries), [])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"attempts": 4}, Retry(name=NAME, retries=3)),
        ({"attempts": 1}, Retry(name=NAME, retries=0)),
        (
            {"attempts": 2, "status": ["503,500-501"], "initialInterval": "100ms"},
            Retry(name=NAME, retries=1, codes=(500, 501, 503), interval=0.1),
        ),
        (
            {
                "attempts": 2,
                "status": ["503"],
                "disableRetryOnNetworkError": True,
                "retryNonIdempotentMethod": True,
            },
            Retry(name=NAME, retries=1, codes=(503,), network=False, every_method=True),
        ),
        ({"attempts": 2, "maxRequestBodyBytes": 5}, Retry(name=NAME, retries=1, max_body=5)),
    ],
)
def test_retries(options: dict[str, Any], expected: Retry) -> None:
    assert built("retry", options) == (expected, [])


def test_a_breaker_has_upstreams_defaults() -> None:
    value, problems = built("circuitBreaker", {"expression": "NetworkErrorRatio() > 0.3"})
    assert not problems
    assert isinstance(value, CircuitBreaker)
    assert (value.check_period, value.fallback, value.recovery, value.status) == (0.1, 10.0, 10.0, 503)


MISTAKES = [
    ("rateLimit", {"average": 1, "period": "-1s"}, "error InvalidValue spec.rateLimit.period"),
    ("rateLimit", {"average": 1, "period": "soon"}, "error InvalidValue spec.rateLimit.period"),
    (
        "rateLimit",
        {"average": 1, "sourceCriterion": {"requestHost": True, "requestHeaderName": "X"}},
        "error InvalidValue spec.rateLimit.sourceCriterion",
    ),
    (
        "rateLimit",
        {"average": 1, "sourceCriterion": {"requestHeaderName": "X Y"}},
        "error InvalidValue spec.rateLimit.sourceCriterion.requestHeaderName",
    ),
    (
        "rateLimit",
        {"average": 1, "sourceCriterion": {"ipStrategy": {"excludedIPs": ["x"]}}},
        "error InvalidValue spec.rateLimit.sourceCriterion.ipStrategy.excludedIPs[0]",
    ),
    (
        "rateLimit",
        {"average": 1, "sourceCriterion": {"ipStrategy": {"ipv6Subnet": 200}}},
        "error InvalidValue spec.rateLimit.sourceCriterion.ipStrategy.ipv6Subnet",
    ),
    (
        "rateLimit",
        {"average": 1, "sourceCriterion": {"ipStrategy": {"depth": 1, "excludedIPs": ["10.0.0.0/8"]}}},
        "warning InvalidValue spec.rateLimit.sourceCriterion.ipStrategy.excludedIPs",
    ),
    ("inFlightReq", {}, "warning InvalidValue spec.inFlightReq.amount"),
    ("buffering", {"maxRequestBodyBytes": -1}, "error InvalidValue spec.buffering.maxRequestBodyBytes"),
    (
        "buffering",
        {"retryExpression": "Atempts() < 2"},
        "error InvalidValue spec.buffering.retryExpression: column 1",
    ),
    (
        "buffering",
        {"retryExpression": "ResponseCode() == 503 && Attempts() < 2 || IsNetworkError() && Attempts() < 3"},
        "error Unsupported spec.buffering.retryExpression",
    ),
    ("buffering", {"retryExpression": "Attempts() > 1"}, "error Unsupported spec.buffering.retryExpression"),
    ("circuitBreaker", {}, "error MissingField spec.circuitBreaker.expression"),
    ("circuitBreaker", {"expression": "x"}, "error InvalidValue spec.circuitBreaker.expression: column 1"),
    (
        "circuitBreaker",
        {"expression": "NetworkErrorRatio() > 1", "responseCode": 199},
        "error InvalidValue spec.circuitBreaker.responseCode",
    ),
    (
        "circuitBreaker",
        {"expression": "NetworkErrorRatio() > 1", "fallbackDuration": "-1s"},
        "error InvalidValue spec.circuitBreaker.fallbackDuration",
    ),
    ("retry", {}, "error MissingField spec.retry.attempts"),
    ("retry", {"attempts": 100_000}, "error InvalidValue spec.retry.attempts"),
    (
        "retry",
        {"attempts": 2, "disableRetryOnNetworkError": True},
        "error InvalidValue spec.retry.disableRetryOnNetworkError",
    ),
    ("retry", {"attempts": 2, "status": ["599-500"]}, "error InvalidValue spec.retry.status[0]"),
    ("retry", {"attempts": 2, "timeout": "5s"}, "warning Unsupported spec.retry.timeout"),
    (
        "retry",
        {"attempts": 2, "maxRequestBodyBytes": -1},
        "warning InvalidValue spec.retry.maxRequestBodyBytes",
    ),
    ("grpcWeb", {"allowOrigins": ["page.test"]}, "error InvalidValue spec.grpcWeb.allowOrigins[0]"),
]


@pytest.mark.parametrize(("kind", "options", "problem"), MISTAKES)
def test_mistakes(kind: str, options: dict[str, Any], problem: str) -> None:
    value, problems = built(kind, options)
    assert [one[: len(problem)] for one in problems] == [problem]
    assert (value is None) == problem.startswith("error")


def test_unbounded_bodies_are_bounded() -> None:
    value, _ = built("retry", {"attempts": 2, "maxRequestBodyBytes": -1})
    assert isinstance(value, Retry)
    assert value.max_body == MAX_BODY


def test_waits_that_do_not_fit_into_the_timeout_are_left_out() -> None:
    value, _ = built("retry", {"attempts": 10, "initialInterval": "100ms", "timeout": "350ms"})
    assert isinstance(value, Retry)
    assert value.retries == 3


def test_each_router_counts_for_itself() -> None:
    limit = RateLimit(name=NAME, rate=1.0, burst=1)
    other = Retry(name=NAME, retries=1)
    (one, kept), (two, _) = bound((limit, other), "a"), bound((limit, other), "b")
    assert kept is other
    assert isinstance(one, RateLimit)
    assert isinstance(two, RateLimit)
    assert counter(one) != counter(two)
    assert counter(one) == counter(bound((limit,), "a")[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (1e-9, "1ns"),
        (1.5e-6, "1.5µs"),
        (0.25, "250ms"),
        (0.1234567, "123.4567ms"),
        (1.0, "1s"),
        (59.5, "59.5s"),
        (60.0, "1m0s"),
        (3661.25, "1h1m1.25s"),
    ],
)
def test_durations_as_go_prints_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
