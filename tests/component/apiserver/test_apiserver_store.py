"""The store on a real disk: kill -9, full and damaged files, a second process, encryption, restarts."""

import asyncio
import base64
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.store.database import BLOCK
from hearthgate.apiserver.store.history import UNKNOWN, Expired
from hearthgate.apiserver.store.store import Put, Remove, Store
from hearthgate.model.errors import Permanent
from tests.component.apiserver.api_process import RESOURCES as PROCESS_RESOURCES

PROGRAM = Path(__file__).parent / "api_process.py"


@asynccontextmanager
async def opened(state: Path, **options: Any) -> AsyncIterator[Store]:
    store = await Store.open(state, **options)
    try:
        yield store
    finally:
        await store.close()


async def put(store: Store, name: str, resource: str = "configmaps", **parts: Any) -> int:
    obj = {"metadata": {"name": name}, **parts}
    mutated = await store.mutate(resource, ("a", name), lambda current: Put(obj))
    assert mutated.entry is not None
    return mutated.entry.revision


def names(store: Store, resource: str = "configmaps") -> list[str]:
    return [entry.name for entry in store.collection(resource).entries()]


def run_and_kill(state: Path, prefix: str, lines: int) -> list[list[str]]:
    """What a writing process said before it was killed in the middle of its work, in words."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(state), prefix], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


def revisions(said: list[list[str]]) -> list[int]:
    """Of the acknowledged writes that changed something."""
    return [int(words[4]) for words in said if words[0] == "ack" and words[4] != "0"]


def stored(store: Store) -> dict[tuple[str, str], str]:
    """(resource, name) to value."""
    return {
        (resource, entry.name): msgspec.json.decode(entry.raw)["value"]
        for resource in PROCESS_RESOURCES
        for entry in store.collection(resource).entries()
    }


def check(before: dict[tuple[str, str], str], said: list[list[str]], now: dict[tuple[str, str], str]) -> None:
    """Every name is as it was acknowledged last, or as its one write that was under way would have it."""
    allowed = {key: [value] for key, value in before.items()}
    for word, resource, name, value, *_ in said:
        key = (resource, name)
        if word == "ack":
            allowed[key] = [value]
        else:
            allowed[key] = [*allowed.get(key, ["-"]), value]
    for key, values in allowed.items():
        assert now.get(key, "-") in values, f"{key} is {now.get(key)} and was acknowledged as {values[0]}"
    assert now.keys() <= allowed.keys()


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Twenty lives: creates, changes and deletes of objects in both files, each life ended at another moment."""
    state: dict[tuple[str, str], str] = {}
    highest = 0
    for life in range(20):
        said = run_and_kill(tmp_path / "s", f"life{life}", 300 + 37 * life)
        given = revisions(said)
        assert min(given) > highest, "a revision was given twice"
        assert len(set(given)) == len(given)
        async with opened(tmp_path / "s") as store:
            assert store.revision >= max(given)
            check(state, said, stored(store))
            state, highest = stored(store), store.revision


async def test_a_clean_restart_goes_on_counting(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        assert [await put(store, "a"), await put(store, "b")] == [1, 2]
    async with opened(tmp_path / "s") as store:
        assert await put(store, "c") == 3


async def test_an_unclean_end_skips_the_rest_of_its_block(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        await put(store, "a")
    said = run_and_kill(tmp_path / "s", "x", 20)
    async with opened(tmp_path / "s") as store:
        assert store.revision >= max(BLOCK, *revisions(said))


async def test_more_writes_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearthgate.apiserver.store.database.BLOCK", 5)
    async with opened(tmp_path / "s") as store:
        await asyncio.gather(*(put(store, f"x{number}") for number in range(30)))
        database = store._database
        reserved = int(database.meta("reserved") or b"0")
        assert reserved >= 30
        database.abandon()


async def test_a_second_process_is_refused_and_told_the_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "s"):
        with pytest.raises(Permanent, match=rf"in use by process {os.getpid()}"):
            await Store.open(tmp_path / "s")
    async with opened(tmp_path / "s"):
        pass


async def test_a_full_disk_refuses_the_write_and_keeps_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path / "s", max_pages=60) as store:
        await put(store, "small", data="x")
        with pytest.raises(ApiError) as refused:
            await put(store, "large", data="x" * 400_000)
        assert refused.value.status == 507
        assert "full" in refused.value.message
        assert names(store) == ["small"]
        before = store.revision
        assert await put(store, "small", data="y") > before, "smaller writes still fit"
        results = await asyncio.gather(
            put(store, "huge", data="x" * 400_000), put(store, "tiny", data="z"), return_exceptions=True
        )
        assert [type(result) for result in results] == [ApiError, int], "one that does not fit costs itself"
    async with opened(tmp_path / "s") as store:
        assert names(store) == ["small", "tiny"]


async def test_a_write_that_the_disk_refuses_leaves_reading_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        await put(store, "a")
        await store.settle()
        store._database._connection.execute("PRAGMA query_only=ON")
        with pytest.raises(ApiError) as refused:
            await put(store, "b")
        assert refused.value.status == 500
        assert names(store) == ["a"]
        assert store.history("configmaps").since(0)[-1].name == "a", "no watch sees what was not written"
        store._database._connection.execute("PRAGMA query_only=OFF")
        await put(store, "b")


def _junk(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 1000)


def _torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 200] = os.urandom(200)
    path.write_bytes(data)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


@pytest.mark.parametrize("damage", [_junk, _torn, _foreign])
async def test_a_damaged_database_is_refused_in_plain_words(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path / "s") as store:
        for number in range(50):
            await put(store, f"x{number}", data="y" * 500)
    damage(tmp_path / "s" / "state.db")
    with pytest.raises(Permanent, match="database"):
        await Store.open(tmp_path / "s")
    # The lock is free again: the user may put a backup there and start.
    (tmp_path / "s" / "state.db").unlink()
    (tmp_path / "s" / "secrets.key").unlink()
    async with opened(tmp_path / "s"):
        pass


async def test_secrets_are_not_readable_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        await put(store, "tls", "secrets", data={"a": "hunter2-hunter2"})
        await put(store, "plain", data="readable-text")
        found = b"".join(path.read_bytes() for path in (tmp_path / "s").iterdir())
        assert b"readable-text" in found
        assert b"hunter2" not in found
        assert base64.b64encode(b"hunter2-hunter2") not in found
    for path in (tmp_path / "s").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    async with opened(tmp_path / "s") as store:
        (entry,) = store.collection("secrets").entries()
        assert b"hunter2-hunter2" in entry.raw
        assert b"hunter2-hunter2" in store.history("secrets").since(0)[0].raw


async def test_secrets_cannot_be_read_with_another_key_or_moved(tmp_path: Path) -> None:
    state = tmp_path / "s"
    async with opened(state) as store:
        await put(store, "a", "secrets", data="one")
        await put(store, "b", "secrets", data="two")
    key = (state / "secrets.key").read_bytes()
    (state / "secrets.key").write_bytes(os.urandom(32))
    with pytest.raises(Permanent, match="wrong key"):
        await Store.open(state)
    (state / "secrets.key").unlink()
    with pytest.raises(Permanent, match="is missing"):
        await Store.open(state)
    (state / "secrets.key").write_bytes(key)
    (state / "secrets.key").chmod(0o644)
    with pytest.raises(Permanent, match="chmod 600"):
        await Store.open(state)
    (state / "secrets.key").chmod(0o600)
    with sqlite3.connect(state / "state.db") as connection:
        connection.execute("UPDATE obj SET data=(SELECT data FROM obj WHERE name='a') WHERE name='b'")
    connection.close()
    with pytest.raises(Permanent, match="cannot decrypt secrets/a/b"):
        await Store.open(state)


async def test_watches_survive_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        first = await put(store, "a", n=1)
        await put(store, "a", n=2)
        await store.mutate("configmaps", ("a", "a"), lambda current: Remove({"metadata": {"name": "a"}}))
        before = store.history("configmaps").since(first)
    async with opened(tmp_path / "s") as store:
        assert store.history("configmaps").since(first) == before
        assert [event.type for event in store.history("configmaps").since(0)] == ["ADDED", "MODIFIED", "DELETED"]


async def test_what_is_no_longer_kept_is_expired_also_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "s", history=50) as store:
        for start in range(0, 600, 100):
            await asyncio.gather(*(put(store, f"x{number}") for number in range(start, start + 100)))
        with pytest.raises(Expired):
            store.history("configmaps").since(1)
        assert store.history("secrets").since(0) == []
    async with opened(tmp_path / "s", history=50) as store:
        history = store.history("configmaps")
        with pytest.raises(Expired):
            history.since(1)
        kept = history.since(store.revision - 50)
        assert len(kept) == 50


async def test_the_state_before_is_unknown_when_the_log_was_cut(tmp_path: Path) -> None:
    async with opened(tmp_path / "s", history=5) as store:
        for number in range(600):
            await put(store, "x", n=number)
    async with opened(tmp_path / "s", history=5) as store:
        events = store.history("configmaps").since(store.revision - 5)
        assert events[0].before is not None
        oldest = store.history("configmaps")._events[0]
        assert oldest.before == UNKNOWN


async def test_a_cancelled_caller_loses_no_update(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        await put(store, "a", n=0)

        async def increment() -> None:
            def decide(entry: Any) -> Put:
                obj = msgspec.json.decode(entry.raw)
                return Put({**obj, "n": obj["n"] + 1})

            await store.mutate("configmaps", ("a", "a"), decide)

        tasks = [asyncio.create_task(increment()) for _ in range(20)]
        await put(store, "b")  # meanwhile the first is written and the others queue up behind it
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.settle()
        entry = store.collection("configmaps").get("a", "a")
        assert entry is not None
        assert b'"n":20' in entry.raw


async def test_an_object_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        with pytest.raises(ApiError) as refused:
            await put(store, "a", data="x" * 1_600_000)
        assert refused.value.status == 413
        assert await put(store, "b") > 0
