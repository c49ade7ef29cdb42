"""From starting `hearthgate up` on a large folder until it serves."""

import tempfile
import time
from pathlib import Path
from typing import Any

from bench import manifests
from bench.gateway import Poller, hearthgate
from bench.report import Figure
from bench.rivals import backend

ROUTES, SERVICES = 10_000, 100
TARGET = 10.0


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    """First with nothing but the folder, then again from the state of the first start."""
    routes = ROUTES // 10 if quick else ROUTES
    figures, details = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with backend(folder) as upstream:
            manifests.write(folder / "manifests", manifests.sites(routes, SERVICES, f"127.0.0.1:{upstream}"))
            for what in ("first start", "restart"):
                ready, answers = _start(folder, routes)
                target = TARGET if not quick else None
                figures.append(Figure(f"start, {routes:,} routes", f"{what}: ready", ready, "s", target))
                figures.append(
                    Figure(f"start, {routes:,} routes", f"{what}: last route answers", answers, "s", target)
                )
                details[what] = {"ready_s": ready, "answers_s": answers}
    return figures, details


def _start(folder: Path, routes: int) -> tuple[float, float]:
    with hearthgate(folder, folder / "manifests") as gateway:
        ready = gateway.wait_ready()
        with Poller(gateway.proxy.http, manifests.host(routes - 1)) as poller:
            poller.first(200, 120)
        return ready, time.monotonic() - gateway.started
