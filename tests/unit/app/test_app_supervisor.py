"""Crashed parts are started again, later each time, and soon again once they have been well."""

import asyncio

import pytest
import structlog

from hearthgate.app.supervisor import FIRST_DELAY, HEALTHY, supervised
from tests.unit.cluster import virtual_time


def starts(lives: list[float], within: float) -> tuple[list[float], list[str]]:
    """When a part starts that lives so long each time, and which crashes were told."""
    began: list[float] = []
    told: list[str] = []

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        zero = clock()

        async def part() -> None:
            began.append(clock() - zero)
            await asyncio.sleep(lives[len(began) - 1])
            raise ValueError("the reason")

        def on_crash(name: str, error: Exception) -> None:
            told.append(f"{name}: {type(error).__name__}")

        async with supervised({"part": part}, on_crash=on_crash):
            await asyncio.sleep(within)

    with structlog.testing.capture_logs():  # printing a traceback takes real time
        virtual_time.run(main())
    return began, told


def pauses(lives: list[float], within: float) -> list[float]:
    began, _ = starts(lives, within)
    ends = [start + life for start, life in zip(began, lives, strict=False)]
    return [start - end for start, end in zip(began[1:], ends, strict=False)]


def about(*seconds: float) -> object:
    """The virtual clock moves with the real one too."""
    return pytest.approx(list(seconds), abs=0.1)


def test_the_pause_doubles() -> None:
    assert pauses([0.0, 0.0, 0.0, 99.0], 10.0) == about(FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4)


def test_a_long_healthy_run_makes_the_pause_short_again() -> None:
    assert pauses([0.0, 0.0, HEALTHY, 999.0], 100.0) == about(FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY)
    assert pauses([0.0, 0.0, HEALTHY - 1, 999.0], 100.0)[2:] == about(FIRST_DELAY * 4)


def test_crashes_are_told() -> None:
    _, told = starts([0.0, 99.0], 10.0)
    assert told == ["part: ValueError"]
