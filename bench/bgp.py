"""How fast a router learns: `hearthgate up` in a network of its own, FRR at the other end of the wire."""

import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.report import Figure
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.registry import BY_TYPE
from tests.routers import OURS, THEIRS, Wire, frr, wire
from tests.waiting import wait_for

ADDRESS = "10.50.0.1"
ROUTER = f" neighbor {OURS} remote-as 65001\n neighbor {OURS} passive\n neighbor {OURS} bfd profile fast\n"
FAST = "bfd\n profile fast\n  receive-interval 100\n  transmit-interval 100\n"
ROUTE_TARGET, FREEZE_TARGET = 100.0, 0.5
_SLICES = BY_TYPE[EndpointSlice]


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    changes, freezes = (6, 3) if quick else (40, 20)
    with tempfile.TemporaryDirectory() as name, wire() as lan, frr(lan, ROUTER, bfd=FAST) as router:
        folder = Path(name)
        (folder / "manifests").mkdir()
        (folder / "manifests" / "all.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": _objects()})
        )
        with _hearthgate(folder) as process, _Routes(lan) as routes:
            wait_for(lambda: _is_up(router.show("bfd peers")), within=60, what="BFD up")
            come, go = asyncio.run(_changes(folder / "state" / "kubeconfig", routes, changes))
            gone = [_freeze(process, routes, lambda: _is_up(router.show("bfd peers"))) for _ in range(freezes)]
    group = "BGP, FRR beside it"
    figures = [
        Figure(group, "ready to the route in the kernel, p50", statistics.median(come), "ms"),
        Figure(group, "the longest", max(come), "ms", ROUTE_TARGET),
        Figure(group, "not ready any more to its end, the longest", max(go), "ms", ROUTE_TARGET),
        Figure(group, "frozen to its end (BFD 100 ms x 3), p50", statistics.median(gone), "s"),
        Figure(group, "the longest", max(gone), "s", FREEZE_TARGET),
    ]
    return figures, {"come_ms": come, "go_ms": go, "frozen_s": gone}


class _Routes:
    """When the router's kernel learnt and forgot the address."""

    def __init__(self, lan: Wire) -> None:
        self._command = ["ip", "-n", lan.there, "-o", "monitor", "route"]

    def __enter__(self) -> "_Routes":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self, *, comes: bool) -> float:
        """The time at which it did; blocks."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if ADDRESS in line and line.startswith("Deleted") != comes:
                return time.monotonic()
        raise RuntimeError("ip monitor has ended")


async def _changes(kubeconfig: Path, routes: _Routes, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from before the request that makes the endpoint ready, or not ready."""
    come, go = [], []
    async with Client(from_files([kubeconfig])) as client:
        await client.create(_SLICES, _slice())

        async def ready(value: bool) -> None:
            endpoints = [{"addresses": ["127.0.0.1"], "conditions": {"ready": value}}]
            await client.merge_patch(_SLICES, "infra", "web-1", {"endpoints": endpoints})

        for _ in range(count):
            come.append(await _timed(lambda: ready(True), routes, comes=True))
            await asyncio.sleep(0.2)
            go.append(await _timed(lambda: ready(False), routes, comes=False))
            await asyncio.sleep(0.2)
        await _timed(lambda: ready(True), routes, comes=True)
    return come, go


async def _timed(change: Callable[[], Awaitable[None]], routes: _Routes, *, comes: bool) -> float:
    began = time.monotonic()
    await change()
    return (await asyncio.to_thread(routes.wait, comes=comes) - began) * 1000


def _freeze(process: subprocess.Popen[bytes], routes: _Routes, is_up: Callable[[], bool]) -> float:
    began = time.monotonic()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        gone = routes.wait(comes=False) - began
    finally:
        os.kill(process.pid, signal.SIGCONT)
    routes.wait(comes=True)
    wait_for(is_up, within=60, what="BFD up again")
    return gone


def _is_up(peers: Any) -> bool:
    return any(peer["status"] == "up" for peer in peers)


@contextlib.contextmanager
def _hearthgate(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = [str(Path(sys.executable).parent / "hearthgate"), "up", str(folder / "manifests")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*program, "--state", str(folder / "state")], stdout=log, stderr=log)
    try:
        yield process
    except BaseException:
        print((folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _slice() -> dict[str, Any]:
    metadata = {"name": "web-1", "namespace": "infra", "labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [{"addresses": ["127.0.0.1"], "conditions": {"ready": False}}]
    head = {"apiVersion": _SLICES.api_version, "kind": _SLICES.kind, "metadata": metadata}
    return {**head, "addressType": "IPv4", "endpoints": endpoints, "ports": []}


def _objects() -> list[dict[str, Any]]:
    def made(api: str, kind: str, name: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "infra"}
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}

    peer = {"myASN": 65001, "peerASN": 65002, "peerAddress": THEIRS, "connectTime": "1s", "bfdProfile": "fast"}
    service = {"type": "LoadBalancer", "loadBalancerIP": ADDRESS, "ports": [{"port": 80}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}},
        made("metallb.io/v1beta1", "IPAddressPool", "first", addresses=["10.50.0.0/24"]),
        made("metallb.io/v1beta1", "BGPAdvertisement", "all"),
        made("metallb.io/v1beta1", "BFDProfile", "fast", receiveInterval=100, transmitInterval=100),
        made("metallb.io/v1beta2", "BGPPeer", "router", **peer),
        made("v1", "Service", "web", **service),
    ]
