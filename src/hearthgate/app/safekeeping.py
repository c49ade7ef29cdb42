"""Backups as files: from the running process or from the folder at rest, sealed or not, and back."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from hearthgate.apiserver.backup.archive import Manifest, Sink, read_archive
from hearthgate.apiserver.backup.make import DATABASE, packed
from hearthgate.apiserver.backup.restore import Restored, restore
from hearthgate.apiserver.backup.sealed import SealedWriter
from hearthgate.apiserver.store import switch
from hearthgate.apiserver.store.lock import FolderLock, Holder, InUse
from hearthgate.apiserver.web.backup import PATH
from hearthgate.app.state import prepare_state_folder
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.errors import Unreachable
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

_SILENCE: Final = 300.0
"""Seconds until the copies are made and the first byte comes, on a slow disk."""
_PIECE: Final = 1 << 20


class Made(NamedTuple):
    """holder: the process that made it while it went on; None when the folder was at rest."""

    manifest: Manifest
    size: int
    holder: Holder | None


def read_passphrase(path: Path) -> SecretBytes:
    """The first line of a file. Raises Permanent when it is empty."""
    try:
        with path.open("rb") as file:
            line = file.readline().rstrip(b"\r\n")
    except OSError as error:
        raise Permanent(f"passphrase file {path}: {error.strerror}") from error
    if not line:
        raise Permanent(f"passphrase file {path}: its first line is empty")
    return SecretBytes(line)


async def make_backup(file: Path, state: Path, passphrase: SecretBytes | None, *, force: bool) -> Made:
    """Writes `file` (0600), whole or not at all, and reads it back. Raises HearthgateError."""
    _check(file, state, force=force)
    partial = file.with_name(f".{file.name}.partial")
    try:
        with _writing(partial) as target:
            holder = await _write(target, state, passphrase)
        manifest = await asyncio.to_thread(read_archive, partial, passphrase, None)
        size = partial.stat().st_size
        _place(partial, file, force=force)
    except OSError as error:
        raise Permanent(_told(f"backup {file}", error)) from error
    finally:
        partial.unlink(missing_ok=True)
    return Made(manifest, size, holder)


def restore_backup(file: Path, state: Path, passphrase: SecretBytes | None, *, force: bool) -> Restored:
    """Makes the folder when there is none. Raises Permanent; then nothing has changed."""
    is_new = not state.exists()
    state = prepare_state_folder(state)
    lock = FolderLock(state)
    try:
        return restore(state, file, passphrase, force=force, now=datetime.now(UTC))
    except BaseException as error:
        if is_new:
            with contextlib.suppress(OSError):
                (state / "lock").unlink()
                state.rmdir()
        if isinstance(error, OSError):
            raise Permanent(_told(f"nothing was restored: {error.filename or state}", error)) from error
        raise
    finally:
        lock.release()


def _check(file: Path, state: Path, *, force: bool) -> None:
    if not (state / DATABASE).exists():
        raise Permanent(f"state folder {state} holds no state (choose another with --state)")
    if file.exists() and not force:
        raise Permanent(_taken(file))


async def _write(target: BinaryIO, state: Path, passphrase: SecretBytes | None) -> Holder | None:
    sink: Sink = target if passphrase is None else SealedWriter(target, passphrase)
    try:
        lock = await asyncio.to_thread(FolderLock, state)
    except InUse as in_use:
        holder = in_use.holder
        try:
            async for piece in _from_process(state):
                await asyncio.to_thread(sink.write, piece)
        except Unreachable as error:
            raise Permanent(f"{in_use} (its API does not answer, which could make the backup: {error})") from error
    else:
        holder = None
        try:
            await asyncio.to_thread(_from_folder, sink, state)
        finally:
            lock.release()
    if isinstance(sink, SealedWriter):
        sink.finish()
    return holder


async def _from_process(state: Path) -> AsyncIterator[bytes]:
    async with Client(from_files([state / "kubeconfig"])) as client, client.post(PATH, idle=_SILENCE) as pieces:
        async for piece in pieces:
            yield piece


def _from_folder(sink: Sink, state: Path) -> None:
    switch.finish(state)
    with packed(state, lambda: datetime.now(UTC)) as archive, archive.open("rb") as source:
        while piece := source.read(_PIECE):
            sink.write(piece)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, on the disk at the end."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _place(partial: Path, file: Path, *, force: bool) -> None:
    if force:
        partial.replace(file)
    else:
        try:
            os.link(partial, file)
        except FileExistsError as error:
            raise Permanent(_taken(file)) from error
        except OSError:  # a disk without hard links, such as a memory stick
            if file.exists():
                raise Permanent(_taken(file)) from None
            partial.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _taken(file: Path) -> str:
    return f"{file} exists already: choose another name, or give --force to replace it"


def _told(what: str, error: OSError) -> str:
    return f"{what}: the disk is full" if error.errno == errno.ENOSPC else f"{what}: {error.strerror}"
