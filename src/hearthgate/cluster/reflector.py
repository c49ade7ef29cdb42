"""Keeps the cache of one kind equal to the API server: list, watch, and all that can go wrong in between.

The state is one resourceVersion: empty means that a list is due, else a watch continues from it. Each step makes
one connection; whatever ends it decides only when the next begins and whether the version still counts.
Constants are client-go's where it has them.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Self

import structlog

from hearthgate.cluster.backoff import Backoff
from hearthgate.cluster.cache import INITIAL_EVENTS_END, Item, KindCache, read_item, read_metadata
from hearthgate.cluster.client import Client, WatchEvent
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.errors import Expired, NotFound, Silent, Unavailable, Unreachable
from hearthgate.model.errors import HearthgateError, Transient, WireError

log = structlog.get_logger(__name__)

_BREATH = 200
"""After so many objects other tasks get their turn."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds. idle: without a byte for so long (bookmarks come every minute) the connection counts as dead.
    short: a watch that ends sooner is a failure. absent_retry: how often a kind that is not served is asked for.
    absent_grace: a 404 must last so long before known objects are dropped, because a starting kube-apiserver
    answers 404 for custom resources until it has read their definitions.
    """

    watch_least: float = 300.0
    watch_most: float = 600.0
    idle: float = 150.0
    backoff_first: float = 0.8
    backoff_most: float = 30.0
    short: float = 1.0
    absent_retry: float = 30.0
    absent_grace: float = 15.0

    @classmethod
    def of(cls, config: ClientConfig) -> Self:
        """Nobody else bothers a server on loopback, so it is asked again sooner."""
        return cls(backoff_most=5.0) if config.is_loopback else cls()


class Reflector:
    """Runs for ever; cancel it to stop. Failures of the server are waited out, bugs are raised."""

    def __init__(
        self,
        client: Client,
        cache: KindCache,
        *,
        timing: Timing | None = None,
        page_size: int = 500,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._cache = cache
        self._timing = timing or Timing.of(client.config)
        self._page_size = page_size
        self._chance = chance
        self._backoff = Backoff(self._timing.backoff_first, self._timing.backoff_most, chance=chance)
        self._version = ""
        self._streaming = True
        self._expired_at: float | None = None
        self._absent_since: float | None = None
        self._log = log.bind(kind=cache.kind.resource)

    async def run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._step()
            except HearthgateError as error:
                delay = self._recover(error, clock())
            else:
                short = clock() - began < self._timing.short
                delay = self._backoff.next(clock()) if short else 0.0
            await asyncio.sleep(delay)

    async def _step(self) -> None:
        """One list if it is due, and one watch until it ends."""
        if not self._version and self._streaming:
            try:
                await self._stream()
                return
            except (Unreachable, NotFound):
                raise
            except HearthgateError as error:
                if self._version or (isinstance(error, Unavailable) and error.retry_after is not None):
                    raise
                self._log.info("no streaming list, listing by pages", error=str(error))
                await self._list()
                self._streaming = False
        if not self._version:
            await self._list()
        async with self._watch() as events:
            await self._follow(events)

    async def _stream(self) -> None:
        """The streaming list (WatchList) and the watch that it becomes."""
        async with self._watch(initial_events=True) as events:
            items: list[Item] = []
            async for event in events:
                self._heard()
                if event.type == "BOOKMARK":
                    metadata = read_metadata(event.object)
                    if INITIAL_EVENTS_END in metadata.annotations:
                        self._replace(items, metadata.resource_version)
                        break
                elif event.type in {"ADDED", "MODIFIED"}:
                    items.append(read_item(self._cache.kind, event.object))
                    await _breathe(len(items))
                else:
                    raise WireError(f"{event.type} among the initial events")
            else:
                raise WireError("the initial events ended without their bookmark")
            await self._follow(events)

    async def _list(self) -> None:
        items: list[Item] = []
        token = version = ""
        while True:
            page = await self._client.list_page(self._cache.kind, limit=self._page_size, token=token)
            self._heard()
            # A later page may be of a later state: what changed meanwhile in an earlier one must be watched.
            version = version or page.resource_version
            for raw in page.items:
                items.append(read_item(self._cache.kind, raw))
                await _breathe(len(items))
            token = page.token
            if not token:
                break
        self._replace(items, version)

    def _watch(self, *, initial_events: bool = False) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        spread = self._timing.watch_most - self._timing.watch_least
        return self._client.watch(
            self._cache.kind,
            resource_version=self._version,
            initial_events=initial_events,
            timeout=self._timing.watch_least + spread * self._chance(),
            idle=self._timing.idle,
        )

    async def _follow(self, events: AsyncIterator[WatchEvent]) -> None:
        """Takes changes over until the stream ends."""
        self._well()
        count = 0
        async for event in events:
            self._heard()
            match event.type:
                case "ADDED" | "MODIFIED":
                    item = read_item(self._cache.kind, event.object)
                    metadata = item.metadata
                    self._cache.put(item)
                case "DELETED":
                    metadata = read_metadata(event.object)
                    self._cache.remove((metadata.namespace, metadata.name))
                case "BOOKMARK":
                    metadata = read_metadata(event.object)
                case _:
                    raise WireError(f"unknown watch event {event.type!r}")
            self._version = metadata.resource_version or self._version
            count += 1
            await _breathe(count)

    def _replace(self, items: list[Item], version: str) -> None:
        self._cache.replace(items)
        self._version = version
        self._absent_since = None
        self._log.debug("listed", objects=len(items), version=version)

    def _heard(self) -> None:
        self._cache.last_event = asyncio.get_running_loop().time()

    def _well(self) -> None:
        """A watch is open: whatever the trouble was, it is over."""
        self._heard()
        self._absent_since = None
        if self._cache.trouble:
            self._log.info("watching again")
            self._cache.complain("")

    def _recover(self, error: HearthgateError, now: float) -> float:
        """What the failure means for the version. Returns the seconds until the next try."""
        if isinstance(error, Expired):
            self._version = ""
            again = self._expired_at is not None and now - self._expired_at < 60.0
            self._expired_at = now
            self._log.info("watch too old, listing anew", error=str(error))
            return self._backoff.next(now) if again else 0.0
        if isinstance(error, NotFound):
            return self._missing(error, now)
        self._absent_since = None
        if isinstance(error, Silent):
            self._log.info("watch fell silent, connecting anew")
            return self._backoff.next(now)
        self._complain(str(error))
        delay = self._backoff.next(now)
        if isinstance(error, Transient) and error.retry_after is not None:
            return max(delay, error.retry_after)
        return delay

    def _missing(self, error: NotFound, now: float) -> float:
        if self._absent_since is None:
            self._absent_since = now
        if len(self._cache) and now - self._absent_since < self._timing.absent_grace:
            self._complain(str(error))
            return self._backoff.next(now)
        if not self._cache.absent:
            self._log.info("the server does not serve this kind")
        self._version = ""
        self._cache.replace((), absent=True)
        self._cache.complain("")
        self._heard()
        return self._timing.absent_retry

    def _complain(self, trouble: str) -> None:
        if not self._cache.trouble:
            self._log.warning("API server out of reach, keeping what is known", error=trouble)
        self._cache.complain(trouble)


async def _breathe(count: int) -> None:
    if count % _BREATH == 0:
        await asyncio.sleep(0)
