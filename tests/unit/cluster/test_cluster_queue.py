"""The work queue in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.queue import WorkQueue
from hearthgate.model.errors import Permanent, Transient
from tests.unit.cluster.virtual_time import run


def queue() -> WorkQueue[str]:
    return WorkQueue(chance=lambda: 0.0)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_key_is_queued_once_and_in_order() -> None:
    async def scene() -> list[str]:
        work = queue()
        for key in ("b", "a", "b", "c", "a"):
            work.add(key)
        return [await work.get() for _ in range(len(work))]

    assert run(scene()) == ["b", "a", "c"]


def test_key_added_while_active_runs_once_more_and_never_twice_at_a_time() -> None:
    active: list[str] = []
    runs = 0

    async def handler(key: str) -> None:
        nonlocal runs
        runs += 1
        assert key not in active
        active.append(key)
        await asyncio.sleep(1)
        active.remove(key)

    async def scene() -> None:
        work = queue()
        workers = asyncio.create_task(work.work(handler, workers=4))
        for _ in range(100):
            work.add("a")
            await asyncio.sleep(0.005)
        await work.idle()
        workers.cancel()

    run(scene())
    assert runs == 2


def test_earliest_time_wins() -> None:
    async def scene() -> list[tuple[str, float]]:
        work = queue()
        began = now()
        work.add_after("a", 5)
        work.add_after("a", 2)
        work.add_after("a", 9)
        work.add_after("b", 3)
        work.add("b")
        came: list[tuple[str, float]] = []
        for _ in range(2):
            key = await work.get()
            came.append((key, round(now() - began)))
            work.done(key)
        await work.idle()
        assert round(now() - began) == 2, "nothing is left of the later times"
        return came

    assert run(scene()) == [("b", 0), ("a", 2)]


def test_delay_doubles_for_each_key_until_forgotten() -> None:
    async def scene() -> None:
        work: WorkQueue[str] = WorkQueue(first=1, most=10, chance=lambda: 0.0)
        assert [work.retry("a") for _ in range(6)] == [1, 2, 4, 8, 10, 10]
        assert work.retry("b") == 1
        work.forget("a")
        assert work.retry("a") == 1

    run(scene())


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(Transient("away"), 0.005, id="transient: backoff"),
        pytest.param(Transient("away", retry_after=7), 7.0, id="transient: the peer's wish"),
        pytest.param(Conflict("changed"), 0.005, id="conflict"),
        pytest.param(None, 60.0, id="too long"),
    ],
)
def test_failed_key_comes_back(failure: Exception | None, expected: float) -> None:
    times: list[float] = []

    async def handler(_: str) -> None:
        times.append(now())
        if len(times) == 1:
            if failure is None:
                await asyncio.sleep(1000)
            else:
                raise failure

    run(_worked(handler))
    assert times[1] - times[0] == pytest.approx(expected, abs=0.1)
    assert len(times) == 2


def test_permanent_failure_waits_for_a_change() -> None:
    runs: list[str] = []

    async def handler(key: str) -> None:
        runs.append(key)
        raise Permanent("cannot be")

    run(_worked(handler))
    assert runs == ["a"]


def test_bug_ends_the_workers() -> None:
    async def handler(_: str) -> None:
        raise KeyError("bug")

    with pytest.raises(ExceptionGroup) as caught:
        run(_worked(handler))
    assert isinstance(caught.value.exceptions[0], KeyError)


def test_discarded_key_does_not_come() -> None:
    async def scene() -> None:
        work = queue()
        work.add("a")
        work.add_after("b", 1)
        work.discard("a")
        work.discard("b")
        async with asyncio.timeout(5):
            await work.idle()
        assert not len(work)

    run(scene())


def test_cancelled_worker_passes_its_wake_up_on() -> None:
    async def scene() -> None:
        work = queue()
        first = asyncio.create_task(work.get())
        second = asyncio.create_task(work.get())
        await asyncio.sleep(0)
        work.add("a")
        first.cancel()
        async with asyncio.timeout(5):
            assert await second == "a"

    run(scene())


async def _worked(handler: Callable[[str], Awaitable[None]]) -> None:
    work = queue()
    workers = asyncio.create_task(work.work(handler))
    work.add("a")
    idle = asyncio.create_task(work.idle())
    await asyncio.wait([workers, idle], return_when=asyncio.FIRST_COMPLETED)
    if workers.done():
        idle.cancel()
        await workers
    workers.cancel()
