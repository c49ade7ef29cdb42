"""Copies of the database file that nobody else has open: counted, checked, and numbered anew."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.apiserver.store import schema
from hearthgate.apiserver.store.cipher import unlock
from hearthgate.apiserver.store.database import SEALED, place_of
from hearthgate.model.errors import Permanent

JUMP: Final = 10_000_000
"""Revisions that a restore skips, so that every client that saw more than the backup has lists again."""


class Contents(NamedTuple):
    """version: of the schema. revision: of the newest change. objects: resource to count."""

    version: int
    revision: int
    objects: dict[str, int]


def copy_unused(source: Path, target: Path) -> None:
    """Copies a database that no process has open; its lock is the caller's. Raises Permanent."""
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            schema.copy(connection, target)
    except (sqlite3.Error, OSError) as error:
        raise Permanent(f"database {source} cannot be copied: {error}") from error


def inspect(path: Path) -> Contents:
    """Checks the file and counts what it holds. Raises Permanent when it is damaged or of a newer version."""
    with _opened(path) as connection:
        version = schema.check(connection, path)
        if not version:
            raise Permanent(f"{path.name} holds no state")
        found = connection.execute("SELECT resource, count(*) FROM obj GROUP BY resource ORDER BY resource")
        objects = dict(found.fetchall())
        newest = connection.execute(
            "SELECT max((SELECT ifnull(max(revision), 0) FROM obj), (SELECT ifnull(max(revision), 0) FROM log))"
        )
        return Contents(version, newest.fetchone()[0], objects)


def check_secrets(path: Path, key: Path) -> None:
    """Opens every sealed object with the key file. Raises Permanent when one cannot be."""
    with _opened(path) as connection:
        wrapped = connection.execute("SELECT value FROM meta WHERE key='data_key'").fetchone()
        if wrapped is None:
            raise Permanent(f"{path.name} has no data key")
        cipher = unlock(key, bytes(wrapped[0]))
        for resource in sorted(SEALED):
            rows = connection.execute("SELECT namespace, name, data FROM obj WHERE resource=?", (resource,))
            for namespace, name, data in rows:
                cipher.open(data, place_of(resource, namespace, name))


def renumber(path: Path, *, above: int) -> int:
    """Makes the next revision larger than any in the file and than `above`, by far, and forgets earlier changes.

    Returns the revision that it starts from."""
    with _opened(path) as connection:
        start = max(_reserved(connection), above) + JUMP
        with schema.transaction(connection):
            connection.execute("DELETE FROM log")
            connection.execute("DELETE FROM floor")
            connection.execute("DELETE FROM meta WHERE key='volatile'")
            values = [("reserved", str(start).encode()), ("floor", str(start).encode())]
            connection.executemany("INSERT OR REPLACE INTO meta VALUES(?,?)", values)
        return start


def last_revision(path: Path) -> int:
    """As far as the file can still tell it; 0 when it cannot, or is not there."""
    if not path.exists():
        return 0
    try:
        with _opened(path) as connection:
            return _reserved(connection)
    except Permanent:
        return 0


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise Permanent(schema.damaged(path, error)) from error


def _reserved(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key='reserved'").fetchone()
    return 0 if row is None else int(row[0])
