"""Envoy's log, carried into ours.

Envoy writes into a named pipe that it also holds open for reading. So its writes neither fail nor block when
the control plane is gone: what nobody reads is lost, and a restarted control plane reads on.
"""

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from hearthgate.model.errors import Permanent

log = structlog.get_logger(__name__)

LOG_FORMAT: Final = "envoy\t%l\t%n\t%_"
"""`%_`: the message with its newlines escaped, so that an entry is a line."""
_LEVELS: Final = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "critical": "critical",
}
_CHUNK: Final = 65536
_LONGEST_LINE: Final = 65536


class Entry(NamedTuple):
    level: str
    component: str
    message: str


def parse_line(line: str) -> Entry | None:
    """An entry of Envoy's log; what else it prints counts as a warning. None for a blank line."""
    mark, _, rest = line.partition("\t")
    level, _, rest = rest.partition("\t")
    component, found, message = rest.partition("\t")
    if mark == "envoy" and found and level in _LEVELS:
        return Entry(_LEVELS[level], component, message.removesuffix("\\n").strip())
    return Entry("warning", "", line.strip()) if line.strip() else None


def make_pipe(path: Path) -> None:
    """Makes the pipe, for this user only, unless it is there. Raises Permanent."""
    try:
        if not path.exists():
            os.mkfifo(path, 0o600)
        if not stat.S_ISFIFO(path.stat().st_mode):
            raise Permanent(f"{path} stands where the pipe for envoy's log belongs: remove it")
    except OSError as error:
        raise Permanent(f"cannot make the pipe for envoy's log: {error}") from error


def open_pipe(path: Path) -> int:
    """A descriptor for reading and writing that never blocks."""
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


class LogReader:
    """Logs what arrives in the pipe, from `start` to `stop`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe = -1
        self._rest = b""

    def start(self) -> None:
        make_pipe(self._path)
        self._pipe = open_pipe(self._path)
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def stop(self) -> None:
        if self._pipe < 0:
            return
        asyncio.get_running_loop().remove_reader(self._pipe)
        self._read()
        os.close(self._pipe)
        self._pipe = -1

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, _CHUNK)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._rest = b""
        for line in lines:
            if entry := parse_line(line.decode(errors="replace")):
                getattr(log, entry.level)("envoy says", component=entry.component, text=entry.message)
