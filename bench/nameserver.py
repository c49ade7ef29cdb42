"""How fast the name server answers, beside dnsmasq and NSD with the same names, each on one core."""

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message

from bench.report import Figure
from hearthgate.dns.exports import FORMATS, lines_of
from hearthgate.dns.names.model import Name
from hearthgate.dns.nameserver.server import NameServer
from hearthgate.dns.nameserver.settings import LocalDNS
from hearthgate.dns.nameserver.zones import zones_of
from tests.name_samples import name
from tests.ports import free_port
from tests.waiting import wait_for

GROUP = "name server"
HOST, ZONE = "127.0.0.1", "home.test"
HOSTS = 1_000
RATE = 5_000
WINDOW = 128
"""Questions under way when as many as possible are asked."""


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    seconds = 2.0 if quick else 10.0
    questions = _questions()
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    for who in ("Hearthgate", "dnsmasq", "NSD"):
        with tempfile.TemporaryDirectory() as folder, _running(who, Path(folder)) as port:
            wait_for(lambda port=port: _answers(port), within=20, what=who)  # type: ignore[misc]
            times = _paced(port, questions, seconds)
            most = _flood(port, questions, seconds)
        times.sort()
        ours = who == "Hearthgate"
        p99 = times[int(len(times) * 0.99)]
        lost = int(RATE * seconds) - len(times)
        figures += [
            Figure(GROUP, f"{who}: {RATE:,} questions a second, p50", statistics.median(times), "ms"),
            Figure(GROUP, f"{who}: the same, p99", p99, "ms", 5.0 if ours else None),
            Figure(GROUP, f"{who}: the same, lost", float(max(lost, 0)), "questions", 0.0 if ours else None),
            Figure(GROUP, f"{who}: at most ({WINDOW} under way)", most, "1/s", 5_000.0 if ours else None, False),
        ]
        raw[who] = {"p50_ms": statistics.median(times), "p99_ms": p99, "most": most}
    return figures, raw


def _names() -> list[Name]:
    return [name(f"h{number}.{ZONE}", f"192.168.{number // 250}.{number % 250 + 1}") for number in range(HOSTS)]


def _questions() -> list[bytes]:
    """Nine of ten for addresses, some for the other family, some for names that there are not."""
    made = []
    for number in range(HOSTS):
        label, type_ = f"h{number}", "AAAA" if number % 20 == 1 else "A"
        made.append(dns.message.make_query(f"{'x' if number % 20 == 2 else label}.{ZONE}", type_).to_wire())
    return made


@contextlib.contextmanager
def _running(who: str, folder: Path) -> Iterator[int]:
    port = free_port()
    command = _command(who, folder, port)
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _command(who: str, folder: Path, port: int) -> list[str]:
    if who == "Hearthgate":
        return [sys.executable, "-m", "bench.nameserver", str(port)]
    if who == "dnsmasq":
        file = folder / "names.conf"
        file.write_text("\n".join(FORMATS["dnsmasq"](lines_of(_names()))) + f"\nlocal=/{ZONE}/\n")
        options = [f"--port={port}", f"--listen-address={HOST}", "--bind-interfaces", "--no-resolv", "--no-hosts"]
        return ["dnsmasq", "--keep-in-foreground", f"--conf-file={file}", "--user=root", "--pid-file=", *options]
    zone = folder / "zone"
    records = [f"{one.host}. 60 A {one.addresses[0]}" for one in _names()]
    zone.write_text(
        "\n".join([f"{ZONE}. 60 SOA ns admin 1 1 1 1 60", f"{ZONE}. 60 NS ns.{ZONE}.", *records]) + "\n"
    )
    file = folder / "nsd.conf"
    file.write_text(
        f'server:\n  ip-address: {HOST}@{port}\n  server-count: 1\n  username: ""\n  pidfile: ""\n'
        "  rrl-ratelimit: 0\n"
        f'  database: ""\n  xfrdfile: "{folder}/x"\n  zonelistfile: "{folder}/l"\n  zonesdir: "{folder}"\n'
        f'remote-control:\n  control-enable: no\nzone:\n  name: {ZONE}\n  zonefile: "{zone}"\n'
    )
    return [shutil.which("nsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nsd", "-d", "-c", str(file)]


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(0.2)
        made.connect((HOST, port))
        try:
            made.send(dns.message.make_query(f"h0.{ZONE}", "A").to_wire())
            return len(made.recv(512)) > 40
        except OSError:
            return False


def _paced(port: int, questions: list[bytes], seconds: float) -> list[float]:
    """Milliseconds until the answers to so many questions a second, whether or not earlier ones came."""
    count = int(RATE * seconds)
    sent, times = [0.0] * 65536, list[float]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect((HOST, port))
        made.settimeout(1.0)

        def take() -> None:
            with contextlib.suppress(OSError):
                while len(times) < count:
                    data = made.recv(512)
                    times.append((time.perf_counter() - sent[int.from_bytes(data[:2], "big")]) * 1000)

        thread = threading.Thread(target=take)
        thread.start()
        began = time.perf_counter()
        for number in range(count):
            wait = began + number / RATE - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            place = number % 65536
            sent[place] = time.perf_counter()
            made.send(place.to_bytes(2, "big") + questions[number % len(questions)][2:])
        thread.join()
    return times


def _flood(port: int, questions: list[bytes], seconds: float) -> float:
    """Answers a second with WINDOW questions under way."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect((HOST, port))
        made.settimeout(1.0)
        for number in range(WINDOW):
            made.send(questions[number % len(questions)])
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            try:
                made.recv(512)
            except TimeoutError:  # all that were under way are lost
                for number in range(WINDOW):
                    made.send(questions[number])
                continue
            made.send(questions[count % len(questions)])
            count += 1
    return count / seconds


async def _serve(port: int) -> None:
    server = NameServer(LocalDNS(listen=(f"{HOST}:{port}",)))
    server.responder.take(zones_of(_names(), apexes=(ZONE,)))
    await server.run()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
