"""The SQLite file: WAL, synchronous=FULL, one connection, used by one thread at a time.

Revisions are handed out from blocks that were reserved durably before, so that none is used twice even if
the disk loses its last writes; a clean close gives the unused rest back.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.apiserver.store.cipher import Cipher, load_key
from hearthgate.model.errors import Permanent

BLOCK: Final = 10_000
_TRIM_EVERY: Final = 500
_SCHEMA_VERSION: Final = 1
_SEALED: Final = frozenset({"secrets"})

_SCHEMA: Final = """
CREATE TABLE obj(
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE log(
    revision INTEGER PRIMARY KEY,
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, data BLOB NOT NULL
);
CREATE INDEX log_by_resource ON log(resource, revision);
CREATE TABLE floor(resource TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


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
        """history: changes kept per resource. max_pages: an upper bound of the file's size, for tests."""
        path = folder / "state.db"
        self._history = history
        self._since_trim = 0
        # SQLite gives its other files the permissions of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path, max_pages)
            self._cipher = self._open_cipher(folder / "secrets.key")
            self.first_revision = int(self.meta("reserved") or b"0")
            self._reserved = 0
            self.reserve(self.first_revision + BLOCK)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise Permanent(f"database {path} cannot be opened: {error}") from error
        except Permanent:
            self._connection.close()
            raise

    def _prepare(self, path: Path, max_pages: int | None) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run("PRAGMA journal_size_limit=67108864")
        if max_pages is not None:
            run(f"PRAGMA max_page_count={max_pages}")
        verdict = run("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise Permanent(f"database {path} is damaged ({verdict}); move it away or restore a backup")
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_SCHEMA_VERSION};COMMIT;")
        elif version != _SCHEMA_VERSION:
            raise Permanent(f"database {path} has version {version}; this program knows {_SCHEMA_VERSION}")

    def _open_cipher(self, key_file: Path) -> Cipher:
        wrapped = self.meta("data_key")
        outer = load_key(key_file, create=wrapped is None)
        if wrapped is not None:
            return outer.unwrap(wrapped)
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
        self.set_meta("reserved", str(upto).encode())
        self._reserved = upto

    def objects(self) -> Iterator[Row]:
        query = "SELECT resource, namespace, name, revision, data FROM obj"
        for resource, namespace, name, revision, data in self._connection.execute(query):
            yield Row(resource, namespace, name, revision, self._plain(resource, namespace, name, data))

    def log(self) -> Iterator[Row]:
        """The kept changes, oldest first."""
        query = "SELECT resource, namespace, name, revision, data, type FROM log ORDER BY revision"
        for resource, namespace, name, revision, data, change in self._connection.execute(query):
            plain = self._plain(resource, namespace, name, data)
            yield Row(resource, namespace, name, revision, plain, change)

    def floors(self) -> dict[str, int]:
        """Per resource: the newest revision whose change is no longer kept."""
        return dict(self._connection.execute("SELECT resource, revision FROM floor"))

    def commit(self, rows: Sequence[Row]) -> None:
        """Writes all changes in one transaction, or none. Raises sqlite3.Error."""
        if rows[-1].revision > self._reserved:
            self.reserve(rows[-1].revision + BLOCK)
        with self._transaction():
            for row in rows:
                self._write(row)
            self._since_trim += len(rows)
            if self._since_trim >= _TRIM_EVERY:
                self._trim()
                self._since_trim = 0

    def close(self, last_revision: int) -> None:
        """A clean end: the next process continues right after `last_revision`."""
        with contextlib.suppress(sqlite3.Error):  # the block rule covers a close that cannot write
            self.reserve(last_revision)
        self._connection.close()

    def abandon(self) -> None:
        """An end without the promise that the state was read well."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _write(self, row: Row) -> None:
        key = (row.resource, row.namespace, row.name)
        data = row.data
        if row.resource in _SEALED:
            data = self._cipher.seal(data, _place(*key))
        if row.type == "DELETED":
            self._connection.execute("DELETE FROM obj WHERE resource=? AND namespace=? AND name=?", key)
        else:
            self._connection.execute("INSERT OR REPLACE INTO obj VALUES(?,?,?,?,?)", (*key, row.revision, data))
        self._connection.execute("INSERT INTO log VALUES(?,?,?,?,?,?)", (row.revision, *key, row.type, data))

    def _trim(self) -> None:
        for (resource,) in self._connection.execute("SELECT DISTINCT resource FROM log").fetchall():
            oldest = self._connection.execute(
                "SELECT revision FROM log WHERE resource=? ORDER BY revision DESC LIMIT 1 OFFSET ?",
                (resource, self._history),
            ).fetchone()
            if oldest is not None:
                self._connection.execute("DELETE FROM log WHERE resource=? AND revision<=?", (resource, oldest[0]))
                self._connection.execute("INSERT OR REPLACE INTO floor VALUES(?,?)", (resource, oldest[0]))

    def _plain(self, resource: str, namespace: str, name: str, data: bytes) -> bytes:
        if resource in _SEALED:
            return self._cipher.open(data, _place(resource, namespace, name))
        return bytes(data)


def _place(resource: str, namespace: str, name: str) -> bytes:
    return f"{resource}/{namespace}/{name}".encode()
