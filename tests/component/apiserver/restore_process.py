"""Restores a backup again and again, each time dying by SIGKILL one step of the file system later.

Run as `python restore_process.py BACKUP STATE FOLDER`: copies STATE to FOLDER/0, FOLDER/1, ... and prints how each
restore ended: -9, and 0 for the last one, which got to its end.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hearthgate.app.safekeeping import restore_backup

STEPS: Final = ("rename", "mkdir", "unlink", "rmdir", "fsync")


def restore_and_die(backup: Path, state: Path, after: int) -> None:
    """In this very process: the last thing it does."""
    taken = iter(range(after))

    def deadly(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            if next(taken, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **named)

        return run

    for name in STEPS:
        setattr(os, name, deadly(getattr(os, name)))
    restore_backup(backup, state, None, force=True)
    os._exit(0)


def run(backup: Path, state: Path, folder: Path) -> None:
    status = -1
    number = 0
    while status:
        copy = folder / str(number)
        shutil.copytree(state, copy)
        copy.chmod(0o700)
        if not (child := os.fork()):
            restore_and_die(backup, copy, number)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    run(*map(Path, sys.argv[1:]))
