"""TLS handshakes with many certificates, chosen by the name that a client asks for, beside proxies with one.

Clients in Python are slower than any of the proxies, so what counts is not how many handshakes there are in a
second, but how much of the processor one costs the proxy. Nobody resumes a session.
"""

import contextlib
import os
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench import manifests
from bench.gateway import Gateway, Memory, hearthgate
from bench.load import quantile
from bench.processes import accepts, cpu_seconds, tree, wait_until
from bench.report import Figure
from bench.rivals import HOST, Keys, Proxy, backend, make_keys, nginx, static_envoy
from examples.certificates import Pair

CERTIFICATES, MANY = 1_000, 5_000
OURS, LIMIT = "Hearthgate", "static Envoy"
WANTED_SHARE = 0.9
"""Of the handshakes that a static Envoy with one certificate makes in a second of the processor."""
TARGET_FIRST, TARGET_MEMORY = 10.0, 600.0


class Contender(NamedTuple):
    """pids: of its processes. names: of what clients ask it for, one after the other."""

    name: str
    port: int
    pids: Callable[[], set[int]]
    names: Sequence[str]


class Sample(NamedTuple):
    """per_second: of one client. per_cpu: in a second of the proxy's processor time. Milliseconds."""

    per_second: float
    per_cpu: float
    p50: float
    p99: float


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    count = CERTIFICATES // 10 if quick else CERTIFICATES
    first, samples, small = _compare(count, rounds=2 if quick else 5, handshakes=1_000 if quick else 3_000)
    full = _many(MANY // 10 if quick else MANY)
    group = f"TLS handshakes, {count:,} certificates by name"
    figures = [
        Figure(group, "Hearthgate: first one for a name, p99", first.p99, "ms", TARGET_FIRST),
        *(
            Figure(group, f"{name}: in a second of the processor", _median(taken, "per_cpu"), "")
            for name, taken in samples.items()
        ),
        Figure(
            group,
            "Hearthgate of static Envoy with one certificate",
            statistics.median(a.per_cpu / b.per_cpu for a, b in zip(samples[OURS], samples[LIMIT], strict=True)),
            "",
            WANTED_SHARE,
            at_most=False,
        ),
        *(Figure(group, f"{name}: p99", _median(taken, "p99"), "ms") for name, taken in samples.items()),
        *_memory_figures(full, MANY // 10 if quick else MANY, None if quick else TARGET_MEMORY),
    ]
    details = {
        "first": first._asdict(),
        "rounds": {name: [sample._asdict() for sample in taken] for name, taken in samples.items()},
        "memory": {str(count): small._asdict(), "many": full._asdict()},
    }
    return figures, details


def _compare(count: int, rounds: int, handshakes: int) -> tuple[Sample, dict[str, list[Sample]], Memory]:
    """What the first handshakes for all names took, what further ones did, and the memory after them."""
    samples: dict[str, list[Sample]] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        keys = make_keys(folder)
        upstream = stack.enter_context(backend(folder))
        gateway = _ours(stack, folder, count, upstream)
        names = [manifests.host(number) for number in range(count)]
        contenders = [
            Contender(OURS, gateway.proxy.https, lambda: set(gateway.processes()), names),
            *(_rival(stack, rival, folder, keys, upstream) for rival in (static_envoy, nginx)),
        ]
        first = _shake(contenders[0], count)
        for number in range(rounds):
            for one in contenders if number % 2 == 0 else reversed(contenders):
                samples.setdefault(one.name, []).append(_shake(one, handshakes))
        return first, samples, gateway.memory()


def _many(count: int) -> Memory:
    """The memory with so many certificates, once clients have asked for each."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        upstream = stack.enter_context(backend(folder))
        gateway = _ours(stack, folder, count, upstream)
        names = [manifests.host(number) for number in range(count)]
        _shake(Contender(OURS, gateway.proxy.https, lambda: set(gateway.processes()), names), count)
        return gateway.memory()


def _ours(stack: contextlib.ExitStack, folder: Path, count: int, upstream: int) -> Gateway:
    objects = folder / "manifests"
    manifests.write(objects, _documents(count, upstream))
    gateway = stack.enter_context(hearthgate(folder, objects))
    gateway.wait_ready()
    gateway.wait_idle()
    wait_until(lambda: accepts(gateway.proxy.https), 10, "the entrypoint")
    return gateway


def _documents(count: int, upstream: int) -> Iterator[dict[str, Any]]:
    yield manifests.service("backend", f"127.0.0.1:{upstream}")
    for number in range(count):
        host, name = manifests.host(number), f"site-{number}"
        pair = Pair([host])
        yield manifests.secret(name, pair.certificate_pem.decode(), pair.key_pem.decode())
        route = manifests.route(name, host, "backend")
        route["spec"] = {**route["spec"], "entryPoints": ["websecure"], "tls": {"secretName": name}}
        yield route


def _rival(
    stack: contextlib.ExitStack,
    start: Callable[[Path, Keys, int], contextlib.AbstractContextManager[Proxy]],
    folder: Path,
    keys: Keys,
    upstream: int,
) -> Contender:
    before = set(tree(os.getpid()))
    proxy = stack.enter_context(start(folder, keys, upstream))
    own = set(tree(os.getpid())) - before
    return Contender(proxy.name, proxy.https, lambda: own, [HOST])


def _shake(contender: Contender, count: int) -> Sample:
    """So many handshakes, one after the other. Raises OSError when one fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    spent, began = cpu_seconds(contender.pids()), time.perf_counter()
    times = []
    for number in range(count):
        start = time.perf_counter_ns()
        plain = socket.create_connection(("127.0.0.1", contender.port), timeout=10)
        with context.wrap_socket(plain, server_hostname=contender.names[number % len(contender.names)]):
            times.append(time.perf_counter_ns() - start)
    took = time.perf_counter() - began
    times.sort()
    cpu = max(cpu_seconds(contender.pids()) - spent, 1 / os.sysconf("SC_CLK_TCK"))
    return Sample(count / took, count / cpu, quantile(times, 0.5) / 1e6, quantile(times, 0.99) / 1e6)


def _median(samples: list[Sample], field: str) -> float:
    return float(statistics.median(getattr(sample, field) for sample in samples))


def _memory_figures(found: Memory, count: int, target: float | None) -> list[Figure]:
    group = f"memory, {count:,} certificates and routes"
    return [
        Figure(group, "Python: RSS", found.python_rss, "MB"),
        Figure(group, "Envoy: RSS", found.envoy_rss, "MB"),
        Figure(group, "together: RSS", found.rss, "MB", target),
    ]
