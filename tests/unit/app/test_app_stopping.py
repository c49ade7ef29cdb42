"""Signals end the program whatever it does; a second one cuts the end short."""

import asyncio
import os
import signal

import pytest

from hearthgate.app.stopping import until_stopped
from tests.waiting import eventually


class Program:
    """Starts for ever, and cleans up until it is hurried."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.hurried = asyncio.Event()

    async def run(self) -> None:
        self.said.append("starts")
        try:
            await asyncio.Future()
        finally:
            self.said.append("drains")
            await self.hurried.wait()
            self.said.append("ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_two_signals(number: signal.Signals) -> None:
    program = Program()
    running = asyncio.create_task(until_stopped(program.run(), hurry=program.hurried.set))
    await eventually(lambda: program.said == ["starts"])
    os.kill(os.getpid(), number)
    await eventually(lambda: program.said == ["starts", "drains"])
    assert not program.hurried.is_set()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await running
    assert program.said == ["starts", "drains", "ended"]


async def test_what_the_program_raises_comes_out() -> None:
    async def run() -> None:
        raise ValueError("cannot start")

    with pytest.raises(ValueError, match="cannot start"):
        await until_stopped(run(), hurry=lambda: None)


async def test_a_failing_clean_up_after_a_signal_comes_out() -> None:
    began = asyncio.Event()

    async def run() -> None:
        began.set()
        try:
            await asyncio.Future()
        finally:
            raise ValueError("cannot stop")

    running = asyncio.create_task(until_stopped(run(), hurry=lambda: None))
    await began.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(ValueError, match="cannot stop"):
        await running


async def test_a_cancellation_from_outside_is_one() -> None:
    running = asyncio.create_task(until_stopped(asyncio.Event().wait(), hurry=lambda: None))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
