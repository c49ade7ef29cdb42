"""Finds the processes that a test module has started, whoever their parent is by now."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.waiting import wait_for

MARK = "HEARTHGATE_TEST_MODULE"
"""An environment variable: children inherit it, and keep it when their parent dies."""


class Process(NamedTuple):
    pid: int
    command: str


def marked(value: str) -> list[Process]:
    """The live processes, other than this one, that carry the mark or are direct children of this one."""
    return [
        process for process in _others() if _carries(process.pid, value) or _parent(process.pid) == os.getpid()
    ]


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        return _stat(pid)[0] not in ("Z", "X")
    except OSError:
        return False


def end_all(processes: list[Process]) -> None:
    """Kills what a test left, by process id, so that it cannot disturb the next one."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(process.pid) for process in processes), what="the end of killed processes")


def leftovers(value: str, *, known: frozenset[int] = frozenset(), grace: float = 5.0) -> list[Process]:
    """Those still there after `grace` seconds; `known` ones do not count."""

    def found() -> list[Process]:
        return [process for process in marked(value) if process.pid not in known]

    with contextlib.suppress(AssertionError):
        wait_for(lambda: not found(), within=grace)
    return found()


def _others() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid() and is_alive(int(folder.name)):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield Process(int(folder.name), command.strip()[:200])


def _carries(pid: int, value: str) -> bool:
    try:
        return f"{MARK}={value}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """State, parent, …: the fields after the command's name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
