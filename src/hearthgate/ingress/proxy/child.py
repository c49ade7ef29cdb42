"""An Envoy process: our own child, or one that an earlier control plane left serving.

Both are watched and signalled through a pidfd, which can never mean another process that got the same id.
Who is ours is read from the process table: Envoy's command line names a bootstrap file in our folder, and the
file's name holds the hash of all that a running Envoy cannot change. No file of ours can be stale about that.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.ingress.proxy.envoy_log import open_pipe
from hearthgate.model.errors import Permanent

_PROC: Final = Path("/proc")


class Child:
    """A running Envoy. `exited` is set once it has gone; `status` is None as long as it runs or if unknown."""

    def __init__(self, pid: int, process: subprocess.Popen[bytes] | None = None) -> None:
        """Raises ProcessLookupError when `pid` is gone. Needs a running event loop."""
        self.pid = pid
        self.status: int | None = None
        self.exited = asyncio.Event()
        self.adopted = process is None
        self._process = process
        self._pidfd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_exit)

    def send(self, number: signal.Signals) -> None:
        """Signals the process; nothing happens when it has gone."""
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self, seconds: float) -> bool:
        """Whether it has gone within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self.exited.wait()
        except TimeoutError:
            return False
        return True

    def release(self) -> None:
        """Stops watching; the process goes on."""
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _on_exit(self) -> None:
        self.release()
        if self._process is not None:
            self.status = self._process.wait()  # returns at once: the pidfd says that it has exited
        self.exited.set()


class Found(NamedTuple):
    """A process that runs with a bootstrap of ours."""

    pid: int
    bootstrap: Path
    executable: str


def spawn(arguments: Sequence[str], *, log_pipe: Path, output_pipe: Path) -> Child:
    """Starts a process that outlives this one and no terminal's signals reach. Raises Permanent."""
    pipe = open_pipe(log_pipe)
    output = open_pipe(output_pipe)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise Permanent(f"cannot start {arguments[0]}: {error}") from error
    finally:
        os.close(pipe)
        os.close(output)
    return Child(process.pid, process)


def find_ours(folder: Path) -> tuple[Found, ...]:
    """This user's processes that run with a bootstrap file in `folder`, by process id."""
    return tuple(sorted(_look(folder)))


def adopt(found: Found) -> Child | None:
    """A handle on `found`; None when it has gone or is no longer what was found."""
    try:
        child = Child(found.pid)
    except ProcessLookupError:
        return None
    if _read(found.pid, found.bootstrap.parent) != found:
        child.release()
        return None
    return child


def _look(folder: Path) -> Iterator[Found]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (found := _read(int(entry.name), folder)):
            yield found


def _read(pid: int, folder: Path) -> Found | None:
    entry = _PROC / str(pid)
    try:
        if entry.stat().st_uid != os.geteuid():
            return None
        arguments = (entry / "cmdline").read_bytes().split(b"\0")
        if b"-c" not in arguments[:-1]:
            return None
        bootstrap = Path(os.fsdecode(arguments[arguments.index(b"-c") + 1]))
        if bootstrap.parent != folder or not bootstrap.name.startswith("bootstrap-"):
            return None
        return Found(pid, bootstrap, str((entry / "exe").readlink()))
    except OSError:
        return None
