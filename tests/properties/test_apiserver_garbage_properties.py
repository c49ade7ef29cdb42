"""Whatever belongs to whatever, and however it is deleted: nothing hangs, and no dependent outlives its owners."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.apiserver.endings import Endings
from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.housekeeping import Housekeeping
from hearthgate.apiserver.semantics.deletion import Deletion, Propagation
from hearthgate.apiserver.semantics.ownership import Head, head_of
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Options, Verbs
from hearthgate.resources.registry import BY_API_VERSION
from tests.waiting import eventually

CONFIGMAP = BY_API_VERSION["v1", "ConfigMap"]
SIZE = 5
MEMBERS = st.integers(0, SIZE - 1)
EDGES = st.lists(st.tuples(MEMBERS, MEMBERS, st.booleans()), max_size=8)
"""Dependent, owner, whether it blocks."""
DELETES = st.lists(st.tuples(MEMBERS, st.sampled_from([None, *Propagation])), min_size=1, max_size=4)


class Running(NamedTuple):
    store: Store
    verbs: Verbs

    def heads(self) -> dict[str, Head]:
        return {entry.name: head_of(entry.raw) for entry in self.store.collection("configmaps").entries()}

    def uid(self, member: int) -> str:
        entry = self.store.collection("configmaps").get("n", f"c-{member}")
        return "" if entry is None else head_of(entry.raw).uid


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Running]:
    def now() -> datetime:
        return datetime.now(UTC)

    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(Path(folder))
        verbs = Verbs(store, now)
        housekeeping = Housekeeping(store, verbs, Endings(store, now), ServedKinds())
        store.observe(housekeeping.observe)
        task = asyncio.create_task(housekeeping.run())
        await verbs.create(BY_API_VERSION["v1", "Namespace"], "", {"metadata": {"name": "n"}}, Options())
        yield Running(store, verbs)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def _own(it: Running, edges: list[tuple[int, int, bool]]) -> None:
    for member in range(SIZE):
        await it.verbs.create(CONFIGMAP, "n", {"metadata": {"name": f"c-{member}"}}, Options())
    for member in range(SIZE):
        owners = {owner: blocks for dependent, owner, blocks in edges if dependent == member}
        references = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": f"c-{owner}",
                "uid": it.uid(owner),
                "blockOwnerDeletion": blocks,
            }
            for owner, blocks in owners.items()
        ]

        def change(current: dict[str, object], held: object = references) -> object:
            return msgspec.json.decode(
                msgspec.json.encode({**current, "metadata": {**current["metadata"], "ownerReferences": held}})  # type: ignore[dict-item]
            )

        await it.verbs.update(CONFIGMAP, "n", f"c-{member}", change, Options())


def _settled(it: Running) -> bool:
    """Nothing waits, and whoever has owners has only those that are there."""
    heads = it.heads()
    uids = {head.uid for head in heads.values()}
    return all(not head.is_ending and all(owner.uid in uids for owner in head.owners) for head in heads.values())


@settings(max_examples=60, deadline=None)
@given(EDGES, DELETES)
def test_every_deletion_comes_to_an_end(
    edges: list[tuple[int, int, bool]], deletes: list[tuple[int, Propagation | None]]
) -> None:
    async def check() -> None:
        async with running() as it:
            await _own(it, edges)
            for member, policy in deletes:
                with contextlib.suppress(ApiError):  # it may have gone with another
                    await it.verbs.delete(CONFIGMAP, "n", f"c-{member}", Options(), Deletion(propagation=policy))
            await eventually(lambda: _settled(it), what="the end of every deletion")
            left = it.heads()
            assert not {f"c-{member}" for member, _ in deletes} & left.keys()

    asyncio.run(check())
