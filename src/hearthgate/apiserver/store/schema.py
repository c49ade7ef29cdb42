"""The tables of both files, and the way from older versions of them: forward only, after a copy."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hearthgate.model.errors import Permanent

VERSION: Final = 2
"""1 kept Events and Leases among the rest."""
COPIES: Final = "copies"
_COPIES_KEPT: Final = 3
_COPY_PAGES: Final = 64
"""256 KiB: the longest that a write waits for a copy."""

_TABLES: Final = (
    """CREATE TABLE {name}.obj(
        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        revision INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (resource, namespace, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE {name}.log(
        revision INTEGER PRIMARY KEY,
        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        type TEXT NOT NULL, data BLOB NOT NULL
    )""",
    "CREATE INDEX {name}.log_by_resource ON log(resource, revision)",
    "CREATE TABLE {name}.floor(resource TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE {name}.meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def create(connection: sqlite3.Connection, name: str) -> None:
    """The tables of a new file that is attached as `name` (`main` is the first)."""
    with transaction(connection):
        for statement in _TABLES:
            connection.execute(statement.format(name=name))
        connection.execute(f"PRAGMA {name}.user_version={VERSION}")


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the first file, 0 when it is new. Raises Permanent when it is damaged or not ours."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise Permanent(damaged(path, verdict))
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise Permanent(
            f"database {path} has version {version}, made by a newer program: this one knows up to {VERSION}"
        )
    return version


def damaged(path: Path, why: object) -> str:
    """What to say of a database that cannot be used."""
    said = str(why).removeprefix("*** in database main ***").strip().partition("\n")[0]
    return (
        f"database {path} is damaged ({said}): nothing was changed; bring a backup back with"
        f" `hearthgate restore FILE --force`, or move {path.name} away to start from the manifests alone"
    )


def is_full(error: BaseException) -> bool:
    """Whether there is no room on the disk."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def separate_volatile(connection: sqlite3.Connection, resources: frozenset[str], volatile: str) -> None:
    """From version 1 to 2: Events and Leases, with their changes, go into the other file.

    That file first, then the first one in one transaction: a death in between leaves version 1 whole.
    """
    marks = ",".join("?" * len(resources))
    chosen = tuple(sorted(resources))
    with transaction(connection):
        for table in ("obj", "log", "floor"):
            connection.execute(
                f"INSERT OR REPLACE INTO {volatile}.{table}"  # noqa: S608 - names of ours, not of users
                f" SELECT * FROM main.{table} WHERE resource IN ({marks})",
                chosen,
            )
    connection.execute(f"PRAGMA {volatile}.wal_checkpoint(TRUNCATE)")
    with transaction(connection):
        for table in ("obj", "log", "floor"):
            connection.execute(f"DELETE FROM main.{table} WHERE resource IN ({marks})", chosen)  # noqa: S608
        connection.execute(f"PRAGMA user_version={VERSION}")


def copy(
    connection: sqlite3.Connection, target: Path, pause: Callable[[int, int, int], None] | None = None
) -> None:
    """The first file as it is when this returns. Raises sqlite3.Error.

    pause: called between steps, and may write through `connection`: the copy holds it too.
    """
    target.touch(mode=0o600, exist_ok=False)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as other:
        other.execute("PRAGMA synchronous=OFF")
        connection.backup(other, pages=_COPY_PAGES, progress=pause, sleep=0)


def keep_copy(connection: sqlite3.Connection, folder: Path, version: int) -> Path:
    """A copy of the first file before it changes for good; older copies but the last few go. Raises Permanent."""
    place = folder / COPIES
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        reserved = connection.execute("SELECT value FROM meta WHERE key='reserved'").fetchone()
        revision = int(reserved[0]) if reserved else 0
        target = place / f"state-version-{version}-revision-{revision}.db"
        target.unlink(missing_ok=True)
        copy(connection, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        kept = sorted(place.glob("state-version-*.db"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for old in kept[_COPIES_KEPT:]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        raise Permanent(f"no copy of the database can be kept in {place} before its migration: {error}") from error
    return target
