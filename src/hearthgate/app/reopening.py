"""SIGUSR1: the files of access logs are opened anew, for who has moved them away."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator

import structlog

from hearthgate.model.errors import Transient

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def reopening(reopen: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Calls `reopen` at each signal as long as the body runs; in a thread that gets no signals it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def run() -> None:
        try:
            await reopen()
        except Transient as error:
            log.warning("the files of access logs are not opened anew", error=str(error))

    def on_signal() -> None:
        task = loop.create_task(run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGUSR1, on_signal)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        for task in tasks:
            task.cancel()
