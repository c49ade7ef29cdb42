"""The store in a process of its own, to be killed at any moment, under a load of creates, changes and deletes.

Run as `python api_process.py STATE PREFIX`. Each writer has names of its own and prints a line before it asks for
a write and one when that is acknowledged: `try RESOURCE NAME VALUE` and `ack RESOURCE NAME VALUE REVISION`, with
`-` for the value of a name that is deleted.
"""

import asyncio
import itertools
import random
import sys
from pathlib import Path

from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.store import Put, Remove, Store

RESOURCES = ("configmaps", "events", "secrets", "leases.coordination.k8s.io")
WRITERS = 8
NAMES = 5
NAMESPACE = "default"


def tell(*words: object) -> None:
    """In one write call, so that a line is whole or absent."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def run(state: Path, prefix: str) -> None:
    store = await Store.open(state)
    numbers = itertools.count()

    async def write(resource: str, name: str, value: str) -> None:
        def decide(entry: Entry | None) -> Put | Remove | None:
            if value == "-":
                return None if entry is None else Remove({"metadata": {"name": name}})
            return Put({"metadata": {"name": name}, "value": value})

        tell("try", resource, name, value)
        mutated = await store.mutate(resource, (NAMESPACE, name), decide)
        tell("ack", resource, name, value, mutated.entry.revision if mutated.entry else 0)

    async def keep_writing(writer: int) -> None:
        chance = random.Random(f"{prefix} {writer}")
        while True:
            name = f"w{writer}-{chance.randrange(NAMES)}"
            value = "-" if chance.random() < 0.3 else f"{prefix}.{next(numbers)}"
            await write(RESOURCES[writer % len(RESOURCES)], name, value)

    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(keep_writing(writer))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
