"""The SQLite files: WAL, synchronous=FULL (but for the volatile one), one connection, one thread at a time.

Revisions are handed out from blocks that were reserved durably before, so that none is used twice even if
the disk loses its last writes; a clean close gives the unused rest back.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.apiserver.store import schema, volatile
from hearthgate.apiserver.store.cipher import Cipher, load_key, unlock
from hearthgate.model.errors import Permanent

BLOCK: Final = 10_000
_TRIM_EVERY: Final = 500
SEALED: Final = frozenset({"secrets"})
_FILES: Final = ("main", volatile.NAME)


class Row(NamedTuple):
    """One object, or one change of it when `type` is ADDED, MODIFIED or DELETED."""

    resource: str
    namespace: str
    name: str
    revision: int
    data: bytes
    type: str = ""


class Database:
    """Opens or creates `folder/state.db`. Raises Permanent when it is damaged or not ours."""

    def __init__(self, folder: Path, *, history: int, max_pages: int | None = None) -> None:
        """history: changes kept per resource. max_pages: an upper bound of each file's size, for tests."""
        path = folder / "state.db"
        self._history = history
        self._since_trim = 0
        # SQLite gives its other files the permissions of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            version = self._prepare(path, max_pages)
            self._cipher = self._open_cipher(folder / "secrets.key")
            self.first_revision = self._reserved = int(self.meta("reserved") or b"0")
            self._volatile = volatile.Volatile(self._connection, folder, self.meta("volatile"), max_pages)
            if version < 2:
                schema.keep_copy(self._connection, folder, version)
                schema.separate_volatile(self._connection, volatile.RESOURCES, volatile.NAME)
            self._is_lossy = version == schema.VERSION and not self._volatile.is_complete
            self._reserve_first()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise Permanent(_unusable(path, error)) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path, max_pages: int | None) -> int:
        """The version of the file."""
        run = self._connection.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run("PRAGMA journal_size_limit=67108864")
        if max_pages is not None:
            run(f"PRAGMA max_page_count={max_pages}")
        version = schema.check(self._connection, path)
        if version == 0:
            schema.create(self._connection, "main")
            return schema.VERSION
        return version

    def _reserve_first(self) -> None:
        """On a full disk nothing is reserved, and the first write will be refused; reading works."""
        try:
            self.reserve(self.first_revision + BLOCK)
        except sqlite3.OperationalError as error:
            if not schema.is_full(error):
                raise

    def _open_cipher(self, key_file: Path) -> Cipher:
        wrapped = self.meta("data_key")
        if wrapped is not None:
            return unlock(key_file, wrapped)
        outer = load_key(key_file, create=True)
        inner = Cipher.generate()
        self.set_meta("data_key", outer.wrap(inner))
        return inner

    def meta(self, key: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_meta(self, key: str, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    def reserve(self, upto: int) -> None:
        """No revision up to `upto` will be handed out again by a later process, whatever happens."""
        self._record(upto, self._volatile.running())

    def _record(self, upto: int, mark: bytes) -> None:
        with schema.transaction(self._connection):
            self.set_meta("reserved", str(upto).encode())
            self.set_meta("volatile", mark)
            for resource, revision in self._lost().items():
                self._put_floor(volatile.NAME, resource, revision)
        self._is_lossy = False
        self._reserved = upto

    def _lost(self) -> dict[str, int]:
        """Floors of the resources whose changes, seen by watches, may have gone with the power."""
        return dict.fromkeys(volatile.RESOURCES, self.first_revision) if self._is_lossy else {}

    def objects(self) -> Iterator[Row]:
        for file in _FILES:
            query = f"SELECT resource, namespace, name, revision, data FROM {file}.obj"  # noqa: S608
            for resource, namespace, name, revision, data in self._connection.execute(query):
                yield Row(resource, namespace, name, revision, self._plain(resource, namespace, name, data))

    def log(self) -> Iterator[Row]:
        """The kept changes, those of each resource oldest first."""
        for file in _FILES:
            query = f"SELECT resource, namespace, name, revision, data, type FROM {file}.log ORDER BY revision"  # noqa: S608
            for resource, namespace, name, revision, data, change in self._connection.execute(query):
                plain = self._plain(resource, namespace, name, data)
                yield Row(resource, namespace, name, revision, plain, change)

    def floor(self) -> int:
        """The newest revision whose change is no longer kept, whatever the resource: 0 but after a restore."""
        return int(self.meta("floor") or b"0")

    def floors(self) -> dict[str, int]:
        """The same per resource."""
        found: dict[str, int] = {}
        for file in _FILES:
            found |= self._connection.execute(f"SELECT resource, revision FROM {file}.floor").fetchall()  # noqa: S608
        return found | self._lost()

    def commit(self, rows: Sequence[Row]) -> None:
        """Writes all changes, or none, and on return a death of this process loses none of them; those of other
        than volatile resources outlive the machine's as well. Raises sqlite3.Error."""
        if rows[-1].revision > self._reserved:
            self.reserve(rows[-1].revision + BLOCK)
        with schema.transaction(self._connection):
            for row in rows:
                self._write(row)
            self._since_trim += len(rows)
            if self._since_trim >= _TRIM_EVERY:
                self._trim()
                self._since_trim = 0

    def copy(self, target: Path, pause: Callable[[], None]) -> None:
        """A copy of the first file in steps, between which `pause` may commit: the copy holds that too.

        Raises sqlite3.Error, and what `pause` raises."""
        schema.copy(self._connection, target, lambda *_: pause())

    def close(self, last_revision: int) -> None:
        """A clean end: the next process continues right after `last_revision`."""
        with contextlib.suppress(sqlite3.Error):  # the block rule covers a close that cannot write
            self._record(last_revision, self._volatile.closed())
        self._connection.close()

    def abandon(self) -> None:
        """An end without the promise that the state was read well."""
        self._connection.close()

    def _write(self, row: Row) -> None:
        key = (row.resource, row.namespace, row.name)
        file = _file_of(row.resource)
        data = row.data
        if row.resource in SEALED:
            data = self._cipher.seal(data, place_of(*key))
        if row.type == "DELETED":
            self._connection.execute(
                f"DELETE FROM {file}.obj WHERE resource=? AND namespace=? AND name=?",  # noqa: S608
                key,
            )
        else:
            self._connection.execute(
                f"INSERT OR REPLACE INTO {file}.obj VALUES(?,?,?,?,?)",
                (*key, row.revision, data),
            )
        self._connection.execute(
            f"INSERT INTO {file}.log VALUES(?,?,?,?,?,?)",
            (row.revision, *key, row.type, data),
        )

    def _trim(self) -> None:
        run = self._connection.execute
        for file in _FILES:
            for (resource,) in run(f"SELECT DISTINCT resource FROM {file}.log").fetchall():  # noqa: S608
                oldest = run(
                    f"SELECT revision FROM {file}.log WHERE resource=?"  # noqa: S608
                    " ORDER BY revision DESC LIMIT 1 OFFSET ?",
                    (resource, self._history),
                ).fetchone()
                if oldest is not None:
                    run(f"DELETE FROM {file}.log WHERE resource=? AND revision<=?", (resource, oldest[0]))  # noqa: S608
                    self._put_floor(file, resource, oldest[0])

    def _put_floor(self, file: str, resource: str, revision: int) -> None:
        self._connection.execute(f"INSERT OR REPLACE INTO {file}.floor VALUES(?,?)", (resource, revision))

    def _plain(self, resource: str, namespace: str, name: str, data: bytes) -> bytes:
        if resource in SEALED:
            return self._cipher.open(data, place_of(resource, namespace, name))
        return bytes(data)


def _file_of(resource: str) -> str:
    return volatile.NAME if resource in volatile.RESOURCES else "main"


def _unusable(path: Path, error: sqlite3.DatabaseError) -> str:
    if schema.is_full(error):
        return f"database {path} cannot be opened: the disk is full"
    if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return schema.damaged(path, error)
    return f"database {path} cannot be opened: {error}"


def place_of(resource: str, namespace: str, name: str) -> bytes:
    return f"{resource}/{namespace}/{name}".encode()
