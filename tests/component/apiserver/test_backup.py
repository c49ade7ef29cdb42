"""Backups while everything goes on and at rest, sealed or not; and back, whole or not at all."""

import asyncio
import gzip
import io
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.backup.archive import read_archive
from hearthgate.apiserver.server import ApiServer
from hearthgate.apiserver.store.copies import JUMP
from hearthgate.apiserver.store.history import Expired
from hearthgate.apiserver.store.store import Put, Store
from hearthgate.app.safekeeping import make_backup, read_passphrase, restore_backup
from hearthgate.model.errors import HearthgateError, Permanent
from hearthgate.model.secret import SecretBytes
from tests.component.apiserver.api_objects import CONFIGMAPS, SECRETS, configmap
from tests.component.apiserver.conftest import client_of
from tests.waiting import eventually

PROGRAM = Path(__file__).parent / "restore_process.py"
PASSPHRASE = SecretBytes(b"correct horse")
HIDDEN = "hunter2-hunter2"


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Store]:
    store = await Store.open(state)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def serving(state: Path) -> AsyncIterator[ApiServer]:
    server = ApiServer(state=state, port=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def put(store: Store, name: str, resource: str = "configmaps", **parts: Any) -> int:
    obj = {"metadata": {"name": name, "namespace": "a"}, **parts}
    mutated = await store.mutate(resource, ("a", name), lambda current: Put(obj))
    assert mutated.entry is not None
    return mutated.entry.revision


def names(store: Store, resource: str = "configmaps") -> list[str]:
    return [entry.name for entry in store.collection(resource).entries()]


async def filled(state: Path, name: str) -> int:
    """A state at rest with one object of that name; the last revision."""
    async with opened(state) as store:
        await put(store, name, "secrets", data={"a": HIDDEN})
        return await put(store, name)


async def backed_up(tmp_path: Path, passphrase: SecretBytes | None = None) -> Path:
    """A backup of a state that holds `saved`."""
    await filled(tmp_path / "source", "saved")
    file = tmp_path / "backup"
    await make_backup(file, tmp_path / "source", passphrase, force=False)
    return file


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, which a refused restore takes too."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


async def test_a_backup_is_made_while_writes_go_on(tmp_path: Path) -> None:
    written: list[str] = []
    async with serving(tmp_path / "source") as server, client_of(server) as client:
        secret = {"metadata": {"name": "tls"}, "stringData": {"a": HIDDEN}}
        assert (await client.post(SECRETS, secret)).status == 201

        async def write() -> None:
            while True:
                name = f"x{len(written)}"
                assert (await client.post(CONFIGMAPS, configmap(name, {"a": "b" * 2000}))).status == 201
                written.append(name)

        writing = asyncio.create_task(write())
        await eventually(lambda: len(written) >= 200)
        before = list(written)
        made = await make_backup(tmp_path / "backup", tmp_path / "source", PASSPHRASE, force=False)
        assert made.holder is not None
        assert made.holder.pid == os.getpid()
        writing.cancel()
        assert len(written) > len(before), "writes went on"
        kubeconfig = (tmp_path / "source" / "kubeconfig").read_bytes()
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "source").glob(".backup-*"))
    done = restore_backup(tmp_path / "backup", tmp_path / "new", PASSPHRASE, force=False)
    assert done.aside is None
    assert done.manifest.objects["configmaps"] >= len(before)
    async with serving(tmp_path / "new") as server, client_of(server) as client:
        kept = [item["metadata"]["name"] for item in (await client.get(CONFIGMAPS)).body["items"]]
        assert set(before) <= set(kept), "all that was acknowledged before"
        assert kept == sorted(f"x{number}" for number in range(len(kept))), "and no gap in what came after"
        assert (await client.get(f"{SECRETS}/tls")).status == 200
        authority = msgspec.json.decode(kubeconfig)["clusters"][0]["cluster"]["certificate-authority-data"]
        now = msgspec.json.decode(server.kubeconfig.read_bytes())["clusters"][0]["cluster"]
        assert now["certificate-authority-data"] == authority, "kubeconfigs that were given out stay good"


async def test_only_administrators_get_the_state(server: ApiServer) -> None:
    async with client_of(server) as client:
        refused = await client.send("POST", "/hearthgate.dev/backup", Impersonate_User="somebody")
        assert (refused.status, refused.reason) == (403, "Forbidden")
        assert (await client.get("/hearthgate.dev/backup")).status == 404
        del client.session.headers["Authorization"]
        assert (await client.send("POST", "/hearthgate.dev/backup")).status == 401


async def test_after_a_restore_every_watch_starts_over(tmp_path: Path) -> None:
    file = await backed_up(tmp_path)
    async with opened(tmp_path / "source") as store:
        seen = [await put(store, f"later{number}") for number in range(3)]
    done = restore_backup(file, tmp_path / "source", None, force=True)
    async with opened(tmp_path / "source") as store:
        assert names(store) == ["saved"]
        assert store.revision == done.revision >= seen[-1] + JUMP
        for resource in ("configmaps", "secrets", "events", "never.written"):
            for revision in seen:
                with pytest.raises(Expired):
                    store.history(resource).since(revision)
        later = await put(store, "more")
        assert later == done.revision + 1
    again = restore_backup(file, tmp_path / "source", None, force=True)
    assert again.revision >= later + JUMP, "also over a state that was restored from the same backup"


async def test_what_was_there_is_moved_aside_only_by_force(tmp_path: Path) -> None:
    file = await backed_up(tmp_path)
    await filled(tmp_path / "s", "older")
    before = tree(tmp_path / "s")
    with pytest.raises(Permanent, match=r"holds a state already.*--force"):
        restore_backup(file, tmp_path / "s", None, force=False)
    assert tree(tmp_path / "s") == before
    done = restore_backup(file, tmp_path / "s", None, force=True)
    assert done.aside is not None
    assert tree(done.aside) == before, "nothing is lost"
    async with opened(tmp_path / "s") as store:
        assert names(store) == ["saved"]
    async with opened(done.aside) as store:
        assert names(store, "secrets") == ["older"]
    second = restore_backup(file, tmp_path / "s", None, force=True)
    assert second.aside not in {None, done.aside}
    assert done.aside.exists(), "what was moved aside once is not moved again"


async def test_a_running_process_keeps_its_state(tmp_path: Path) -> None:
    file = await backed_up(tmp_path)
    async with opened(tmp_path / "source"):
        with pytest.raises(Permanent, match=rf"in use by process {os.getpid()} \((.+, )?started 20"):
            restore_backup(file, tmp_path / "source", None, force=True)
        with pytest.raises(Permanent, match=r"its API does not answer|kubeconfig"):
            await make_backup(tmp_path / "other", tmp_path / "source", None, force=False)
        assert not (tmp_path / "other").exists()


async def test_no_file_is_overwritten_and_none_is_left_half(tmp_path: Path) -> None:
    file = await backed_up(tmp_path)
    before = file.read_bytes()
    with pytest.raises(Permanent, match=r"exists already.*--force"):
        await make_backup(file, tmp_path / "source", None, force=False)
    assert file.read_bytes() == before
    await make_backup(file, tmp_path / "source", PASSPHRASE, force=True)
    assert file.read_bytes() != before
    with pytest.raises(Permanent, match="holds no state"):
        await make_backup(tmp_path / "none", tmp_path / "nowhere", None, force=False)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "source" / "secrets.key").write_bytes(os.urandom(32))
    with pytest.raises(HearthgateError, match="wrong key"):
        await make_backup(tmp_path / "none", tmp_path / "source", None, force=False)
    assert {path.partition("/")[0] for path in tree(tmp_path)} == {"backup", "source"}


async def test_a_sealed_backup_needs_its_passphrase(tmp_path: Path) -> None:
    file = await backed_up(tmp_path, PASSPHRASE)
    with pytest.raises(Permanent, match="--passphrase-file"):
        restore_backup(file, tmp_path / "s", None, force=False)
    with pytest.raises(Permanent, match="passphrase is wrong"):
        restore_backup(file, tmp_path / "s", SecretBytes(b"other"), force=False)
    assert not (tmp_path / "s").exists(), "a folder that was not there is not left behind"
    assert b"manifest" not in file.read_bytes()
    assert restore_backup(file, tmp_path / "s", PASSPHRASE, force=False).manifest.objects == {
        "configmaps": 1,
        "secrets": 1,
    }


def test_the_passphrase_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"correct horse\r\nsecond line\n")
    assert read_passphrase(tmp_path / "p").reveal() == b"correct horse"
    (tmp_path / "p").write_bytes(b"\n")
    with pytest.raises(Permanent, match="first line is empty"):
        read_passphrase(tmp_path / "p")


def members(file: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
    return found


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """The same archive with other members."""
    content = members(file)
    change(content)
    with gzip.open(file, "wb") as packed, tarfile.open(mode="w|", fileobj=packed) as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def manifest(content: dict[str, bytes], **changes: Any) -> None:
    content["manifest.json"] = msgspec.json.encode(msgspec.json.decode(content["manifest.json"]) | changes)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-400])


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def not_one(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04 something else")


def without_key(file: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        del content["secrets.key"]

    rewrite(file, change)


def other_bytes(file: Path) -> None:
    rewrite(file, lambda content: content.update({"secrets.key": os.urandom(32)}))


def stowaway(file: Path) -> None:
    rewrite(file, lambda content: content.update({"../outside": b"x"}))


def newer(file: Path) -> None:
    rewrite(file, lambda content: manifest(content, format=2, files="unknown"))


def newer_database(file: Path) -> None:
    rewrite(file, lambda content: manifest(content, database=99))


def other_counts(file: Path) -> None:
    rewrite(file, lambda content: manifest(content, objects={"configmaps": 7}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_off, "damaged or cut off"),
        (flipped, "damaged"),
        (not_one, "not a backup of Hearthgate"),
        (without_key, "secrets.key is missing in it"),
        (other_bytes, "secrets.key in it is damaged"),
        (stowaway, "'../outside', which its manifest does not name"),
        (newer, "newer program"),
        (newer_database, "version 99.*newer program"),
        (other_counts, "other objects than its manifest says"),
    ],
)
async def test_a_bad_backup_changes_nothing(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    file = await backed_up(tmp_path)
    damage(file)
    await filled(tmp_path / "s", "older")
    before = tree(tmp_path / "s")
    with pytest.raises(Permanent, match=said):
        restore_backup(file, tmp_path / "s", None, force=True)
    assert tree(tmp_path / "s") == before
    assert not (tmp_path / "outside").exists()


async def test_a_damaged_database_is_not_backed_up(tmp_path: Path) -> None:
    async with opened(tmp_path / "s") as store:
        for number in range(300):
            await put(store, f"x{number}", data="y" * 500)
    path = tmp_path / "s" / "state.db"
    data = bytearray(path.read_bytes())
    data[4096 * 9 : 4096 * 11] = os.urandom(8192)
    path.write_bytes(data)
    with pytest.raises(Permanent, match="damaged"):
        await make_backup(tmp_path / "backup", tmp_path / "s", None, force=False)
    assert not (tmp_path / "backup").exists()


async def test_killed_at_any_step_either_the_old_or_the_new_state_is_there(tmp_path: Path) -> None:
    file = await backed_up(tmp_path)
    await filled(tmp_path / "older", "older")
    (tmp_path / "out").mkdir()
    command = [sys.executable, str(PROGRAM), str(file), str(tmp_path / "older"), str(tmp_path / "out")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=60)
    seen = []
    for step, status in enumerate(done.stdout.split()):
        state = tmp_path / "out" / str(step)
        async with opened(state) as store:
            (found,) = names(store)
            assert names(store, "secrets") == [found], "never something of both"
            assert store.revision >= JUMP or found == "older"
        assert not [path.name for path in state.iterdir() if path.name.startswith(".")]
        if found == "saved":
            (aside,) = state.glob("replaced-*")
            async with opened(aside) as store:
                assert names(store) == ["older"]
        seen.append((found, int(status)))
    assert list(dict.fromkeys(seen)) == [("older", -signal.SIGKILL), ("saved", -signal.SIGKILL), ("saved", 0)]


async def test_a_backup_of_an_older_version_comes_back_migrated(tmp_path: Path) -> None:
    await filled(tmp_path / "source", "saved")
    with closing(sqlite3.connect(tmp_path / "source" / "state.db")) as connection:
        connection.execute("PRAGMA user_version=1")
        raw = b'{"metadata":{"name":"e","resourceVersion":"1"}}'
        connection.execute("INSERT INTO obj VALUES('events', 'a', 'e', 1, ?)", (raw,))
        connection.commit()
    await make_backup(tmp_path / "backup", tmp_path / "source", None, force=False)
    assert read_archive(tmp_path / "backup", None, None).database == 1
    restore_backup(tmp_path / "backup", tmp_path / "new", None, force=False)
    async with opened(tmp_path / "new") as store:
        assert (names(store), names(store, "events")) == (["saved"], ["e"])
