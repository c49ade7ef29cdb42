"""The check that no test leaves a process behind."""

import os
import subprocess
import sys
import uuid

from tests import processes
from tests.waiting import wait_for

SLEEPER = "import time; time.sleep(60)"
ORPHANER = (
    "import subprocess, sys;"
    f"print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], stdout=subprocess.DEVNULL).pid)"
)


def test_child_is_found_and_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEPER])
    left = processes.leftovers("none", grace=0)
    assert [process.pid for process in left if process.pid == child.pid]
    processes.end_all([process for process in left if process.pid == child.pid])
    assert child.wait(10) == -9
    assert not processes.is_alive(child.pid)


def test_orphan_is_found_by_its_mark() -> None:
    value = uuid.uuid4().hex
    env = {**os.environ, processes.MARK: value}
    orphan = int(
        subprocess.run([sys.executable, "-c", ORPHANER], env=env, stdout=subprocess.PIPE, check=True).stdout
    )
    left = processes.leftovers(value, grace=0)
    assert [process.pid for process in left if process.pid == orphan]
    processes.end_all([process for process in left if process.pid == orphan])
    wait_for(lambda: not processes.is_alive(orphan))


def test_known_ones_do_not_count() -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        assert child.pid not in [p.pid for p in processes.leftovers("none", known=frozenset({child.pid}), grace=0)]
    finally:
        child.kill()
        child.wait()
