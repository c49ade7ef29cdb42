"""How fast questions for our addresses are answered while the network is full of questions for others', beside the
kernel's own answer for an address of the interface."""

import asyncio
import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from bench.report import Figure
from hearthgate.balancer.frames import arp
from hearthgate.balancer.frames.ethernet import BROADCAST, Mac
from hearthgate.balancer.layer2.announcer import Announcer
from tests.routers import OURS, THEIRS, Wire, wire

ADDRESSES = 256
FOREIGN_EACH_SECOND = 10_000
BURST = 50
FIRST = IPv4Address("10.20.0.0")
NOWHERE = IPv4Address("10.30.0.0")
TARGET = 0.2
GROUP = f"ARP, {ADDRESSES} addresses"
_ROOT = Path(__file__).parents[1]


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    questions = 500 if quick else 5_000
    with wire() as lan:
        calm, busy = asyncio.run(_measure(lan, questions))
    figures = [
        Figure(GROUP, "answer, p50", statistics.median(calm["ours"]), "ms"),
        Figure(GROUP, "the kernel's, p50", statistics.median(calm["kernel"]), "ms"),
        Figure(
            GROUP,
            f"with {FOREIGN_EACH_SECOND:,} foreign questions a second, p50",
            statistics.median(busy["ours"]),
            "ms",
            TARGET,
        ),
        Figure(GROUP, "p99", _p99(busy["ours"]), "ms"),
        Figure(GROUP, "the kernel's, p50", statistics.median(busy["kernel"]), "ms"),
        Figure(GROUP, "p99", _p99(busy["kernel"]), "ms"),
        Figure(GROUP, "foreign questions a second, in fact", busy["rate"], ""),
        Figure(GROUP, "cores that the announcer takes meanwhile", busy["cores"], ""),
        Figure(GROUP, "questions without an answer", calm["lost"] + busy["lost"], "", 0),
    ]
    return figures, {"calm": calm, "busy": busy}


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


async def _measure(lan: Wire, questions: int) -> tuple[dict[str, Any], dict[str, Any]]:
    announcer = Announcer(may_answer=lambda: True, on_conflict=lambda conflict: None)
    await announcer.start()
    for number in range(ADDRESSES):
        announcer.announce(FIRST + number, interfaces=frozenset({"lan"}))
    try:
        calm = await _asked(lan, questions)
        with _flooding(lan) as flood:
            spent, began = time.process_time(), time.monotonic()
            busy = await _asked(lan, questions)
            busy["cores"] = (time.process_time() - spent) / (time.monotonic() - began)
            flood.terminate()
            out, _ = await asyncio.to_thread(flood.communicate)
            busy["rate"] = float(out)
        return calm, busy
    finally:
        await announcer.stop()


async def _asked(lan: Wire, questions: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *_there(lan, "ask", str(questions)), stdout=asyncio.subprocess.PIPE, cwd=_ROOT
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


@contextlib.contextmanager
def _flooding(lan: Wire) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(_there(lan, "flood"), stdout=subprocess.PIPE, cwd=_ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _there(lan: Wire, *words: str) -> list[str]:
    return ["ip", "netns", "exec", lan.there, sys.executable, "-m", "bench.arp", *words]


def _socket() -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(arp.ETHERTYPE))
    found.bind(("cli", arp.ETHERTYPE))
    found.settimeout(1.0)
    return found


def _question(mac: Mac, address: IPv4Address) -> bytes:
    nobody = Mac(bytes(6))
    return arp.Arp(BROADCAST, mac, arp.Operation.REQUEST, mac, IPv4Address(THEIRS), nobody, address).encode()


def _mac() -> Mac:
    return Mac.parse(Path("/sys/class/net/cli/address").read_text().strip())


def _ask(questions: int) -> None:
    """Prints, as JSON, milliseconds until each answer of ours and of the kernel, and how many came never."""
    asking, mac = _socket(), _mac()
    taken: dict[str, list[float]] = {"ours": [], "kernel": []}
    lost = 0
    for number in range(questions):
        for who, address in (("ours", FIRST + number % ADDRESSES), ("kernel", IPv4Address(OURS))):
            began = time.perf_counter()
            asking.send(_question(mac, address))
            try:
                while not _answers(asking.recv(128), address):
                    pass
                taken[who].append((time.perf_counter() - began) * 1000)
            except TimeoutError:
                lost += 1
        time.sleep(0.0005)
    print(json.dumps({**taken, "lost": lost}))


def _answers(frame: bytes, address: IPv4Address) -> bool:
    found = arp.decode_arp(frame)
    return found is not None and found.operation is arp.Operation.REPLY and found.sender == address


def _flood() -> None:
    """Asks for addresses that nobody has until it is ended; prints how many a second."""
    sending, mac = _socket(), _mac()
    frames = [_question(mac, NOWHERE + number) for number in range(1024)]
    sent, began = 0, time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for _ in range(BURST):
                sending.send(frames[sent % len(frames)])
                sent += 1
            time.sleep(max(0.0, began + sent / FOREIGN_EACH_SECOND - time.monotonic()))
    print(sent / (time.monotonic() - began))


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        _ask(int(sys.argv[2]))
    else:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _flood()
