"""One log file, bounded in size: when it is full it becomes the old one, and the old one before it goes."""

import contextlib
import os
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 5_000_000


class RotatingFile:
    """Appends to `path`; what it replaced is in `old_of(path)`. Used by one thread."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor = -1
        self._size = 0
        self._is_torn = False

    def append(self, data: bytes) -> int:
        """Writes whole lines; how many of them are lost, to a full disk for instance.

        The rest of a line that was cut off gets a newline before the next one.
        """
        with contextlib.suppress(OSError):
            if self._descriptor < 0:
                self._open()
            if self._size and self._size + len(data) > self._max_bytes:
                self._rotate()
            if self._is_torn:
                self._size += os.write(self._descriptor, b"\n")
                self._is_torn = False
            while data:
                done = os.write(self._descriptor, data)
                self._size += done
                self._is_torn = not data[:done].endswith(b"\n")
                data = data[done:]
        return data.count(b"\n")

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        self._is_torn = bool(self._size) and not _ends_with_newline(self._path)

    def _rotate(self) -> None:
        self.close()
        self._path.replace(old_of(self._path))
        self._open()


def old_of(path: Path) -> Path:
    """`proxy.log` was `proxy.log.1` before."""
    return path.with_name(f"{path.name}.1")


def _ends_with_newline(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
    return True
