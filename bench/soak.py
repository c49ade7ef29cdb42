"""Many routes and services, and endpoints that never rest: whether processor time and memory stay flat.

Every change is a server-side apply of a Service through the embedded API, so it goes the whole way: store, watch,
EndpointSlice, model, xDS, Envoy. Two sites, one whose endpoints change all the time, are asked meanwhile.
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench import manifests
from bench.gateway import Gateway, Memory, Poller, Spent, hearthgate
from bench.report import Figure
from bench.rivals import backend

SITES = 5_000
CHANGES_PER_SECOND = 20
TARGET_GROWTH = 0.1
"""Megabytes of both processes together per minute: 6 MB an hour and still falling off would be a leak."""


class Sample(NamedTuple):
    """at: seconds since the beginning. python, envoy: cores in use since the sample before."""

    at: float
    python: float
    envoy: float
    memory: Memory


class Length(NamedTuple):
    sites: int
    seconds: float
    every: float
    settling: float
    """Seconds at the beginning that no slope is taken from: pools fill, tables get their size."""


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    length = Length(SITES // 10, 30, 3, 9) if quick else Length(SITES, 600, 10, 120)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "other").mkdir()
        one, other = stack.enter_context(backend(folder)), stack.enter_context(backend(folder / "other"))
        manifests.write(folder / "manifests", manifests.sites(length.sites, length.sites, f"127.0.0.1:{one}"))
        gateway = stack.enter_context(hearthgate(folder, folder / "manifests"))
        gateway.wait_ready()
        pollers = [Poller(gateway.proxy.http, manifests.host(number)) for number in (0, length.sites - 1)]
        for poller in pollers:
            stack.enter_context(poller).first(200, 120)
        gateway.wait_idle(but=len(pollers))
        samples, done, late = _change(gateway, (f"127.0.0.1:{one}", f"127.0.0.1:{other}"), length)
        wrong = [
            answer.status for poller in pollers for answer in _from_first_good(poller) if answer.status != 200
        ]
        asked = sum(poller.asked for poller in pollers)
    figures = _figures(samples, length, done, late, len(wrong))
    details = {
        "samples": [{**sample._asdict(), "memory": sample.memory._asdict()} for sample in samples],
        "asked": asked,
        "unexpected": wrong,
    }
    return figures, details


def _from_first_good(poller: Poller) -> Sequence[Any]:
    first = next(number for number, answer in enumerate(poller.changes) if answer.status == 200)
    return poller.changes[first:]


def _change(gateway: Gateway, addresses: tuple[str, str], length: Length) -> tuple[list[Sample], int, float]:
    """(samples, changes made, seconds that the last one came late). Service 0, which is asked, changes every
    second; the others in turns."""
    began = time.monotonic()
    samples = [Sample(0, 0, 0, gateway.memory())]
    before, spent = began, gateway.cpu()
    number = 0
    while (elapsed := time.monotonic() - began) < length.seconds:
        which = 0 if number % CHANGES_PER_SECOND == 0 else number % length.sites
        turn = number // CHANGES_PER_SECOND if which == 0 else number // length.sites
        gateway.apply(manifests.service(f"service-{which}", addresses[(turn + 1) % 2]))
        number += 1
        if elapsed - samples[-1].at >= length.every:
            now, total = time.monotonic(), gateway.cpu()
            samples.append(_sample(now - began, now - before, spent, total, gateway.memory()))
            before, spent = now, total
        time.sleep(max(0.0, began + number / CHANGES_PER_SECOND - time.monotonic()))
    return samples, number, time.monotonic() - began - number / CHANGES_PER_SECOND


def _sample(at: float, over: float, before: Spent, now: Spent, memory: Memory) -> Sample:
    return Sample(at, (now.python - before.python) / over, (now.envoy - before.envoy) / over, memory)


def _figures(samples: list[Sample], length: Length, done: int, late: float, wrong: int) -> list[Figure]:
    group = f"{length.sites:,} routes and services, {CHANGES_PER_SECOND} changes/s"
    settled = [sample for sample in samples if sample.at >= length.settling]
    first, last = _ends(settled)
    long_run = length.seconds >= 300
    figures = [
        Figure(group, "changes made", done, ""),
        Figure(group, "late at the end", max(0.0, late), "s", 1.0),
        Figure(group, "unexpected answers", wrong, "", 0),
    ]
    for name in ("python", "envoy"):
        figures += [
            Figure(group, f"{name}: cores at first", statistics.mean(getattr(s, name) for s in first), ""),
            Figure(group, f"{name}: cores at the end", statistics.mean(getattr(s, name) for s in last), ""),
            Figure(group, f"{name}: RSS at first", getattr(first[0].memory, f"{name}_rss"), "MB"),
            Figure(group, f"{name}: RSS at the end", getattr(last[-1].memory, f"{name}_rss"), "MB"),
        ]
    growth = slope([(sample.at / 60, sample.memory.rss) for sample in settled])
    figures.append(Figure(group, "growth of both", growth, "MB/min", TARGET_GROWTH if long_run else None))
    return figures


def _ends(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The first and the last fifth."""
    size = max(1, len(samples) // 5)
    return samples[:size], samples[-size:]


def slope(points: list[tuple[float, float]]) -> float:
    """Of the line through the points with the least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope
