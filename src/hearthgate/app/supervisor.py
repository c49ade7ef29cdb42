"""Keeps the parts of a role running: a part that crashes is told loudly and started again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog

FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0
"""Seconds between a crash and the next start; doubles with each crash."""
HEALTHY = 60.0
"""A part that ran for so many seconds is well: its next crash is a first one."""

OnCrash = Callable[[str, Exception], None]
"""Told the part's name and what ended it, before it is started again."""

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def supervised(
    parts: Mapping[str, Callable[[], Awaitable[None]]], *, on_crash: OnCrash = lambda name, error: None
) -> AsyncIterator[None]:
    """Runs each part beside the body; cancels all of them, and waits, when the body ends."""
    tasks = [asyncio.create_task(_keep_running(name, run, on_crash), name=name) for name, run in parts.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(name: str, run: Callable[[], Awaitable[None]], on_crash: OnCrash) -> None:
    """Returns when the part returns by itself."""
    clock = asyncio.get_running_loop().time
    delay = FIRST_DELAY
    while True:
        began = clock()
        try:
            return await run()
        except Exception as error:
            if clock() - began >= HEALTHY:
                delay = FIRST_DELAY
            log.exception("part crashed, starting it again", part=name, delay_seconds=delay)
            on_crash(name, error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
