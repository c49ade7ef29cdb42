"""A disk that is really full: a small memory disk in a mount namespace of its own, and the API on it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.errors import Unavailable
from hearthgate.resources.registry import BY_API_VERSION
from tests.apiserving import go
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]
CONFIGMAP = BY_API_VERSION["v1", "ConfigMap"]
EVENT = BY_API_VERSION["v1", "Event"]
SIZE = "4m"


class Disk(NamedTuple):
    """`inside`: its path in the namespace. `outside`: the same folder as this process reaches it."""

    holder: int
    inside: Path
    outside: Path

    def fill(self) -> None:
        """To the last byte."""
        with contextlib.suppress(OSError), (self.outside / "filler").open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    def free(self) -> None:
        (self.outside / "filler").unlink()

    def start(self) -> subprocess.Popen[str]:
        """The API on it; returns when it answers."""
        enter = ["nsenter", f"--target={self.holder}", "--user", "--mount", "--preserve-credentials", "--"]
        program = [sys.executable, "-m", "tests.apiserving", str(self.inside / "state")]
        # nsenter leaves the working folder, and with it the way to the tests.
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "PYTHONPATH": path}
        return go(
            subprocess.Popen(
                [*enter, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    script = f'mount -t tmpfs -o size={SIZE} tmpfs "$1" && echo mounted && exec cat'
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            pytest.skip("this machine lets nobody mount in a namespace of their own")
        yield Disk(holder.pid, tmp_path, Path(f"/proc/{holder.pid}/root{tmp_path}"))
        holder.stdin.close()


@asynccontextmanager
async def client_of(disk: Disk) -> AsyncIterator[Client]:
    async with Client(from_files([disk.outside / "state" / "kubeconfig"])) as client:
        yield client


def configmap(name: str, size: int = 10) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "x" * size}}


def event(name: str) -> dict[str, Any]:
    place = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Event", "metadata": place, "involvedObject": {"kind": "Pod", **place}}


async def is_readable(client: Client) -> bool:
    return bool((await client.get(CONFIGMAP, "default", "kept"))["data"])


async def refused(client: Client) -> str:
    """What the API says to a write that cannot fit."""
    with pytest.raises(Unavailable) as error:
        await client.create(CONFIGMAP, configmap("big", 600_000))
    return str(error.value)


async def test_a_full_disk_refuses_writes_and_nothing_else(disk: Disk) -> None:
    process = await asyncio.to_thread(disk.start)
    with process:
        async with client_of(disk) as client:
            created = await client.create(CONFIGMAP, configmap("kept"))
            revision = created["metadata"]["resourceVersion"]
            disk.fill()
            assert "507" in (said := await refused(client))
            assert "disk of the state folder is full: nothing was changed" in said
            assert await is_readable(client)
            disk.free()
            async with client.watch(CONFIGMAP, resource_version=revision) as events:
                await client.create(CONFIGMAP, configmap("after"))
                await client.create(EVENT, event("after"))
                frame = await anext(events)
                assert (frame.type, b'"after"' in bytes(frame.object)) == ("ADDED", True), (
                    "no refused write is seen"
                )
        process.send_signal(signal.SIGTERM)


async def test_it_starts_on_a_full_disk_and_writes_once_there_is_room(disk: Disk) -> None:
    for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        with await asyncio.to_thread(disk.start) as process:
            async with client_of(disk) as client:
                if (disk.outside / "filler").exists():
                    assert await is_readable(client)
                    assert "507" in await refused(client)
                    disk.free()
                await client.apply(CONFIGMAP, configmap("kept"))
                made = await client.create(CONFIGMAP, configmap(f"made-{process.pid}"))
                assert int(made["metadata"]["resourceVersion"]) > 0
            disk.fill()
            process.send_signal(end)


async def test_no_backup_is_made_where_there_is_no_room_for_a_copy(disk: Disk) -> None:
    process = await asyncio.to_thread(disk.start)
    with process:
        async with client_of(disk) as client:
            await client.create(CONFIGMAP, configmap("kept"))
            disk.fill()
            with pytest.raises(Unavailable, match=r"507.*no room for a copy of the state|507.*disk of the state"):
                async with client.post("/hearthgate.dev/backup", idle=10):
                    pass
            wait_for(lambda: not list((disk.outside / "state").glob(".backup-*")), what="the end of the copies")
            assert await is_readable(client)
        process.send_signal(signal.SIGTERM)
