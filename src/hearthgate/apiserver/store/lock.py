"""One process per state folder: a lock that the kernel drops when the holder dies."""

import contextlib
import fcntl
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from hearthgate.model.errors import Permanent

_ROOM: Final = 512
"""The file keeps this size, so that taking the lock needs no room on the disk."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the folder. `command`: `hearthgate up`, without its arguments. `since`: RFC 3339."""

    pid: int
    command: str = ""
    since: str = ""

    def __str__(self) -> str:
        details = [self.command] if self.command else []
        with contextlib.suppress(ValueError):
            started = datetime.fromisoformat(self.since).astimezone()
            details.append(f"started {started:%Y-%m-%d %H:%M:%S}")
        return f"process {self.pid}" + (f" ({', '.join(details)})" if details else "")


class InUse(Permanent):
    """Another process holds the folder. `holder` is None when it does not say who it is."""

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        super().__init__(
            f"state folder {folder} is in use by {holder or 'an unknown process'}:"
            " stop that one first, or choose another folder with --state"
        )
        self.holder = holder


class FolderLock:
    """Makes the folder and holds it until `release`. Raises InUse naming the process that holds it, Permanent when
    nothing can be written there."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Permanent(f"state folder {folder} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read(self._descriptor)
            os.close(self._descriptor)
            raise InUse(folder, holder) from error
        own = msgspec.json.encode(Holder(pid=os.getpid(), command=_command(), since=_now()))
        with contextlib.suppress(OSError):  # a full disk: the lock holds, it only does not say who we are
            os.pwrite(self._descriptor, own.ljust(_ROOM) + b"\n", 0)

    def release(self) -> None:
        os.close(self._descriptor)


def _read(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, _ROOM, 0).strip(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def _command() -> str:
    """The program and what it was told to do; its other arguments are nobody's business."""
    words = [Path(sys.argv[0]).name or "python", *sys.argv[1:2]]
    return " ".join(word for word in words if not word.startswith("-") and "/" not in word)[:200]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
