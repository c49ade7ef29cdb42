"""Child processes of the benchmark: started, awaited, always ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

PAUSE = 0.005
_given: set[int] = set()


def free_port() -> int:
    """A loopback port on which nothing listens; no port twice."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_until(condition: Callable[[], bool], within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} s")
        time.sleep(PAUSE)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, *ports: int, within: float = 30.0
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it accepts on `ports`; ended after the block. Its output goes to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        for port in ports:
            wait_until(partial(_serves, process, log, port), within, f"{command[0]} on port {port}")
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM, within: float = 30.0) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _serves(process: subprocess.Popen[bytes], log: Path, port: int) -> bool:
    if process.poll() is not None:
        lines = log.read_text(errors="replace").splitlines()[-15:]
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n" + "\n".join(lines))
    return accepts(port)


def tree(pid: int) -> dict[int, str]:
    """The process and all its descendants, with their commands' names."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
                parents[int(folder.name)] = (int(rest.split()[1]), name)
    found = {pid: parents[pid][1]} if pid in parents else {}
    while more := {
        child: name for child, (parent, name) in parents.items() if parent in found and child not in found
    }:
        found.update(more)
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes have used, user and system."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """(RSS, PSS) in megabytes. PSS counts a page shared by n processes as 1/n in each."""
    sizes = dict.fromkeys(("Rss", "Pss"), 0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in sizes:
            sizes[name] = int(rest.split()[0])
    return sizes["Rss"] / 1024, sizes["Pss"] / 1024


CORES = len(os.sched_getaffinity(0))
