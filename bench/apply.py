"""From writing a new IngressRoute until it answers, with more and more routes present."""

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import manifests
from bench.gateway import Gateway, Poller, hearthgate
from bench.report import Figure
from bench.rivals import backend
from tests.kubectl import kubectl_path

PRESENT = (10, 1000, 3000)
TARGET_P50, TARGET_P99 = 30.0, 100.0
AFTERWARDS = 20
"""Answers still watched after the first good one."""


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    figures, details = [], {}
    for present in PRESENT:
        found, taken = _with_routes(present, writes=20 if quick else 200, by_kubectl=3 if quick else 20)
        figures += found
        details[str(present)] = taken
    return figures, details


def _with_routes(present: int, *, writes: int, by_kubectl: int) -> tuple[list[Figure], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with backend(folder) as upstream:
            manifests.write(folder / "manifests", manifests.sites(present, present, f"127.0.0.1:{upstream}"))
            with hearthgate(folder, folder / "manifests") as gateway:
                gateway.wait_ready()
                _last_site_answers(gateway, present)
                busy = gateway.wait_idle()
                times, wrong = [], []
                for number in range(writes):
                    taken, others = _one(gateway, number, None)
                    times.append(taken)
                    wrong += others
                whole, others = [], []
                for number in range(writes, writes + by_kubectl):
                    taken, others = _one(gateway, number, folder / "route.json")
                    whole.append(taken)
                    wrong += others
    group = f"apply, {present:,} routes"
    targets = (TARGET_P50, TARGET_P99) if present == max(PRESENT) else (None, None)
    figures = [
        Figure(group, "write until it answers: p50", statistics.median(times), "ms", targets[0]),
        Figure(group, "write until it answers: p99", _p99(times), "ms", targets[1]),
        Figure(group, "with all of kubectl: p50", statistics.median(whole), "ms"),
        Figure(group, "unexpected answers", len(wrong), "", 0),
        Figure(group, "busy with statuses after the start", busy, "s"),
    ]
    return figures, {"write_ms": times, "kubectl_ms": whole, "unexpected": wrong, "busy_s": busy}


def _last_site_answers(gateway: Gateway, present: int) -> None:
    with Poller(gateway.proxy.http, manifests.host(present - 1)) as poller:
        poller.first(200, 60)


def _one(gateway: Gateway, number: int, file: Path | None) -> tuple[float, list[int]]:
    """(milliseconds, statuses other than 404 before and 200 after). With `file`, kubectl writes."""
    hostname = f"new-{number}.example.org"
    route = manifests.route(f"new-{number}", hostname, "service-0")
    with Poller(gateway.proxy.http, hostname) as poller:
        start = time.monotonic()
        if file is None:
            gateway.apply(route)
        else:
            file.write_text(json.dumps(route))
            command = [
                str(kubectl_path()),
                "--kubeconfig",
                str(gateway.kubeconfig),
                "apply",
                "--server-side",
                "-f",
            ]
            subprocess.run([*command, str(file)], check=True, capture_output=True)
        served = poller.first(200, 30)
        poller.more(AFTERWARDS)
        statuses = [answer.status for answer in poller.changes]
    wrong = [] if statuses == [404, 200] else statuses
    return (served - start) * 1000, wrong


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
