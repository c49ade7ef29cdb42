"""SIGINT and SIGTERM: the first one ends what runs, whatever it is doing; the second one says not to wait."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


async def until_stopped(run: Coroutine[Any, Any, None], *, hurry: Callable[[], None]) -> None:
    """Returns when `run` has ended. Raises what it raises.

    A signal cancels it, also while it starts, and it cleans up; `hurry` is called from the second signal on.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(run)
    is_stopping = False

    def on_signal() -> None:
        nonlocal is_stopping
        if is_stopping:
            log.info("stopping at once: what is under way is cut")
            hurry()
            return
        is_stopping = True
        log.info("stopping: finishing what has begun")
        task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not is_stopping:
            raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
