"""The second SQLite file, for what may be lost with the power: Events and Leases.

Attached to the connection of the first as `volatile`. Its commits are not forced to the disk one by one
(synchronous=NORMAL), so that a heartbeat costs no fsync; the death of the process alone loses nothing. What a
power failure may have taken cannot be told, so after one every watch of these resources starts over: the first
file names the boot of the machine in which the second was last open, and whether it was closed well.
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

import structlog

from hearthgate.apiserver.store import schema

RESOURCES: Final = frozenset({"events", "leases.coordination.k8s.io"})
NAME: Final = "volatile"
FILE: Final = "volatile.db"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_log = structlog.get_logger(__name__)


class Volatile:
    """The attached file. `mark`: what the first file said of it, None if nothing. Raises sqlite3.Error never:
    a file that cannot be used is put aside, and one that cannot be made is replaced by memory."""

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, mark: bytes | None, max_pages: int | None
    ) -> None:
        self._connection = connection
        self._max_pages = max_pages
        self._boot = _boot()
        self._pair, _, state = (mark or b"").decode(errors="replace").partition(" ")
        try:
            is_ours = self._open(folder / FILE)
        except sqlite3.DatabaseError as error:
            is_ours = self._replace(folder / FILE, error)
        self.is_complete = is_ours and state in {"closed", self._boot}
        """Whether every change that was ever acknowledged is in it."""

    def running(self) -> bytes:
        """The mark for the first file while the second is open."""
        return f"{self._pair} {self._boot}".encode()

    def closed(self) -> bytes:
        """Forces everything to the disk; the mark for the first file after that. Raises sqlite3.Error."""
        self._connection.execute(f"PRAGMA {NAME}.wal_checkpoint(TRUNCATE)")
        return f"{self._pair} closed".encode()

    def _open(self, path: Path) -> bool:
        """Whether the file is the one that belongs to the first; else it was emptied."""
        self._attach(path)
        row = self._connection.execute(f"SELECT value FROM {NAME}.meta WHERE key='pair'").fetchone()  # noqa: S608
        if self._pair and row is not None and bytes(row[0]) == self._pair.encode():
            return True
        self._renew()
        return False

    def _attach(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        run = self._connection.execute
        run(f"ATTACH ? AS {NAME}", (str(path),))
        run(f"PRAGMA {NAME}.journal_mode=WAL")
        run(f"PRAGMA {NAME}.synchronous=NORMAL")
        run(f"PRAGMA {NAME}.journal_size_limit=16777216")
        if self._max_pages is not None:
            run(f"PRAGMA {NAME}.max_page_count={self._max_pages}")
        if (verdict := run(f"PRAGMA {NAME}.quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(verdict)
        version = run(f"PRAGMA {NAME}.user_version").fetchone()[0]
        if version == 0:
            schema.create(self._connection, NAME)
        elif version != schema.VERSION:
            raise sqlite3.DatabaseError(f"version {version} is not known")

    def _replace(self, path: Path, error: sqlite3.DatabaseError) -> bool:
        """Another file, or memory where there is no room for one. Never the one that belongs to the first."""
        self._detach()
        if not schema.is_full(error):
            aside = path.with_name(f"{FILE}.damaged")
            _log.warning("events and leases are lost, their file is put aside", error=str(error), aside=str(aside))
            try:
                path.replace(aside)
                path.with_name(f"{FILE}-wal").unlink(missing_ok=True)
                return self._open(path)
            except (OSError, sqlite3.DatabaseError) as again:
                _log.warning("no file for events and leases", error=str(again))
                self._detach()
        _log.warning("events and leases are kept in memory until the next start", error=str(error))
        self._connection.execute(f"ATTACH ':memory:' AS {NAME}")
        schema.create(self._connection, NAME)
        self._renew()
        return False

    def _detach(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # it may not have come as far as to be attached
            self._connection.execute(f"DETACH {NAME}")

    def _renew(self) -> None:
        """Empties the file: it belongs to another database, or to none."""
        self._pair = os.urandom(8).hex()
        with schema.transaction(self._connection):
            for table in ("obj", "log", "floor", "meta"):
                self._connection.execute(f"DELETE FROM {NAME}.{table}")  # noqa: S608 - names of ours
            self._connection.execute(f"INSERT INTO {NAME}.meta VALUES('pair', ?)", (self._pair.encode(),))


def _boot() -> str:
    """The same as long as the machine has not lost its memory. Where that cannot be told: never the same."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return os.urandom(8).hex()
