"""Another state in the place of the present one, all at once: whenever the machine dies, the folder holds either
the old or the new one.

The new state is made ready beside the old one; one rename decides; what is left, moving the old files aside and
the new ones to their places, is finished by whoever takes the folder's lock next.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

STAGING: Final = ".restore-new"
WORKPLACE: Final = ".backup-"
"""What the names of folders begin with in which backups are made."""
_READY: Final = ".restore-ready"
_FILES: Final = "files"
_PLAN: Final = "plan.json"
ASIDE: Final = "replaced-"
_OF_THE_MACHINE: Final = frozenset({"lock", "run", "logs"})
"""Belongs to this machine and its processes, whatever the state."""


class _Plan(msgspec.Struct, frozen=True):
    """old: the names in the folder that move into the folder `aside`."""

    aside: str
    old: tuple[str, ...]


def is_state(name: str) -> bool:
    """Whether an entry of the state folder is part of the state."""
    return name not in _OF_THE_MACHINE and not name.startswith((".", ASIDE, "audit.log"))


def has_state(folder: Path) -> bool:
    """Whether there is something that a restore would replace."""
    return any(is_state(path.name) for path in folder.iterdir())


def prepare(folder: Path) -> Path:
    """An empty folder for the files of the new state."""
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    (staging / _FILES).mkdir(mode=0o700, parents=True)
    staging.chmod(0o700)
    return staging / _FILES


def drop(folder: Path) -> None:
    """Forgets what `prepare` began."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)


def switch(folder: Path, aside: str) -> None:
    """Puts the prepared files in the place of the state, which moves into `folder / aside`. Needs the lock."""
    old = tuple(sorted(path.name for path in folder.iterdir() if is_state(path.name)))
    staging = folder / STAGING
    (staging / _PLAN).write_bytes(msgspec.json.encode(_Plan(aside, old)))
    for path in (staging, *staging.rglob("*")):
        _sync(path)
    staging.rename(folder / _READY)
    _sync(folder)
    finish(folder)


def finish(folder: Path) -> None:
    """Ends a switch that was decided, forgets one that was not, and what a killed backup left. Needs the lock; may
    be cut off and repeated."""
    for left in folder.glob(f"{WORKPLACE}*"):
        shutil.rmtree(left, ignore_errors=True)
    ready = folder / _READY
    if not ready.exists():
        if (folder / STAGING).exists():
            drop(folder)
        return
    plan = msgspec.json.decode((ready / _PLAN).read_bytes(), type=_Plan)
    aside = folder / plan.aside
    if plan.old:
        aside.mkdir(mode=0o700, exist_ok=True)
    for name in plan.old:
        # The new one may be in its place already, and then the old one is aside.
        if not os.path.lexists(aside / name) and os.path.lexists(folder / name):
            (folder / name).rename(aside / name)
    _sync(folder)
    for path in sorted((ready / _FILES).iterdir()):
        path.rename(folder / path.name)
    _sync(folder)
    ready.rename(folder / STAGING)  # done: what is left of it is rubbish
    drop(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
