"""Memory of both processes, idle and with many routes."""

import tempfile
from pathlib import Path
from typing import Any

from bench import manifests
from bench.gateway import Memory, Poller, hearthgate
from bench.report import Figure
from bench.rivals import backend

ROUTES = 5_000
TARGET_IDLE, TARGET_FULL = 150.0, 400.0


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    routes = ROUTES // 10 if quick else ROUTES
    idle = _measure(0)
    full = _measure(routes)
    figures = [
        *_figures("memory, idle", idle, TARGET_IDLE),
        *_figures(f"memory, {routes:,} routes to {routes:,} services", full, TARGET_FULL if not quick else None),
    ]
    return figures, {"idle": idle._asdict(), "full": full._asdict()}


def _measure(routes: int) -> Memory:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifests").mkdir()
        with backend(folder) as upstream:
            manifests.write(folder / "manifests", manifests.sites(routes, routes, f"127.0.0.1:{upstream}"))
            with hearthgate(folder, folder / "manifests") as gateway:
                gateway.wait_ready()
                if routes:
                    with Poller(gateway.proxy.http, manifests.host(routes - 1)) as poller:
                        poller.first(200, 120)
                gateway.wait_idle()
                return gateway.memory()


def _figures(group: str, found: Memory, target: float | None) -> list[Figure]:
    return [
        Figure(group, "Python: RSS", found.python_rss, "MB"),
        Figure(group, "Envoy: RSS", found.envoy_rss, "MB"),
        Figure(group, "together: RSS", found.rss, "MB", target),
        Figure(group, "together: PSS", found.pss, "MB"),
    ]
