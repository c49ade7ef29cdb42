"""A work queue of keys (client-go's workqueue): level-triggered work, each key once, failures later.

A key is queued at most once and never worked on by two workers. Added while it is worked on, it is worked on once
more afterwards. Times are the event loop's.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from hearthgate.cluster.errors import Conflict
from hearthgate.model.errors import Permanent, Transient

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger(__name__)


class WorkQueue(Generic[K]):
    """first, most: seconds of the first and the longest delay after failures of one key, doubled in between."""

    def __init__(
        self, *, first: float = 0.005, most: float = 300.0, chance: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._chance = chance
        self._ready: deque[K] = deque()
        self._queued: set[K] = set()
        self._active: set[K] = set()
        self._again: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._troubled = False
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        """Keys that are ready, not counting those worked on or delayed."""
        return len(self._ready)

    def add(self, key: K) -> None:
        """Queues the key now, even if it was to come later."""
        if timer := self._later.pop(key, None):
            timer.cancel()
        if key in self._active:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._wake()
        self._idle.clear()

    def add_after(self, key: K, delay: float) -> None:
        """Queues the key in `delay` seconds, or earlier if that was already asked for."""
        if delay <= 0:
            self.add(key)
            return
        if key in self._queued or key in self._again:
            return
        loop = asyncio.get_running_loop()
        known = self._later.get(key)
        if known is not None:
            if known.when() <= loop.time() + delay:
                return
            known.cancel()
        self._later[key] = loop.call_later(delay, self.add, key)
        self._idle.clear()

    def retry(self, key: K, *, after: float | None = None) -> float:
        """Queues a key that failed: after a delay that grows with its failures, at least `after`. Returns it."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first * 2.0 ** min(failures, 60), self._most) * (1.0 + self._chance())
        delay = max(delay, after or 0.0)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key works again: its next failure is its first."""
        self._failures.pop(key, None)

    def discard(self, key: K) -> None:
        """Takes the key out, its failures and delays included; work that has begun goes on."""
        self.forget(key)
        self._again.discard(key)
        if timer := self._later.pop(key, None):
            timer.cancel()
        if key in self._queued:
            self._queued.remove(key)
            self._ready.remove(key)
        self._settle()

    async def get(self) -> K:
        """The next key; it is the caller's until `done`."""
        while not self._ready:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # woken and cancelled at once: another one must take the key
                raise
        key = self._ready.popleft()
        self._queued.remove(key)
        self._active.add(key)
        return key

    def done(self, key: K) -> None:
        self._active.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        self._settle()

    async def idle(self) -> None:
        """Returns when nothing is queued, delayed or worked on."""
        await self._idle.wait()

    async def work(
        self,
        handler: Callable[[K], Awaitable[None]],
        *,
        workers: int = 1,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> None:
        """Runs for ever, `workers` keys at a time. Transient failures and time-outs are retried, Permanent ones
        wait until the key is added again; anything else is a bug and ends all workers."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker(handler, timeout))

    async def _worker(self, handler: Callable[[K], Awaitable[None]], limit: float) -> None:
        while True:
            key = await self.get()
            try:
                async with asyncio.timeout(limit):
                    await handler(key)
            except Conflict:
                self.retry(key)  # daily business between writers: not worth a line
            except Transient as error:
                self._postpone(key, str(error), error.retry_after)
            except TimeoutError:
                self._postpone(key, f"took longer than {limit:g} s")
            except Permanent as error:
                self.forget(key)
                log.warning("failed, waiting for a change", key=str(key), error=str(error))
            else:
                self.forget(key)
                self._troubled = False
            finally:
                self.done(key)

    def _postpone(self, key: K, trouble: str, after: float | None = None) -> None:
        delay = self.retry(key, after=after)
        # One outage fails every key: it is told once.
        tell = log.debug if self._troubled else log.warning
        self._troubled = True
        tell("failed, trying again", key=str(key), delay=round(delay, 3), error=trouble)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _settle(self) -> None:
        if not (self._ready or self._active or self._later or self._again):
            self._idle.set()
