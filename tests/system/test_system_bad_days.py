"""A damaged database under a proxy that still serves: told, brought back from a backup, and nobody noticed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for

PROGRAM = Path(sys.executable).parent / "hearthgate"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    with homelab(tmp_path_factory.mktemp("bad-days")) as running:
        yield running


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=60)


def scribble(path: Path) -> None:
    """Every page but the first."""
    with path.open("r+b") as file:
        for start in range(4096, path.stat().st_size, 4096):
            file.seek(start)
            file.write(os.urandom(512))


def test_damaged_database(site: Hearthgate, tmp_path: Path) -> None:
    site.kubectl("create", "configmap", "by-hand", "--from-literal=kept=yes")
    site.stop()  # whatever the write-ahead log holds goes into the database
    site.start()
    made = run("backup", str(tmp_path / "backup"), "--state", str(site.state))
    assert made.returncode == 0, made.stderr
    second = run("up", "--state", str(site.state))
    assert second.returncode == 1
    assert f"in use by process {site.process.pid if site.process else 0} (hearthgate up, started" in second.stderr
    assert site.request("whoami").status_code == 200  # Envoy asks for a certificate when a name is first wanted
    (envoy,) = site.envoys()
    site.stop(signal.SIGKILL)
    scribble(site.state / "state.db")
    refused = run("up", "--state", str(site.state))
    assert refused.returncode == 1
    assert "state.db is damaged" in refused.stderr
    assert "hearthgate restore FILE --force" in refused.stderr
    assert site.envoys() == [envoy]
    assert site.request("whoami").status_code == 200, "the proxy of the earlier run serves on"
    back = run("restore", str(tmp_path / "backup"), "--state", str(site.state), "--force")
    assert back.returncode == 0, back.stderr
    assert site.request("whoami").status_code == 200
    site.start()
    assert site.kubectl("get", "configmap", "by-hand", "-o", "jsonpath={.data.kept}") == "yes"
    wait_for(lambda: site.envoys() == [envoy], what="the same Envoy, adopted")
    assert site.request("whoami").status_code == 200
