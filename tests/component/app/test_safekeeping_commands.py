"""`hearthgate backup` and `restore` as their users run them."""

import asyncio
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hearthgate.apiserver.store.lock import FolderLock
from hearthgate.apiserver.store.store import Put, Store
from tests.apiserving import serving


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "hearthgate"
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """At rest, with one object."""

    async def fill() -> None:
        store = await Store.open(tmp_path / "state")
        await store.mutate("secrets", ("a", "x"), lambda current: Put({"metadata": {"name": "x"}, "data": {}}))
        await store.close()

    asyncio.run(fill())
    return tmp_path / "state"


def test_a_backup_at_rest_and_back(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    made = run("backup", str(file), "--state", str(state))
    assert made.returncode == 0, made.stderr
    assert "1 objects at revision 1" in made.stdout
    assert "taken at rest" in made.stdout
    assert "not sealed" in made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run("backup", str(file), "--state", str(state))
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already" in again.stderr
    refused = run("restore", str(file), "--state", str(state))
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    back = run("restore", str(file), "--state", str(state), "--force")
    assert back.returncode == 0, back.stderr
    aside = re.search(r"the state before is in (\S+);", back.stdout)
    assert aside is not None
    assert (Path(aside[1]) / "state.db").exists()


def test_a_sealed_backup_of_a_running_process(tmp_path: Path) -> None:
    file, words = tmp_path / "backup", tmp_path / "words"
    words.write_text("correct horse\n")
    sealed = ("--passphrase-file", str(words))
    with serving(tmp_path / "state"):
        made = run("backup", str(file), "--state", str(tmp_path / "state"), *sealed)
        assert made.returncode == 0, made.stderr
        assert re.search(r"taken while process \d+ \(.+, started ....-..-.. ..:..:..\) went on", made.stdout)
        assert made.stderr == ""
        busy = run("restore", str(file), "--state", str(tmp_path / "state"), "--force", *sealed)
        assert busy.returncode == 1
        assert "is in use by process" in busy.stderr
    bare = run("restore", str(file), "--state", str(tmp_path / "new"))
    assert bare.returncode == 1
    assert "--passphrase-file" in bare.stderr
    assert "correct horse" not in made.stdout + busy.stderr + bare.stderr
    back = run("restore", str(file), "--state", str(tmp_path / "new"), *sealed)
    assert back.returncode == 0, back.stderr
    with serving(tmp_path / "new") as kubeconfig:
        assert kubeconfig.exists()


def test_a_folder_that_is_in_use_serves_no_cluster_either(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "state")
    refused = run("up", "--kubeconfig", str(tmp_path / "none"), "--state", str(tmp_path / "state"))
    lock.release()
    assert refused.returncode == 1
    assert f"in use by process {os.getpid()} (" in refused.stderr
