"""An event loop whose clock jumps: when nothing is ready, the next timer is due at once.

Sockets of the loopback work as ever: what one side has written, the other side finds before the clock jumps.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SETTLE = 0.001
"""Real seconds given to the kernel to hand over what is under way on the loopback."""
_STUCK = 10.0


class _JumpingSelector(selectors.EpollSelector):
    skipped = 0.0
    in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if ready := super().select(0):
            return ready
        if timeout is not None and timeout <= 0:
            return []
        if timeout is None or self.in_threads:
            ready = super().select(_STUCK)
            assert ready, "nothing will ever happen in this event loop"
            return ready
        ready = super().select(_SETTLE)
        if not ready:
            self.skipped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.skipped

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        future = super().run_in_executor(executor, func, *args)
        self._jumping.in_threads += 1

        def finished(_: object) -> None:
            self._jumping.in_threads -= 1

        future.add_done_callback(finished)
        return future


def run(main: Coroutine[Any, Any, T], *, limit: float = 3600.0) -> T:
    """Runs a coroutine in virtual time; fails when it takes more than `limit` virtual seconds."""

    async def limited() -> T:
        async with asyncio.timeout(limit):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(limited())


async def until(condition: Callable[[], object], *, within: float = 600.0) -> None:
    """Waits for a condition: looks again after 10 virtual milliseconds at first, half a second at most."""
    pause = 0.01
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, 0.5)
