"""Makes a backup: a copy of the database and of every other file of the state, checked, packed into one file."""

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from hearthgate import __version__
from hearthgate.apiserver.backup.archive import Manifest, files_below, write_archive
from hearthgate.apiserver.store import copies
from hearthgate.apiserver.store.schema import COPIES
from hearthgate.apiserver.store.switch import WORKPLACE, is_state

DATABASE: Final = "state.db"
KEY: Final = "secrets.key"
_NOT_COPIED: Final = ("state.db", "volatile.db", COPIES)
"""The database is copied by SQLite; Events and Leases, and copies of older versions, stay where they are."""


@contextlib.contextmanager
def workplace(state: Path) -> Iterator[Path]:
    """A folder for the copies, on the same disk, gone at the end."""
    with tempfile.TemporaryDirectory(prefix=WORKPLACE, dir=state) as folder:
        yield Path(folder)


def pack(state: Path, workplace: Path, now: datetime) -> Path:
    """The archive, made of `workplace / "state.db"` and the other files of `state`. Blocks; raises Permanent when
    the copy is damaged, and OSError."""
    folder = workplace / "files"
    folder.mkdir(mode=0o700)
    contents = copies.inspect(workplace / DATABASE)
    (workplace / DATABASE).rename(folder / DATABASE)
    for path in sorted(state.iterdir()):
        if is_state(path.name) and not path.name.startswith(_NOT_COPIED):
            _copy(path, folder / path.name)
    copies.check_secrets(folder / DATABASE, folder / KEY)
    manifest = Manifest(
        program=__version__,
        database=contents.version,
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        hostname=socket.gethostname(),
        revision=contents.revision,
        objects=contents.objects,
        files=files_below(folder),
    )
    archive = workplace / "archive"
    with archive.open("wb") as target:
        write_archive(target, folder, manifest)
    return archive


@contextlib.contextmanager
def packed(state: Path, now: Callable[[], datetime]) -> Iterator[Path]:
    """The archive of a state that no process uses; its lock is the caller's."""
    with workplace(state) as folder:
        copies.copy_unused(state / DATABASE, folder / DATABASE)
        yield pack(state, folder, now())


def _copy(path: Path, target: Path) -> None:
    """Regular files and folders of them; sockets and links are of this machine."""
    if path.is_symlink():
        return
    if path.is_dir():
        target.mkdir(mode=0o700)
        for inner in sorted(path.iterdir()):
            _copy(inner, target / inner.name)
    elif path.is_file():
        with contextlib.suppress(FileNotFoundError):  # replaced or removed this very moment
            shutil.copyfile(path, target)
            target.chmod(0o600)
