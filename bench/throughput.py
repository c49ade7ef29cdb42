"""Requests per second and latency beside a static Envoy, nginx and HAProxy, in turns."""

import contextlib
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench import manifests
from bench.gateway import hearthgate
from bench.load import Measured, Protocol, measure
from bench.processes import accepts, wait_until
from bench.report import Figure
from bench.rivals import HOST, Keys, Proxy, backend, haproxy, make_keys, nginx, static_envoy

OURS, LIMIT = "Hearthgate", "static Envoy"
WANTED_SHARE = 0.95


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    rounds, seconds = (2, 2.0) if quick else (5, 4.0)
    samples: dict[Protocol, dict[str, list[Measured]]] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        keys = make_keys(folder)
        upstream = stack.enter_context(backend(folder))
        proxies = [
            _ours(stack, folder, keys, upstream),
            *(stack.enter_context(rival(folder, keys, upstream)) for rival in (static_envoy, nginx, haproxy)),
        ]
        for protocol in Protocol:
            found = samples.setdefault(protocol, {proxy.name: [] for proxy in proxies})
            for number in range(rounds):
                # Back and forth, so that a machine that slows down or warms up favours nobody.
                for proxy in proxies if number % 2 == 0 else reversed(proxies):
                    found[proxy.name].append(measure(proxy, protocol, seconds, folder))
    figures = [figure for protocol, found in samples.items() for figure in _figures(protocol, found)]
    details = {
        protocol.value: {name: [sample._asdict() for sample in taken] for name, taken in found.items()}
        for protocol, found in samples.items()
    }
    return figures, details


def _ours(stack: contextlib.ExitStack, folder: Path, keys: Keys, upstream: int) -> Proxy:
    objects = folder / "manifests"
    documents = [
        manifests.service("backend", f"127.0.0.1:{upstream}"),
        manifests.secret("tls", keys.certificate.read_text(), keys.key.read_text()),
        manifests.route("bench", HOST, "backend"),
    ]
    documents[-1]["spec"] = {**documents[-1]["spec"], "tls": {"secretName": "tls"}, "entryPoints": ["websecure"]}
    plain = manifests.route("bench-plain", HOST, "backend")
    plain["spec"]["entryPoints"] = ["web"]
    manifests.write(objects, iter([*documents, plain]))
    gateway = stack.enter_context(hearthgate(folder, objects))
    gateway.wait_ready()
    gateway.wait_idle()
    wait_until(lambda: accepts(gateway.proxy.http) and accepts(gateway.proxy.https), 10, "the entrypoints")
    return gateway.proxy


def _figures(protocol: Protocol, found: dict[str, list[Measured]]) -> list[Figure]:
    figures = []
    for name, taken in found.items():
        rate = statistics.median(sample.requests_per_second for sample in taken)
        p99 = statistics.median(sample.p99 for sample in taken)
        figures.append(Figure(protocol, f"{name}: requests", rate, "/s"))
        figures.append(Figure(protocol, f"{name}: p99", p99, "ms"))
        if failed := sum(sample.failed for sample in taken):
            figures.append(Figure(protocol, f"{name}: failed requests", failed, "", 0))
    shares = [
        ours.requests_per_second / limit.requests_per_second
        for ours, limit in zip(found[OURS], found[LIMIT], strict=True)
    ]
    share = statistics.median(shares)
    figures.append(Figure(protocol, "Hearthgate of static Envoy", share, "", WANTED_SHARE, at_most=False))
    return figures
