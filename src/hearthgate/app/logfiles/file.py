"""One log file, bounded in size: when it is full it becomes the old one, and the old one before it goes."""

import contextlib
import os
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 5_000_000


class RotatingFile:
    """Appends to `path`; what it replaced is in `old`. Used by one thread. Raises OSError."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor = -1
        self._size = 0
        self._is_torn = False

    def append(self, data: bytes) -> None:
        """Whole lines. What a full disk cut off is closed with a newline before the next line."""
        if self._size >= self._max_bytes:
            self._rotate()
        if self._descriptor < 0:
            self._open()
        if self._is_torn:
            data = b"\n" + data
        try:
            done = os.write(self._descriptor, data)
        except OSError:
            self._is_torn = True
            raise
        self._is_torn = done < len(data)
        self._size += done

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        if self._size:
            self._is_torn = not _ends_with_newline(self._path)

    def _rotate(self) -> None:
        self.close()
        self._path.replace(old_of(self._path))
        self._size = 0


def old_of(path: Path) -> Path:
    """`proxy.log` was `proxy.log.1` before."""
    return path.with_name(f"{path.name}.1")


def _ends_with_newline(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
    return True
