"""The store in a process of its own, to be killed at any moment: it prints a name once its write is acknowledged.

Run as `python api_process.py STATE PREFIX`: creates objects for ever, many at a time.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from hearthgate.apiserver.objects import Objects
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Verbs

WRITERS = 8


async def run(state: Path, prefix: str) -> None:
    store = await Store.open(state)
    objects = Objects(store, Verbs(store, lambda: datetime.now(UTC)), ServedKinds())
    await objects.create_namespace("default", manager="test")

    async def write(writer: int) -> None:
        number = 0
        while True:
            name = f"{prefix}-{writer}-{number}"
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"a": name}}
            applied = await objects.apply(secret, manager="test")
            # One write call, so that a line is whole or absent.
            sys.stdout.write(f"{name} {applied.obj['metadata']['resourceVersion']}\n")
            sys.stdout.flush()
            number += 1

    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write(writer))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
