"""Waiting for a condition with a deadline: the only place where a test may pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
_PAUSE = 0.01


def wait_for(condition: Callable[[], T], *, within: float = 10.0, what: str = "the condition") -> T:
    """The first true value that `condition` gives; fails the test when there is none `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:g} s")
        time.sleep(_PAUSE)


@overload
async def eventually(condition: Callable[[], Awaitable[T]], *, within: float = ..., what: str = ...) -> T: ...


@overload
async def eventually(condition: Callable[[], T], *, within: float = ..., what: str = ...) -> T: ...


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, within: float = 10.0, what: str = "the condition"
) -> T:
    """As `wait_for`, for a condition that may be awaitable, leaving the event loop to others meanwhile."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:g} s")
        await asyncio.sleep(_PAUSE)
