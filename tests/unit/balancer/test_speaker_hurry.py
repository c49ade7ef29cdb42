"""Looking at snapshots with rests between."""

import time
from collections.abc import AsyncIterator
from typing import Final

from hearthgate.balancer.speaker.hurry import REST, unhurried
from hearthgate.cluster.snapshot import Snapshot

COST: Final = 0.01
"""Seconds that a look takes here."""


async def snapshots(count: int) -> AsyncIterator[Snapshot]:
    for number in range(count):
        yield Snapshot(number)


async def test_nothing_is_left_out_that_was_waited_for() -> None:
    assert [one.number async for one in unhurried(snapshots(3))] == [0, 1, 2]


async def test_others_have_their_turn_after_a_costly_look() -> None:
    begins = []
    async for _ in unhurried(snapshots(2)):
        begins.append(time.monotonic())
        while time.monotonic() - begins[-1] < COST:
            pass
    assert begins[1] - begins[0] >= COST * (1 + REST)
