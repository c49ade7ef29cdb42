"""Events and Leases in their own file: what a restart, a power failure, damage and an older version leave."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.store import schema, volatile
from hearthgate.apiserver.store.history import Expired
from hearthgate.apiserver.store.store import Put, Store

LEASES = "leases.coordination.k8s.io"


@asynccontextmanager
async def opened(state: Path, **options: Any) -> AsyncIterator[Store]:
    store = await Store.open(state, **options)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def dying(state: Path) -> AsyncIterator[Store]:
    """As `opened`, but ended like a killed process: nothing is said at the end."""
    store = await Store.open(state)
    yield store
    await asyncio.to_thread(store._writer.stop)
    store._database.abandon()
    store._lock.release()


async def put(store: Store, resource: str, name: str) -> int:
    mutated = await store.mutate(resource, ("a", name), lambda current: Put({"metadata": {"name": name}}))
    assert mutated.entry is not None
    return mutated.entry.revision


def names(store: Store, resource: str) -> list[str]:
    return sorted(entry.name for entry in store.collection(resource).entries())


def rows(path: Path, table: str = "obj") -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(f"SELECT resource FROM {table} ORDER BY resource, revision")]


def reboot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, boot: str) -> None:
    (tmp_path / "boot").write_text(boot)
    monkeypatch.setattr(volatile, "_BOOT_ID", tmp_path / "boot")


async def test_they_lie_in_another_file_and_share_the_revisions(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        order = ["events", "configmaps", LEASES, "configmaps", "events"]
        assert [await put(store, resource, f"x{n}") for n, resource in enumerate(order)] == [1, 2, 3, 4, 5]
        levels = [store._database._connection.execute(f"PRAGMA {file}.synchronous").fetchone()[0]
                  for file in ("main", "volatile")]  # fmt: skip
        assert levels == [2, 1], "FULL for what must stay, NORMAL for what may go with the power"
    assert rows(tmp_path / "s" / "state.db") == ["configmaps", "configmaps"]
    assert rows(tmp_path / "s" / "volatile.db") == ["events", "events", LEASES]
    assert rows(tmp_path / "s" / "volatile.db", "log") == ["events", "events", LEASES]


async def test_a_clean_restart_and_a_killed_process_lose_none(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        first = await put(store, "events", "a")
        await put(store, "events", "b")
    async with dying(tmp_path / "s") as store:
        assert [event.name for event in store.history("events").since(first)] == ["b"]
        await put(store, "events", "c")
    async with opened(tmp_path / "s") as store:
        assert [event.name for event in store.history("events").since(first)] == ["b", "c"]
        assert names(store, "events") == ["a", "b", "c"]
        assert await put(store, "events", "d") > 3


async def test_after_a_power_failure_their_watches_start_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have held back the last commits: a watch that saw them must not go on from there."""
    reboot(monkeypatch, tmp_path, "first")
    async with dying(tmp_path / "s") as store:
        seen = await put(store, "events", "a")
        kept = await put(store, "configmaps", "a")
        await put(store, "configmaps", "b")
    reboot(monkeypatch, tmp_path, "second")
    for _ in range(2):  # it stays so after a clean restart
        async with opened(tmp_path / "s") as store:
            for resource in ("events", LEASES):
                with pytest.raises(Expired):
                    store.history(resource).since(seen)
            assert [event.name for event in store.history("configmaps").since(kept)] == ["b"]
            assert names(store, "events") == ["a"], "what is there is still shown"
    async with opened(tmp_path / "s") as store:
        later = await put(store, "events", "b")
    async with opened(tmp_path / "s") as store:
        assert store.history("events").since(later) == []


async def test_a_clean_end_is_believed_after_a_reboot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reboot(monkeypatch, tmp_path, "first")
    async with opened(tmp_path / "s") as store:
        first = await put(store, "events", "a")
        await put(store, "events", "b")
    reboot(monkeypatch, tmp_path, "second")
    async with opened(tmp_path / "s") as store:
        assert [event.name for event in store.history("events").since(first)] == ["b"]


@pytest.mark.parametrize("content", [b"junk" * 4096, b""], ids=["damaged", "emptied"])
async def test_a_file_that_is_lost_costs_only_itself(tmp_path: Path, content: bytes) -> None:
    async with opened(tmp_path / "s") as store:
        seen = await put(store, "events", "a")
        await put(store, "configmaps", "a")
    (tmp_path / "s" / "volatile.db").write_bytes(content)
    async with opened(tmp_path / "s") as store:
        assert names(store, "events") == []
        assert names(store, "configmaps") == ["a"]
        with pytest.raises(Expired):
            store.history("events").since(seen)
        assert await put(store, "events", "b") > 2
    async with opened(tmp_path / "s") as store:
        assert names(store, "events") == ["b"]
    if content:
        assert (tmp_path / "s" / "volatile.db.damaged").read_bytes() == content


async def test_the_file_of_another_state_is_not_taken(tmp_path: Path) -> None:
    for state in ("s", "other"):
        async with opened(tmp_path / state) as store:
            await put(store, "events", f"of-{state}")
    (tmp_path / "other" / "volatile.db").rename(tmp_path / "s" / "volatile.db")
    async with opened(tmp_path / "s") as store:
        assert names(store, "events") == []


def older(state: Path) -> None:
    """A state folder as version 1 left it: everything in one file, closed well after revision 4."""
    with closing(sqlite3.connect(state / "state.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        schema.create(connection, "main")
        for revision, (resource, name) in enumerate(
            [("events", "a"), ("configmaps", "a"), (LEASES, "a"), ("events", "b")], start=1
        ):
            raw = b'{"metadata":{"name":"%b","resourceVersion":"%d"}}' % (name.encode(), revision)
            connection.execute("INSERT INTO obj VALUES(?,?,?,?,?)", (resource, "n", name, revision, raw))
            connection.execute(
                "INSERT INTO log VALUES(?,?,?,?,?,?)", (revision, resource, "n", name, "ADDED", raw)
            )
        connection.execute("INSERT INTO floor VALUES(?, 0)", (LEASES,))
        connection.execute("INSERT INTO meta VALUES('reserved', ?)", (b"4",))
        connection.execute("PRAGMA user_version=1")
        connection.commit()


async def test_an_older_file_is_migrated_and_kept(state_dir: Path) -> None:
    older(state_dir)
    async with opened(state_dir) as store:
        assert names(store, "events") == ["a", "b"]
        assert names(store, LEASES) == ["a"]
        assert [event.name for event in store.history("events").since(1)] == ["b"], "watches go on"
        assert await put(store, "events", "c") == 5
    assert rows(state_dir / "state.db") == ["configmaps"]
    assert rows(state_dir / "state.db", "log") == ["configmaps"]
    assert rows(state_dir / "state.db", "floor") == []
    (copy,) = (state_dir / "copies").iterdir()
    assert rows(copy) == ["configmaps", "events", "events", LEASES]
    assert copy.stat().st_mode & 0o077 == 0
    async with opened(state_dir) as store:
        assert names(store, "events") == ["a", "b", "c"]


async def test_a_migration_that_was_cut_off_begins_again(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older(state_dir)
    separate = schema.separate_volatile

    def cut_off(connection: sqlite3.Connection, resources: frozenset[str], name: str) -> None:
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_DELETE else sqlite3.SQLITE_OK
        )
        separate(connection, resources, name)

    with monkeypatch.context() as patch:
        patch.setattr(schema, "separate_volatile", cut_off)
        with pytest.raises(Exception, match="not authorized"):
            await Store.open(state_dir)
    assert rows(state_dir / "state.db") == ["configmaps", "events", "events", LEASES], "the old file is whole"
    async with opened(state_dir) as store:
        assert names(store, "events") == ["a", "b"]
        assert names(store, "configmaps") == ["a"]


def test_copies_of_older_versions_are_bounded(state_dir: Path) -> None:
    for revision in range(6):
        with closing(sqlite3.connect(state_dir / "state.db")) as connection:
            if not revision:
                schema.create(connection, "main")
            connection.execute("INSERT OR REPLACE INTO meta VALUES('reserved', ?)", (str(revision).encode(),))
            connection.commit()
            schema.keep_copy(connection, state_dir, 1)
    assert sorted(path.name for path in (state_dir / "copies").iterdir()) == [
        f"state-version-1-revision-{revision}.db" for revision in (3, 4, 5)
    ]
