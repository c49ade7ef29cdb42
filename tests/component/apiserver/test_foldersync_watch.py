"""Changes are noticed whatever happens to the folders above."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hearthgate.apiserver.foldersync import watch
from hearthgate.apiserver.foldersync.watch import FolderWatch


async def noticed(changed: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await changed.wait()
    changed.clear()


async def test_the_folder_above_is_replaced_while_the_root_is_missing(tmp_path: Path) -> None:
    above = tmp_path / "clones" / "homelab"
    above.mkdir(parents=True)
    changed = asyncio.Event()
    watching = FolderWatch([above / "apps"], changed)
    task = asyncio.create_task(watching.run())
    await watching.ready.wait()
    changed.clear()
    shutil.rmtree(tmp_path / "clones")
    await noticed(changed)
    (above / "apps").mkdir(parents=True)
    await noticed(changed)
    (above / "apps" / "a.yaml").touch()
    await noticed(changed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_hidden_files_wake_nobody(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    changed = asyncio.Event()
    watching = FolderWatch([tmp_path], changed)
    task = asyncio.create_task(watching.run())
    await watching.ready.wait()
    changed.clear()
    (tmp_path / ".git" / "index").touch()
    (tmp_path / ".a.yaml.swp").touch()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10 * watch.QUIET_MS / 1000):
            await changed.wait()
    (tmp_path / "a.yaml").touch()
    await noticed(changed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
