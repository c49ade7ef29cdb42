"""How long an address is away when the node that announces it goes: killed, cut off, frozen, or ended in order.

Two nodes and a client on a bridge, each a network namespace. The client sends a datagram every 10 ms, and the node
that has the address answers with its name; a gap is the longest time between two answers around the event. The
same server answers for Hearthgate and for keepalived, on nodes made alike.
"""

import asyncio
import contextlib
import math
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from yarl import URL

from bench.report import Figure
from tests.announcing import ADDRESS, PORT, api, speakers
from tests.lan import Client, Lan
from tests.processes import is_alive

ROUNDS = 20
NODES = ("n1", "n2")
WITHIN = 60.0
QUIET = 3.5
"""Seconds after the end of an event until the next one, in which one node answers alone: the other one is back by
then, and what is repeated after a move has been said."""
MORE = 1.0
"""Seconds that are still watched once another node answers."""
WORST, GRACEFUL = 1.0, 0.1
"""Targets, in seconds."""


class Rival(Protocol):
    """What holds the address on the nodes."""

    def start(self, node: str) -> None: ...
    def send(self, node: str, number: signal.Signals) -> None: ...
    def wait(self, node: str) -> int: ...


class Event(NamedTuple):
    """What happens to a node, and how it is undone."""

    name: str
    do: Callable[[Rival, Lan, str], None]
    undo: Callable[[Rival, Lan, str], None]


def _end(number: signal.Signals) -> Callable[[Rival, Lan, str], None]:
    return lambda rival, _, node: rival.send(node, number)


def _again(rival: Rival, _: Lan, node: str) -> None:
    rival.wait(node)
    rival.start(node)


EVENTS = (
    Event("killed", _end(signal.SIGKILL), _again),
    Event("cut off", lambda _, lan, node: lan.cut(node), lambda _, lan, node: lan.join(node)),
    Event("frozen", _end(signal.SIGSTOP), lambda rival, _, node: rival.send(node, signal.SIGCONT)),
    Event("ended in order", _end(signal.SIGTERM), _again),
)


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    rounds = 2 if quick else ROUNDS
    found: dict[str, dict[str, list[float]]] = {}
    with hearthgate() as (lan, rival):
        found["Hearthgate"] = _measure(lan, rival, rounds)
    for advert in (1.0, 0.1) if shutil.which("keepalived") else ():
        with keepalived(advert) as (lan, rival):
            found[f"keepalived, adverts every {advert:g} s"] = _measure(lan, rival, rounds)
    return [figure for name, gaps in found.items() for figure in _figures(name, gaps)], found


@contextlib.contextmanager
def hearthgate() -> Iterator[tuple[Lan, Rival]]:
    with tempfile.TemporaryDirectory() as name, Lan(NODES) as lan, lan.serving(ADDRESS, PORT):
        folder = Path(name)
        (folder / "api").mkdir(mode=0o700)
        with _api(folder / "api", lan) as kubeconfig, speakers(lan, folder, kubeconfig) as made:
            yield lan, made


class Keepalived:
    """VRRP on both nodes, the first with the greater priority; preemption is on, as it is by default."""

    def __init__(self, lan: Lan, folder: Path, advert: float) -> None:
        self._lan = lan
        self._folder = folder
        self._advert = advert
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, node: str) -> None:
        folder = self._folder / node
        folder.mkdir(exist_ok=True)
        priority = 150 - 50 * NODES.index(node)
        (folder / "keepalived.conf").write_text(
            f"""global_defs {{
  router_id {node}
  vrrp_version 3
}}
vrrp_instance one {{
  state BACKUP
  interface lan
  virtual_router_id 51
  priority {priority}
  advert_int {self._advert}
  virtual_ipaddress {{
    {ADDRESS}/32
  }}
}}
"""
        )
        files = [f"{flag}={folder}/{name}" for flag, name in (("--pid", "pid"), ("--vrrp_pid", "vrrp"))]
        config = f"--use-file={folder}/keepalived.conf"
        with (folder / "log").open("ab") as log:
            self._processes[node] = subprocess.Popen(
                self._lan.command(node, "keepalived", "--dont-fork", "--log-console", "--vrrp", config, *files),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def send(self, node: str, number: signal.Signals) -> None:
        """To the process that does the work too, which is a child; it is sent what the parent would pass on."""
        process = self._processes[node]
        child = (self._folder / node / "vrrp").read_text().strip()
        process.send_signal(number)
        if number is not signal.SIGTERM:
            with contextlib.suppress(ProcessLookupError):
                subprocess.run(["kill", f"-{int(number)}", child], check=False, capture_output=True)

    def wait(self, node: str) -> int:
        """With its child: a new one refuses to start beside it."""
        status = self._processes[node].wait(30)
        pid = self._folder / node / "vrrp"
        if pid.exists():
            child = int(pid.read_text())
            _until(lambda: "" if is_alive(child) else "gone")
            pid.unlink(missing_ok=True)
        (self._folder / node / "pid").unlink(missing_ok=True)
        return status

    def end(self) -> None:
        for node, process in self._processes.items():
            if process.poll() is None:
                self.send(node, signal.SIGCONT)
                process.terminate()
                process.wait(30)


@contextlib.contextmanager
def keepalived(advert: float) -> Iterator[tuple[Lan, Rival]]:
    with tempfile.TemporaryDirectory() as name, Lan(NODES) as lan, lan.serving(ADDRESS, PORT):
        made = Keepalived(lan, Path(name), advert)
        try:
            for node in NODES:
                made.start(node)
            yield lan, made
        finally:
            made.end()


def _measure(lan: Lan, rival: Rival, rounds: int) -> dict[str, list[float]]:
    """Gaps by event, in seconds; infinite for an address that did not come back."""
    gaps: dict[str, list[float]] = {}
    with Client(lan, ADDRESS, PORT) as client:
        _until(client.last)
        for event in EVENTS:
            gaps[event.name] = [_round(client, lan, rival, event) for _ in range(rounds)]
    return gaps


def _round(client: Client, lan: Lan, rival: Rival, event: Event) -> float:
    owner = _settled(client, time.monotonic())
    began = time.monotonic()
    event.do(rival, lan, owner)
    with contextlib.suppress(TimeoutError):
        _until(lambda: _another(client, began, owner))
    is_back = bool(_another(client, began, owner))
    time.sleep(MORE)
    gap = client.gap(began) if is_back else math.inf
    event.undo(rival, lan, owner)
    return gap


def _another(client: Client, began: float, owner: str) -> str:
    return next((one.node for one in client.answers[-1000:] if one.at > began and one.node != owner), "")


def _settled(client: Client, since: float) -> str:
    """The node that has answered alone for the second half of QUIET seconds and more."""

    def alone() -> str:
        now = time.monotonic()
        if now < since + QUIET:
            return ""
        late = [one for one in client.answers[-1000:] if one.at > now - QUIET / 2]
        nodes = {one.node for one in late}
        return late[0].node if len(nodes) == 1 and len(late) > QUIET * 25 else ""

    return _until(alone)


def _until(condition: Callable[[], str]) -> str:
    deadline = time.monotonic() + WITHIN
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("nobody answers")
        time.sleep(0.01)
    return value


@contextlib.contextmanager
def _api(state: Path, lan: Lan) -> Iterator[Path]:
    """The embedded API in a thread, reached from the nodes; its kubeconfig."""
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()
    started = threading.Event()
    found: list[Path] = []

    async def serve() -> None:
        async with api(state) as server, lan.relay(URL(server.url).port or 0):
            found.append(server.kubeconfig)
            started.set()
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not started.wait(WITHIN):
            raise TimeoutError("the API does not start")
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()


def _figures(name: str, gaps: dict[str, list[float]]) -> Iterator[Figure]:
    group = f"failover, {name}"
    for event, found in gaps.items():
        is_ours = name == "Hearthgate"
        target = (GRACEFUL if event == "ended in order" else WORST) if is_ours else None
        yield Figure(group, f"{event}: median gap", statistics.median(found), "s")
        yield Figure(group, f"{event}: worst", max(found), "s", target)
