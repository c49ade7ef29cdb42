"""cert-manager's metrics, from the objects and from what was asked of CAs. Pure but for the counting."""

from bisect import insort
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from hearthgate.certificates.acme.transport import Call
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.metrics import Labels, Metric, family, head, labels
from hearthgate.resources.certmanager import Certificate, Challenge, ClusterIssuer, Issuer
from hearthgate.resources.meta import Condition, Resource

_CERTIFICATE: Final = ("name", "namespace", "issuer_name", "issuer_kind", "issuer_group")
_CONDITIONS: Final = ("True", "False", "Unknown")
_STATES: Final = ("pending", "valid", "ready", "invalid", "expired", "errored", "processing", "unknown")
_CALL: Final = ("scheme", "host", "action", "method", "status", "path")
"""`path` is what dashboards of older versions ask for; it says the same as `action`."""

READY: Final = Metric(
    "certmanager_certificate_ready_status",
    "gauge",
    ("name", "namespace", "condition", "issuer_name", "issuer_kind", "issuer_group"),
    "1 for the state of the certificate's Ready condition.",
)
EXPIRATION: Final = Metric(
    "certmanager_certificate_expiration_timestamp_seconds", "gauge", _CERTIFICATE, "When the certificate ends."
)
NOT_AFTER: Final = Metric(
    "certmanager_certificate_not_after_timestamp_seconds", "gauge", _CERTIFICATE, "When the certificate ends."
)
NOT_BEFORE: Final = Metric(
    "certmanager_certificate_not_before_timestamp_seconds", "gauge", _CERTIFICATE, "When the certificate begins."
)
RENEWAL: Final = Metric(
    "certmanager_certificate_renewal_timestamp_seconds", "gauge", _CERTIFICATE, "When it is to be renewed."
)
LIFETIME_LEFT: Final = Metric(
    "hearthgate_certificate_lifetime_left_ratio",
    "gauge",
    _CERTIFICATE,
    "The part of the certificate's lifetime that is left: 1 when it begins, 0 when it has ended.",
)
CHALLENGE: Final = Metric(
    "certmanager_certificate_challenge_status",
    "gauge",
    ("status", "domain", "reason", "processing", "name", "namespace", "type"),
    "1 for the state of the challenge.",
)
ISSUER: Final = Metric(
    "certmanager_issuer_ready_status",
    "gauge",
    ("name", "namespace", "condition"),
    "1 for the state of the issuer's Ready condition.",
)
CLUSTER_ISSUER: Final = Metric(
    "certmanager_clusterissuer_ready_status",
    "gauge",
    ("name", "condition"),
    "1 for the state of the issuer's Ready condition.",
)
CALLS: Final = Metric("certmanager_http_acme_client_request_count", "counter", _CALL, "Requests to CAs.")
DURATIONS: Final = Metric(
    "certmanager_http_acme_client_request_duration_seconds", "summary", _CALL, "How long requests to CAs took."
)
CLOCK: Final = Metric("certmanager_clock_time_seconds", "counter", (), "The time of this machine.")
CLOCK_GAUGE: Final = Metric("certmanager_clock_time_seconds_gauge", "gauge", (), "The time of this machine.")

METRICS: Final = (
    READY,
    EXPIRATION,
    NOT_AFTER,
    NOT_BEFORE,
    RENEWAL,
    LIFETIME_LEFT,
    CHALLENGE,
    ISSUER,
    CLUSTER_ISSUER,
    CALLS,
    DURATIONS,
    CLOCK,
    CLOCK_GAUGE,
)
_QUANTILES: Final = (0.5, 0.9, 0.99)
_REMEMBERED: Final = 500
_LONGEST_REASON: Final = 120


class CallCounts:
    """Counts requests to CAs. Give `observe` to whoever makes them."""

    def __init__(self) -> None:
        self._counts: Counter[Labels] = Counter()
        self._sums: defaultdict[Labels, float] = defaultdict(float)
        self._latest: defaultdict[Labels, deque[float]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))

    def observe(self, call: Call) -> None:
        key = (call.scheme, call.host, call.action, call.method, str(call.status), call.action)
        self._counts[key] += 1
        self._sums[key] += call.seconds
        self._latest[key].append(call.seconds)

    def lines(self) -> Iterator[str]:
        counts = sorted(self._counts.items())
        yield from family(CALLS, counts)
        yield head(DURATIONS)
        for key, count in counts:
            ordered: list[float] = []
            for seconds in tuple(self._latest[key]):
                insort(ordered, seconds)
            for quantile in _QUANTILES:
                said = labels((*_CALL, "quantile"), (*key, f"{quantile:g}"))
                yield f"{DURATIONS.name}{{{said}}} {ordered[int(quantile * (len(ordered) - 1))]}\n"
            said = labels(_CALL, key)
            yield f"{DURATIONS.name}_sum{{{said}}} {self._sums[key]}\n{DURATIONS.name}_count{{{said}}} {count}\n"


class _Times(NamedTuple):
    """Of one certificate, in seconds since 1970; 0 for what is not known."""

    labels: Labels
    not_before: float
    not_after: float
    renewal: float


def exposition(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    """The lines about objects."""
    certificates = snapshot.all(Certificate)
    yield from family(READY, _ready(certificates))
    times = [_times(certificate) for certificate in certificates]
    yield from family(EXPIRATION, _each(times, lambda one: one.not_after))
    yield from family(NOT_AFTER, _each(times, lambda one: one.not_after))
    yield from family(NOT_BEFORE, _each(times, lambda one: one.not_before))
    yield from family(RENEWAL, _each(times, lambda one: one.renewal))
    yield from family(LIFETIME_LEFT, _left(times, now.timestamp()))
    yield from family(CHALLENGE, _challenges(snapshot.all(Challenge)))
    issuers = snapshot.all(Issuer)
    yield from family(ISSUER, _conditions((issuer, _named(issuer)) for issuer in issuers))
    cluster_issuers = snapshot.all(ClusterIssuer)
    yield from family(CLUSTER_ISSUER, _conditions((issuer, (issuer.metadata.name,)) for issuer in cluster_issuers))
    yield from family(CLOCK, [((), now.timestamp())])
    yield from family(CLOCK_GAUGE, [((), now.timestamp())])


def _ready(certificates: Iterable[Certificate]) -> Iterator[tuple[Labels, float]]:
    for certificate in certificates:
        name, namespace, *issuer = _identity(certificate)
        state = _state(certificate.status.conditions if certificate.status is not None else ())
        for condition in _CONDITIONS:
            yield (name, namespace, condition, *issuer), float(condition == state)


def _identity(certificate: Certificate) -> Labels:
    issuer = certificate.spec.issuer_ref
    return (*_named(certificate), issuer.name, issuer.kind, issuer.group)


def _named(resource: Resource) -> Labels:
    return (resource.metadata.name, resource.metadata.namespace)


def _times(certificate: Certificate) -> _Times:
    status = certificate.status
    if status is None:
        return _Times(_identity(certificate), 0.0, 0.0, 0.0)
    return _Times(
        _identity(certificate),
        _seconds(status.not_before),
        _seconds(status.not_after),
        _seconds(status.renewal_time),
    )


def _seconds(text: str | None) -> float:
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _each(times: Iterable[_Times], value: Callable[[_Times], float]) -> Iterator[tuple[Labels, float]]:
    return ((one.labels, value(one)) for one in times)


def _left(times: Iterable[_Times], now: float) -> Iterator[tuple[Labels, float]]:
    for one in times:
        if one.not_after > one.not_before:
            left = (one.not_after - now) / (one.not_after - one.not_before)
            yield one.labels, min(max(left, 0.0), 1.0)


def _challenges(challenges: Iterable[Challenge]) -> Iterator[tuple[Labels, float]]:
    for challenge in challenges:
        status = challenge.status
        state = (status.state if status is not None else "") or "unknown"
        reason = status.reason[:_LONGEST_REASON] if status is not None else ""
        processing = str(status is not None and status.processing).lower()
        spec = challenge.spec
        for each in _STATES:
            named = _named(challenge)
            yield (each, spec.dns_name, reason, processing, *named, spec.type), float(each == state)


def _conditions(issuers: Iterable[tuple[Issuer | ClusterIssuer, Labels]]) -> Iterator[tuple[Labels, float]]:
    for issuer, named in issuers:
        state = _state(issuer.status.conditions if issuer.status is not None else ())
        for condition in _CONDITIONS:
            yield (*named, condition), float(condition == state)


def _state(conditions: Iterable[Condition]) -> str:
    return next((one.status for one in conditions if one.type == "Ready"), "Unknown")
