"""Prometheus' text format from what Envoy counted and what is known of the configuration. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from hearthgate.ingress.envoy.clusters import is_ip
from hearthgate.ingress.envoy.observability.counters import Key, parse_key
from hearthgate.ingress.envoy.tls_context import suite
from hearthgate.ingress.observability import catalogue
from hearthgate.ingress.observability.counts import Counts, Durations
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.observability.settings import Metrics, Prometheus
from hearthgate.ingress.routing.model import (
    Endpoint,
    Endpoints,
    EndpointState,
    EntryPoint,
    LoadBalancer,
    Router,
    balancers,
)
from hearthgate.model.metrics import Labels, Metric, family, head, labels

INTERNAL: Final = "@internal"


def exposition(facts: Facts, counts: Counts | None, settings: Metrics) -> Iterator[str]:
    """The lines, each with its newline. counts: None when Envoy did not answer."""
    prometheus = settings.prometheus or Prometheus()
    yield from _configuration(facts, proxy_up=counts is not None)
    if counts is None:
        return
    yield from family(catalogue.OPEN_CONNECTIONS, _open_connections(facts.model.entrypoints, counts))
    keys = {text: parse_key(text) for text in {*counts.requests, *counts.received, *counts.durations}}
    services = {router.name: _service_name(router) for router in facts.model.routers}
    served = _served_services(facts)
    if prometheus.add_entry_points_labels:
        yield from _scope(
            _Scope(catalogue.ENTRYPOINT, lambda key: (key.entrypoint,), False), keys, counts, prometheus
        )
    if prometheus.add_routers_labels:

        def of_router(key: Key) -> Labels | None:
            return (key.router, services[key.router]) if key.router in services else None

        yield from _scope(_Scope(catalogue.ROUTER, of_router, False), keys, counts, prometheus)
    if prometheus.add_services_labels:

        def of_service(key: Key) -> Labels | None:
            return (key.service,) if key.attempts and key.service in served else None

        yield from _scope(_Scope(catalogue.SERVICE, of_service, True), keys, counts, prometheus)
        yield from family(catalogue.RETRIES, _retries(keys, counts, served))
        yield from family(catalogue.SERVER_UP, _servers(facts))


class _Scope(NamedTuple):
    """Entrypoints, routers or services. labels: what a request counts for; None = not at all. of_service: whether
    times are those that the service took."""

    metrics: Mapping[str, Metric]
    labels: Callable[[Key], Labels | None]
    of_service: bool


class _Series:
    """What counts under one set of labels, which `said` writes."""

    __slots__ = ("durations", "received", "said", "sent")

    def __init__(self, said: str) -> None:
        self.said = said
        self.received = self.sent = 0
        self.durations = Durations()


def _scope(scope: _Scope, keys: Mapping[str, Key], counts: Counts, settings: Prometheus) -> Iterator[str]:
    """All metrics of a scope: many keys may add up to one series."""
    yield from _requests(scope, keys, counts, settings)
    found: dict[Labels, _Series] = {}
    of_key: dict[str, _Series] = {}
    names = scope.metrics["received"].labels
    for text in counts.received.keys() | counts.durations.keys():
        key = keys[text]
        own = scope.labels(key)
        if own is None:
            continue
        full = (key.code, key.method, key.protocol, *own)
        series = found.get(full)
        if series is None:
            series = found[full] = _Series(labels(names, full))
        of_key[text] = series
    for text, series in of_key.items():
        series.received += counts.received.get(text, 0)
        series.sent += counts.sent.get(text, 0)
        own_durations = (counts.service_durations if scope.of_service else counts.durations).get(text)
        if own_durations is not None:
            series.durations.add(own_durations)
    ordered = [found[values] for values in sorted(found)]
    received, sent = scope.metrics["received"], scope.metrics["sent"]
    yield head(received) + "".join([f"{received.name}{{{one.said}}} {one.received}\n" for one in ordered])
    yield head(sent) + "".join([f"{sent.name}{{{one.said}}} {one.sent}\n" for one in ordered])
    yield from _histograms(scope.metrics["durations"], ordered)


def _requests(scope: _Scope, keys: Mapping[str, Key], counts: Counts, settings: Prometheus) -> Iterator[str]:
    requests: defaultdict[Labels, int] = defaultdict(int)
    tls: defaultdict[Labels, int] = defaultdict(int)
    for text, number in counts.requests.items():
        key = keys[text]
        own = scope.labels(key)
        if own is None:
            continue
        more = _padded(key.headers, len(settings.header_labels))
        requests[key.code, key.method, key.protocol, *own, *more] += number
        if key.tls_version:
            tls[key.tls_version.removeprefix("TLSv"), suite(key.tls_cipher), *own] += number
    yield from family(scope.metrics["requests"], sorted(requests.items()), tuple(sorted(settings.header_labels)))
    yield from family(scope.metrics["tls"], sorted(tls.items()))


def _padded(values: Labels, count: int) -> Labels:
    return (*values, *("",) * count)[:count]


def _histograms(metric: Metric, series: Iterable[_Series]) -> Iterator[str]:
    yield head(metric)
    name = metric.name
    for one in series:
        said, histogram = one.said, one.durations
        lines = [
            f'{name}_bucket{{{said},le="{_seconds(bound)}"}} {count}\n'
            for bound, count in histogram.buckets.items()
        ]
        lines.append(
            f'{name}_bucket{{{said},le="+Inf"}} {histogram.count}\n'
            f"{name}_sum{{{said}}} {histogram.total / 1000:.9g}\n"
            f"{name}_count{{{said}}} {histogram.count}\n"
        )
        yield "".join(lines)


@lru_cache(maxsize=256)
def _seconds(bound: str) -> str:
    """A bound in milliseconds as Go writes seconds: `0.3`, `5`."""
    return f"{float(bound) / 1000:g}"


def _configuration(facts: Facts, *, proxy_up: bool) -> Iterator[str]:
    routers = Counter((router.entrypoint,) for router in facts.model.routers)
    problems = Counter((str(problem.reason), str(problem.severity)) for problem in facts.problems)
    yield from family(catalogue.RELOADS, [((), facts.reloads)])
    yield from family(catalogue.LAST_RELOAD, [((), round(facts.confirmed_at, 3))])
    yield from family(catalogue.CERTIFICATES, sorted(_certificates(facts)))
    yield from family(catalogue.PROBLEMS, sorted(problems.items()))
    yield from family(catalogue.ROUTERS, sorted(routers.items()))
    yield from family(catalogue.APPLY, [((), round(facts.apply_seconds, 6))])
    yield from family(catalogue.CONFIRMED, [((), int(facts.confirmed))])
    yield from family(catalogue.SCRAPE, [((), int(proxy_up))])


def _open_connections(entrypoints: Iterable[EntryPoint], counts: Counts) -> Iterator[tuple[Labels, int]]:
    for entrypoint in sorted(entrypoints, key=lambda e: e.name):
        host = f"[{entrypoint.host}]" if ":" in entrypoint.host else entrypoint.host
        hosts = (host, "0.0.0.0") if host == "[::]" else (host,)  # noqa: S104 - as the proxy says it
        names = [f"{one}:{entrypoint.port}".replace(":", "_") for one in hosts]
        yield (entrypoint.name, "TCP"), sum(counts.connections.get(name, 0) for name in names)


def _service_name(router: Router) -> str:
    return router.service.name if router.service is not None else "noop@internal"


def _served_services(facts: Facts) -> frozenset[str]:
    """Names of the services that some router may ask."""
    return frozenset(balancer.name for router in facts.model.routers for balancer in balancers(router.service))


def _retries(keys: Mapping[str, Key], counts: Counts, served: frozenset[str]) -> list[tuple[Labels, int]]:
    found: Counter[Labels] = Counter()
    for text, number in counts.requests.items():
        key = keys[text]
        if key.attempts and key.service in served:
            found[(key.service,)] += (key.attempts - 1) * number
    return sorted(found.items())


def _servers(facts: Facts) -> list[tuple[Labels, int]]:
    """One for each endpoint of each service in use."""
    found: dict[Labels, int] = {}
    for router in facts.model.routers:
        for balancer in balancers(router.service):
            for endpoint in servers_of(balancer, facts.endpoints):
                url = server_url(balancer.scheme, endpoint.address, endpoint.port)
                found[(balancer.name, url)] = int(endpoint.state is not EndpointState.DOWN)
    return sorted(found.items())


def servers_of(service: LoadBalancer, endpoints: Endpoints) -> tuple[Endpoint, ...]:
    """The servers of a load balancer, those that are down among them."""
    known = endpoints.get(service.endpoints, ()) if service.endpoints is not None else ()
    return known or service.addresses or ((service.external,) if service.external is not None else ())


def server_url(scheme: str, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address and is_ip(address) else address
    return f"{scheme}://{host}:{port}"


def _certificates(facts: Facts) -> Iterator[tuple[Labels, int]]:
    default = facts.model.default_certificate
    every = (*facts.model.certificates, *((default,) if default is not None else ()))
    # Many Secrets may hold one certificate, and a series may be there only once.
    yield from {_identity(one.chain, one.names): int(one.not_after) for one in every}.items()


@lru_cache(maxsize=4096)
def _identity(chain: str, alternatives: Labels) -> Labels:
    """Common name, serial number, alternative names."""
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    common = str(names[0].value) if names else ""
    return common, str(leaf.serial_number), ",".join(alternatives)
