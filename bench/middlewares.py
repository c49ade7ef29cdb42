"""What each middleware costs: requests per second and 99th percentile beside a route without one, in pairs.

HTTP/1.1 in the clear, because there a request costs least and a middleware shows most. Every request is let
through: what is measured is the price of a good one, not of a refusal.
"""

import base64
import hashlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import manifests
from bench.gateway import Poller, hearthgate
from bench.load import Measured, Protocol, measure
from bench.report import Figure
from bench.rivals import Proxy, backend

NONE = "none.example.org"
_USER, _PASSWORD = "bench", "secret"
_BASIC = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()


class Case(NamedTuple):
    """kind, options: of the Middleware. headers: what the client sends beside."""

    name: str
    kind: str
    options: Mapping[str, Any]
    headers: Mapping[str, str] = {}

    @property
    def object_name(self) -> str:
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())

    @property
    def host(self) -> str:
        return f"{self.object_name}.example.org"


class Pair(NamedTuple):
    """A route without middleware and one with it, measured one after the other."""

    none: Measured
    own: Measured


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    rounds, seconds = (1, 0.7) if quick else (5, 3.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with backend(folder) as upstream:
            cases = tuple(all_cases(upstream))
            manifests.write(folder / "manifests", documents(cases, upstream))
            with hearthgate(folder, folder / "manifests") as gateway:
                gateway.wait_ready()
                for case in cases:
                    _answers(gateway.proxy, case)
                gateway.wait_idle()
                found = _rounds(gateway.proxy, cases, rounds, seconds, folder)
    figures = [figure for case in cases for figure in _figures(case, found[case.name])]
    details = {
        name: [{"none": pair.none._asdict(), "own": pair.own._asdict()} for pair in pairs]
        for name, pairs in found.items()
    }
    return figures, details


def _rounds(
    proxy: Proxy, cases: tuple[Case, ...], rounds: int, seconds: float, folder: Path
) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {case.name: [] for case in cases}
    for number in range(rounds):
        # Each round begins elsewhere and swaps the two of a pair: a machine that warms up favours nobody.
        start = number * len(cases) // rounds
        for case in (*cases[start:], *cases[:start]):
            hosts = (NONE, case.host) if number % 2 == 0 else (case.host, NONE)
            taken = {
                host: measure(proxy, Protocol.HTTP1, seconds, folder, 0.3, host=host, headers=case.headers)
                for host in hosts
            }
            found[case.name].append(Pair(taken[NONE], taken[case.host]))
    return found


def _figures(case: Case, pairs: list[Pair]) -> Iterator[Figure]:
    rates = [pair.own.requests_per_second / pair.none.requests_per_second for pair in pairs]
    slowest = [pair.own.p99 / pair.none.p99 for pair in pairs]
    yield Figure(f"middleware {case.name}", "requests/s of none", statistics.median(rates), "")
    yield Figure(f"middleware {case.name}", "p99 of none", statistics.median(slowest), "")
    if failed := sum(pair.own.failed + pair.none.failed for pair in pairs):
        yield Figure(f"middleware {case.name}", "failed requests", failed, "", 0)


def _answers(proxy: Proxy, case: Case) -> None:
    with Poller(proxy.http, case.host, case.headers) as poller:
        poller.first(200, 30)


def documents(cases: tuple[Case, ...], upstream: int) -> Iterator[dict[str, Any]]:
    yield manifests.service("backend", f"127.0.0.1:{upstream}")
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "users", "namespace": manifests.NAMESPACE},
        "stringData": {"users": f"{_USER}:{_sha(_PASSWORD)}"},
    }
    yield manifests.route("none", NONE, "backend")
    for case in cases:
        yield {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "Middleware",
            "metadata": {"name": case.object_name, "namespace": manifests.NAMESPACE},
            "spec": {case.kind: case.options},
        }
        route = manifests.route(case.object_name, case.host, "backend")
        route["spec"]["routes"][0]["middlewares"] = [{"name": case.object_name}]
        yield route


def _sha(password: str) -> str:
    """htpasswd's SHA-1, the one hash that the proxy checks by itself."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def all_cases(upstream: int) -> Iterator[Case]:
    """upstream: the port of the backend, which forwardAuth asks too."""
    safe = {"frameDeny": True, "contentTypeNosniff": True, "referrerPolicy": "same-origin"}
    page = {"name": "backend", "port": 80}
    yield Case("addPrefix", "addPrefix", {"prefix": "/app"})
    yield Case("stripPrefix", "stripPrefix", {"prefixes": ["/"]})
    yield Case("stripPrefixRegex", "stripPrefixRegex", {"regex": ["/[a-z]*"]})
    yield Case("replacePath", "replacePath", {"path": "/app"})
    yield Case("replacePathRegex", "replacePathRegex", {"regex": "^/(.*)$", "replacement": "/app/$1"})
    yield Case("redirectScheme, in place", "redirectScheme", {"scheme": "http"})
    yield Case("redirectRegex, no match", "redirectRegex", {"regex": "^https://(.*)$", "replacement": "http://$1"})
    yield Case("encodedCharacters", "encodedCharacters", {})
    yield Case("headers, security", "headers", safe)
    yield Case("headers, request", "headers", {"customRequestHeaders": {"X-From": "door"}})
    yield Case("headers, CORS", "headers", {"accessControlAllowOriginList": ["https://a.example.org"]})
    yield Case("ipAllowList", "ipAllowList", {"sourceRange": ["127.0.0.0/8", "10.0.0.0/8"]})
    yield Case("basicAuth, SHA", "basicAuth", {"secret": "users"}, {"authorization": f"Basic {_BASIC}"})
    yield Case("forwardAuth", "forwardAuth", {"address": f"http://127.0.0.1:{upstream}/"})
    yield Case("errors", "errors", {"status": ["500-599"], "service": page, "query": "/"})
    yield Case("passTLSClientCert", "passTLSClientCert", {"pem": True})
    yield Case("rateLimit", "rateLimit", {"average": 10_000_000, "burst": 10_000_000})
    yield Case("inFlightReq", "inFlightReq", {"amount": 100_000})
    yield Case("circuitBreaker", "circuitBreaker", {"expression": "NetworkErrorRatio() > 0.5"})
    yield Case("retry", "retry", {"attempts": 3})
    yield Case("buffering", "buffering", {"maxRequestBodyBytes": 1_000_000, "maxResponseBodyBytes": 1_000_000})
    yield Case("compress, gzip of 1 KB", "compress", {"encodings": ["gzip"]}, {"accept-encoding": "gzip"})
    yield Case("contentType", "contentType", {})
    yield Case("grpcWeb", "grpcWeb", {"allowOrigins": ["*"]})
