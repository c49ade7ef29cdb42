"""How long it takes to lead 4,096 Services to three servers each, and what so many cost a connection."""

import contextlib
import itertools
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from bench.report import Figure
from hearthgate.balancer.datapath import kernel
from hearthgate.balancer.datapath.rules import rules
from hearthgate.balancer.datapath.ruleset import ruleset
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.meta import Resource
from tests.lan import inside
from tests.service_samples import service, slice_of
from tests.wires import ADDRESS, SERVERS, Wires, wires

SERVICES = 4_096
SERVERS_EACH = 3
ROUNDS = 5
GROUP = "data path"
_ADDRESSES, _SERVERS = ip_address("10.64.0.0"), ip_address("10.128.0.0")


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    count = SERVICES // 8 if quick else SERVICES
    connections = 200 if quick else 2_000
    with wires() as lan:
        one, many = _snapshot(0), _snapshot(count)
        times: dict[str, list[float]] = {"rules": [], "nft": []}
        for _ in range(ROUNDS):
            for name, seconds in lan.on_box(_apply(many)).items():
                times[name].append(seconds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        connects: dict[str, list[float]] = {"one": [], "many": []}
        with _serving(lan):
            for _, (name, snapshot) in itertools.product(range(ROUNDS), (("one", one), ("many", many))):
                lan.on_box(_apply(snapshot))
                connects[name] += _connect(lan, connections // ROUNDS)
    figures = [
        Figure(GROUP, f"{count:,} Services with {SERVERS_EACH} servers: rules as text", medians["rules"], "s"),
        Figure(GROUP, "that text in force (one transaction)", medians["nft"], "s"),
        Figure(GROUP, "a connection with one Service, p50", statistics.median(connects["one"]), "ms"),
        Figure(GROUP, f"with {count:,} more, p50", statistics.median(connects["many"]), "ms"),
    ]
    return figures, {"seconds": times, "connections_ms": connects}


def _snapshot(count: int) -> Snapshot:
    """The Service that is connected to, and so many beside it."""
    ports, targets = [("web", "TCP", 80)], [("web", "TCP", 8080)]
    made: list[Resource] = [service("it", [ADDRESS], ports), slice_of("it", SERVERS[:1], targets)]
    for number in range(count):
        servers = [str(_SERVERS + number * SERVERS_EACH + place) for place in range(SERVERS_EACH)]
        made += [
            service(f"s{number}", [str(_ADDRESSES + number)], ports),
            slice_of(f"s{number}", servers, targets),
        ]
    return Snapshot.of(made)


async def _apply(snapshot: Snapshot) -> dict[str, float]:
    began = time.monotonic()
    text = ruleset(rules(snapshot, "box").rules)
    made = time.monotonic()
    await kernel.apply(text)
    return {"rules": made - began, "nft": time.monotonic() - made}


@contextlib.contextmanager
def _serving(lan: Wires) -> Iterator[None]:
    """A server that takes connections and closes them."""
    with inside(lan.servers):
        listener = socket.create_server((SERVERS[0], 8080), backlog=1024)
    thread = threading.Thread(target=_take, args=(listener,))
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _take(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def _connect(lan: Wires, count: int) -> list[float]:
    """Milliseconds from SYN to the end of the handshake."""
    found = []
    with inside(lan.client):
        for _ in range(count):
            with socket.socket() as one:
                one.settimeout(10)
                began = time.perf_counter()
                one.connect((ADDRESS, 80))
                found.append((time.perf_counter() - began) * 1000)
    return found
