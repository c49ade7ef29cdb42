"""The embedded API alone in a process of its own: for tests that talk to it from outside, or kill it.

As a program, `python -m tests.apiserving STATE` waits for a line, serves until it is told to end, and
prints its address once it answers.
"""

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import structlog

from hearthgate.apiserver.server import ApiServer

_ROOT = Path(__file__).parents[1]
_END_WITHIN = 20.0


def start(state: Path) -> subprocess.Popen[str]:
    """Returns when it answers. The kubeconfig is in the state folder."""
    return go(prepare(state))


def prepare(state: Path) -> subprocess.Popen[str]:
    """A process that has yet to be told to `go`: what it imports takes longer than its start."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.apiserving", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )


def go(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("https://"), "the API did not start"
    return process


def end(process: subprocess.Popen[str], by: signal.Signals = signal.SIGTERM) -> None:
    with process:
        process.send_signal(by)
        process.wait(_END_WITHIN)


@contextlib.contextmanager
def serving(state: Path) -> Iterator[Path]:
    """A running API, as its kubeconfig."""
    process = start(state)
    try:
        yield state / "kubeconfig"
    finally:
        end(process)


async def _serve(state: Path) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    server = ApiServer(state=state, port=0)
    await server.start()
    print(json.loads(server.kubeconfig.read_text())["clusters"][0]["cluster"]["server"], flush=True)
    await ending.wait()
    await server.stop()


if __name__ == "__main__":
    # Standard output belongs to the address.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if sys.stdin.readline():
        asyncio.run(_serve(Path(sys.argv[1])))
