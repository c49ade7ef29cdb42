"""Work of the API itself: each item once, tried again when refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.worklist import Worklist, in_batches
from tests.waiting import eventually


@asynccontextmanager
async def running(work: Worklist[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_waits_is_done_once() -> None:
    done: list[str] = []

    async def do(item: str) -> None:
        done.append(item)

    work = Worklist("test", do)
    for item in ("a", "b", "a"):
        work.add(item)
    async with running(work):
        await eventually(lambda: done == ["a", "b"])
        work.add("a")
        await eventually(lambda: done == ["a", "b", "a"])


async def test_what_is_added_while_it_is_under_way_is_done_again() -> None:
    done: list[str] = []

    async def do(item: str) -> None:
        done.append(item)
        if len(done) == 1:
            work.add(item)

    work = Worklist("test", do)
    work.add("a")
    async with running(work):
        await eventually(lambda: done == ["a", "a"])


async def test_a_conflict_is_tried_again_at_once_and_stops_nobody() -> None:
    done: list[str] = []

    async def do(item: str) -> None:
        done.append(item)
        if done.count("a") == 1 and item == "a":
            raise ApiError(409, "Conflict", "it changed")

    work = Worklist("test", do)
    work.add("a")
    work.add("b")
    async with running(work):
        await eventually(lambda: done == ["a", "b", "a"])


async def test_a_batch_ends_before_its_error_is_told() -> None:
    done: list[int] = []

    async def do(item: int) -> None:
        if item == 1:
            raise ValueError(item)
        await asyncio.sleep(0)
        done.append(item)

    with pytest.raises(ValueError, match="1"):
        await in_batches(range(3), do)
    assert done == [0, 2]
