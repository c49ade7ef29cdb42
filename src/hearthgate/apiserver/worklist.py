"""Work that waits to be done: each item once, in the order in which it came, several at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

import structlog

from hearthgate.apiserver.errors import ApiError

Item = TypeVar("Item", bound=Hashable)

_AT_ONCE: Final = 64
"""Writes that go into the same commit."""
_RETRY_AFTER: Final = 5.0

_log = structlog.get_logger(__name__)


class Worklist(Generic[Item]):
    """`do` looks at the state of now, so that an item which is added while it is under way is done again."""

    def __init__(self, name: str, do: Callable[[Item], Awaitable[None]]) -> None:
        self._name = name
        self._do = do
        self._waiting: dict[Item, None] = {}
        self._filled = asyncio.Event()

    def add(self, item: Item) -> None:
        self._waiting[item] = None
        self._filled.set()

    async def run(self) -> None:
        """Until cancelled. What is refused is tried again later."""
        while True:
            await self._filled.wait()
            items = list(self._waiting)[:_AT_ONCE]
            for item in items:
                del self._waiting[item]
            if not self._waiting:
                self._filled.clear()
            await in_batches(items, self._attempt)

    async def _attempt(self, item: Item) -> None:
        try:
            await self._do(item)
        except ApiError as error:
            if error.reason == "Conflict":  # it changed under our hands
                self.add(item)
                return
            # A full disk, for instance: nothing is lost.
            _log.warning("housekeeping postponed", work=self._name, error=error.message, again_in=_RETRY_AFTER)
            asyncio.get_running_loop().call_later(_RETRY_AFTER, self.add, item)


async def in_batches(items: Iterable[Item], do: Callable[[Item], Awaitable[None]]) -> None:
    """Does `do` for every item, several at once. Raises the first error after the batch that it belongs to."""
    left = list(items)
    for start in range(0, len(left), _AT_ONCE):
        found = await asyncio.gather(*map(do, left[start : start + _AT_ONCE]), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
