"""Damage while the store runs and between two runs, a lost key, a second process, and a clock that jumps."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.server import ApiServer
from hearthgate.apiserver.store.lock import FolderLock, InUse
from hearthgate.apiserver.store.store import Put, Store
from hearthgate.model.errors import Permanent
from tests.component.apiserver.api_objects import CONFIGMAPS, TABLE, configmap
from tests.component.apiserver.conftest import client_of


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Store]:
    store = await Store.open(state)
    try:
        yield store
    finally:
        await store.close()


async def put(store: Store, name: str, **parts: Any) -> None:
    await store.mutate("configmaps", ("a", name), lambda current: Put({"metadata": {"name": name}, **parts}))


def names(store: Store) -> list[str]:
    return [entry.name for entry in store.collection("configmaps").entries()]


async def filled(state: Path) -> None:
    async with opened(state) as store:
        await asyncio.gather(*(put(store, f"x{number:03}", data="y" * 900) for number in range(200)))


def scribble(path: Path) -> None:
    """Every page but the first."""
    with path.open("r+b") as file:
        for start in range(4096, path.stat().st_size, 4096):
            file.seek(start)
            file.write(os.urandom(512))


async def test_damage_at_run_time_refuses_writes_and_leaves_reading_alone(tmp_path: Path) -> None:
    await filled(tmp_path / "s")
    async with opened(tmp_path / "s") as store:
        store._database._connection.execute("PRAGMA cache_size=0")
        scribble(tmp_path / "s" / "state.db")
        with pytest.raises(ApiError) as refused:
            await put(store, "x100", data="z" * 900)
        assert refused.value.status == 500
        assert "database of the state folder is damaged: nothing was changed" in refused.value.message
        assert len(names(store)) == 200
        assert b'"yyy' in store.collection("configmaps").entries()[100].raw


@pytest.mark.parametrize("damage", [scribble, lambda path: os.truncate(path, 4096 * 5)], ids=["torn", "short"])
async def test_damage_is_told_with_the_way_out_and_nothing_is_touched(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    await filled(tmp_path / "s")
    damage(tmp_path / "s" / "state.db")
    before = (tmp_path / "s" / "state.db").read_bytes()
    with pytest.raises(
        Permanent, match=r"state\.db is damaged .*hearthgate restore FILE --force.*move state\.db away"
    ):
        await Store.open(tmp_path / "s")
    assert (tmp_path / "s" / "state.db").read_bytes() == before


async def test_a_lost_key_is_told_with_the_way_out(tmp_path: Path) -> None:
    await filled(tmp_path / "s")
    key = tmp_path / "s" / "secrets.key"
    good = key.read_bytes()
    for content, said in (
        (os.urandom(32), "is the wrong key"),
        (good[:20], "is not a key: 20 bytes"),
        (None, "missing"),
    ):
        key.unlink()
        if content is not None:
            key.write_bytes(content)
            key.chmod(0o600)
        with pytest.raises(Permanent, match=rf"secrets\.key .*{said}.*hearthgate restore"):
            await Store.open(tmp_path / "s")
        key.write_bytes(good)
        key.chmod(0o600)
    async with opened(tmp_path / "s") as store:
        assert len(names(store)) == 200


async def test_a_log_that_was_cut_off_loses_only_its_end(tmp_path: Path) -> None:
    """What a disk may do that lies about its flushes: the commits up to the cut are there, and in order."""
    store = await Store.open(tmp_path / "s")
    for number in range(50):
        await put(store, f"x{number:03}", data="y" * 900)
    await asyncio.to_thread(store._writer.stop)
    wal = tmp_path / "s" / "state.db-wal"
    content = wal.read_bytes()
    store._database.abandon()
    store._lock.release()
    wal.write_bytes(content[: len(content) * 2 // 3])
    async with opened(tmp_path / "s") as store:
        kept = names(store)
        assert 0 < len(kept) < 50
        assert kept == [f"x{number:03}" for number in range(len(kept))]
        await put(store, "more")


def test_a_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    code = (
        "import sys; sys.argv = ['/usr/bin/hearthgate', 'up', '--set', 'a=b']\n"
        "from pathlib import Path; from hearthgate.apiserver.store.lock import FolderLock\n"
        f"FolderLock(Path({str(tmp_path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    lock.release()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InUse) as refused:
            FolderLock(tmp_path)
        assert process.stdin is not None
        process.stdin.close()
    year = datetime.now(UTC).year
    assert f"is in use by process {process.pid} (hearthgate up, started {year}-" in str(refused.value)
    assert "a=b" not in str(refused.value), "only what it does, not with what"
    FolderLock(tmp_path).release()


def test_the_lock_says_something_whatever_is_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"\xff not what we wrote")
    descriptor = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(InUse, match="in use by an unknown process"):
        FolderLock(tmp_path)
    os.close(descriptor)


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)], ids=["forward", "back"])
async def test_the_api_goes_on_when_the_clock_jumps(tmp_path: Path, jump: timedelta) -> None:
    """Objects keep the time of their creation, a watch goes on, and no age is negative."""
    time = datetime.now(UTC)
    server = ApiServer(state=tmp_path / "state", port=0, now=lambda: time)
    await server.start()
    try:
        async with client_of(server) as client:
            first = (await client.post(CONFIGMAPS, configmap("before"))).body
            path = f"{CONFIGMAPS}?resourceVersion={first['metadata']['resourceVersion']}"
            async with client.watch(path) as frames:
                time += jump
                second = (await client.post(CONFIGMAPS, configmap("after"))).body
                assert await frames.take(1) == [("ADDED", "after")]
            created = [obj["metadata"]["creationTimestamp"] for obj in (first, second)]
            before, after = map(datetime.fromisoformat, created)
            assert after - before == jump
            table = (await client.get(CONFIGMAPS, Accept=TABLE)).body
            ages = {row["cells"][0]: row["cells"][-1] for row in table["rows"]}
            assert ages["after"] in {"0s", "1s", "2s"}
            assert ages["before"] == ("400d" if jump > timedelta(0) else "<invalid>")
    finally:
        async with asyncio.timeout(10):
            await server.stop()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(Permanent, match=f"state folder {tmp_path} cannot be written"):
        FolderLock(tmp_path)
