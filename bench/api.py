"""The embedded API with many objects, beside the least that a request and a durable write cost here.

As a program, `python -m bench.api STATE` serves the API until it is told to end.
"""

import asyncio
import http.client
import json
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.processes import memory, running, wait_until
from bench.report import Figure
from hearthgate.apiserver.server import ApiServer
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.resources.registry import BY_API_VERSION

ROUTES = 10_000
TARGET_GET, TARGET_PATCH, TARGET_LIST, TARGET_RSS = 1.0, 2.0, 100.0, 300.0
_PATH = "/apis/traefik.io/v1alpha1/namespaces/default/ingressroutes"
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_AT_ONCE = 64
_ROUTE = BY_API_VERSION["traefik.io/v1alpha1", "IngressRoute"]


class Timing(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    count = ROUTES // 10 if quick else ROUTES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor = _commits(folder)
        command = [sys.executable, "-m", "bench.api", str(folder / "state")]
        with running(command, folder / "log") as process:
            kubeconfig = folder / "state" / "kubeconfig"
            wait_until(kubeconfig.exists, 30, "the API's kubeconfig")
            began = time.perf_counter()
            asyncio.run(_create(kubeconfig, count))
            created = count / (time.perf_counter() - began)
            found, listed = _requests(kubeconfig, count, quick=quick)
            rss = memory(process.pid)[0]
    group = f"embedded API, {count:,} IngressRoutes"
    figures = [
        Figure(group, "GET /livez, p50: the least", found["livez"].p50, "ms"),
        Figure(group, "GET, p50", found["get"].p50, "ms", TARGET_GET),
        Figure(group, "GET, p99", found["get"].p99, "ms"),
        Figure(group, "SQLite commit, p50: the least", floor.p50, "ms"),
        Figure(group, "PATCH (merge), p50", found["patch"].p50, "ms", TARGET_PATCH),
        Figure(group, "PATCH (merge), p99", found["patch"].p99, "ms"),
        Figure(group, "PATCH (server-side apply), p50", found["apply"].p50, "ms"),
        Figure(group, "list, p50", found["list"].p50, "ms", None if quick else TARGET_LIST),
        Figure(group, "list as table, p50", found["table"].p50, "ms"),
        Figure(group, "creates, 64 at once", created, "/s"),
        Figure(group, "RSS of the API alone", rss, "MB", None if quick else TARGET_RSS),
    ]
    return figures, {"bytes_of_list": listed, **{name: timing._asdict() for name, timing in found.items()}}


def _requests(kubeconfig: Path, count: int, *, quick: bool) -> tuple[dict[str, Timing], int]:
    connection = _connection(kubeconfig)
    sizes: list[int] = []

    def ask(method: str, path: str, body: Any = None, media: str = "", accept: str = "application/json") -> None:
        headers = {"Accept": accept, **({"Content-Type": media} if media else {})}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        sizes.append(len(response.read()))
        assert response.status < 300, response.status

    def label(number: int) -> dict[str, Any]:
        return {"metadata": {"labels": {"round": str(number)}}}

    def applied(number: int) -> dict[str, Any]:
        return {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", **label(number)}

    times = 200 if quick else 2_000
    merge, apply = "application/merge-patch+json", "application/apply-patch+yaml"
    found = {
        "livez": _timed(times, lambda _: ask("GET", "/livez")),
        "get": _timed(times, lambda n: ask("GET", f"{_PATH}/route-{n % count}")),
        "patch": _timed(times, lambda n: ask("PATCH", f"{_PATH}/route-{n % count}", label(n), merge)),
        "apply": _timed(
            times,
            lambda n: ask("PATCH", f"{_PATH}/route-{n % count}?fieldManager=b&force=1", applied(n), apply),
        ),
        "table": _timed(5, lambda _: ask("GET", _PATH, accept=_TABLE)),
        "list": _timed(20, lambda _: ask("GET", _PATH)),
    }
    connection.close()
    return found, sizes[-1]


def _timed(times: int, once: Callable[[int], None]) -> Timing:
    spent = []
    for number in range(times):
        began = time.perf_counter()
        once(number)
        spent.append((time.perf_counter() - began) * 1e3)
    return Timing(statistics.median(spent), sorted(spent)[int(len(spent) * 0.99) - 1])


def _connection(kubeconfig: Path) -> http.client.HTTPSConnection:
    cluster = from_files([kubeconfig])
    where = urlsplit(cluster.server)
    return http.client.HTTPSConnection(where.hostname or "", where.port, context=cluster.tls, timeout=60)


async def _create(kubeconfig: Path, count: int) -> None:
    client = Client(from_files([kubeconfig]))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await client.create(_ROUTE, _route(number))

    await asyncio.gather(*(one(number) for number in range(count)))
    await client.close()


def _route(number: int) -> dict[str, Any]:
    """As an ordinary site has it."""
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": f"route-{number}", "namespace": "default", "labels": {"app": f"app-{number}"}},
        "spec": {
            "entryPoints": ["websecure"],
            "routes": [
                {
                    "match": f"Host(`app-{number}.my-homelab.party`) && PathPrefix(`/`)",
                    "kind": "Rule",
                    "priority": 0,
                    "middlewares": [{"name": "headers"}, {"name": "local-only", "namespace": "infra"}],
                    "services": [{"name": f"app-{number}", "port": 80}],
                }
            ],
            "tls": {"secretName": "wildcard-tls"},
        },
    }


def _commits(folder: Path) -> Timing:
    """One row, durable, as the store writes."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)")
    value = b"x" * 1_000
    timing = _timed(500, lambda n: connection.execute("INSERT INTO t VALUES(?,?)", (n, value)).close())
    connection.close()
    return timing


async def _serve(state: Path) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    server = ApiServer(state=state, port=0)
    await server.start()
    await ending.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
