"""Keeps decisions about many Services from taking all the time of the program under a storm of changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from hearthgate.cluster.snapshot import Snapshot

REST: Final = 4.0
"""Times as long as the last one took until the next snapshot is looked at: thousands of Services cost tens of
milliseconds each time, a few cost nothing to wait for."""
LONGEST: Final = 1.0
"""Seconds."""


async def unhurried(snapshots: AsyncIterator[Snapshot]) -> AsyncIterator[Snapshot]:
    """The newest, after a rest in proportion to what the one before has cost."""
    clock = asyncio.get_running_loop().time
    async for snapshot in snapshots:
        began = clock()
        yield snapshot
        await asyncio.sleep(min(REST * (clock() - began), LONGEST))
