"""Snapshots that come once more when something beside them has changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def with_repeats(values: AsyncIterator[T], again: asyncio.Event) -> AsyncIterator[T]:
    """Each of `values`, and the last one anew whenever `again` is set. Ends with `values`."""
    end = object()

    async def following() -> T | object:
        return await anext(values, end)

    last: T | object = end
    waiting: asyncio.Task[bool] = asyncio.create_task(again.wait())
    fetching: asyncio.Task[T | object] | None = None
    try:
        while True:
            fetching = fetching or asyncio.create_task(following())
            await asyncio.wait({fetching, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if fetching.done():
                last = fetching.result()
                fetching = None
                if last is end:
                    return
            if waiting.done():
                again.clear()
                waiting = asyncio.create_task(again.wait())
            if last is not end:
                yield last  # type: ignore[misc]
    finally:
        tasks = [task for task in (waiting, fetching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
