"""Envoy's standard output, where access logs without a file go, carried into ours.

As with its log (`envoy_log`), Envoy's writes neither fail nor block when nobody reads: what does not fit into the
pipe is lost. The pipe holds what some thousand requests say.
"""

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hearthgate.ingress.proxy.envoy_log import make_pipe, open_pipe

_CHUNK: Final = 1 << 18
_CAPACITY: Final = 1 << 20


def _to_standard_output(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


class OutputReader:
    """Hands on what arrives in the pipe, from `start` to `stop`, to `write`."""

    def __init__(self, path: Path, write: Callable[[bytes], None] = _to_standard_output) -> None:
        self._path = path
        self._write = write
        self._pipe = -1

    def start(self) -> None:
        make_pipe(self._path)
        self._pipe = open_pipe(self._path)
        with contextlib.suppress(OSError):  # a limit of the system: then it stays as small as it is
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _CAPACITY)
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def stop(self) -> None:
        if self._pipe < 0:
            return
        asyncio.get_running_loop().remove_reader(self._pipe)
        self._read()
        os.close(self._pipe)
        self._pipe = -1

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._pipe, _CHUNK):
                self._write(data)
