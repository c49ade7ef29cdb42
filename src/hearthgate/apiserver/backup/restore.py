"""Brings a backup back: everything is checked beside the present state before that is touched."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from hearthgate.apiserver.backup.archive import Manifest, read_archive
from hearthgate.apiserver.backup.make import DATABASE, KEY
from hearthgate.apiserver.store import copies, schema, switch
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes


class Restored(NamedTuple):
    """aside: where the former state went; None when there was none."""

    manifest: Manifest
    revision: int
    aside: Path | None


def restore(state: Path, backup: Path, passphrase: SecretBytes | None, *, force: bool, now: datetime) -> Restored:
    """Replaces the state, whose lock is the caller's, at once or not at all. Blocks.

    Raises Permanent when there is a state and not `force`, and when the backup is damaged, of a newer version or
    sealed with another passphrase; OSError when the disk is full. Then nothing has changed.
    """
    switch.finish(state)
    replaces = switch.has_state(state)
    if replaces and not force:
        raise Permanent(
            f"state folder {state} holds a state already: choose another with --state, or give --force to move it"
            " aside into a folder beside it"
        )
    try:
        files = switch.prepare(state)
        manifest = read_archive(backup, passphrase, files)
        _check(backup, files, manifest)
        revision = copies.renumber(files / DATABASE, above=copies.last_revision(state / DATABASE))
        aside = _free_name(state, now)
        switch.switch(state, aside)
    except BaseException:
        switch.drop(state)
        raise
    return Restored(manifest, revision, state / aside if replaces else None)


def _check(backup: Path, files: Path, manifest: Manifest) -> None:
    """The database opens, is one that this program knows, holds what the manifest says, and its key fits."""
    if manifest.database > schema.VERSION:
        raise Permanent(
            f"backup {backup}: its database has version {manifest.database}, made by a newer program"
            f" ({manifest.program}): this one knows up to {schema.VERSION}"
        )
    for name in (DATABASE, KEY):
        if not (files / name).is_file():
            raise Permanent(f"backup {backup}: {name} is missing in it")
    if foreign := [path.name for path in files.iterdir() if not switch.is_state(path.name)]:
        raise Permanent(f"backup {backup}: {foreign[0]} is not part of a state")
    try:
        contents = copies.inspect(files / DATABASE)
        copies.check_secrets(files / DATABASE, files / KEY)
    except Permanent as error:
        raise Permanent(f"backup {backup}: {error}") from error
    if contents.objects != manifest.objects:
        raise Permanent(f"backup {backup}: its database holds other objects than its manifest says")


def _free_name(state: Path, now: datetime) -> str:
    first = f"{switch.ASIDE}{now:%Y%m%dT%H%M%SZ}"
    names = (first, *(f"{first}-{number}" for number in range(2, 100)))
    return next(name for name in names if not (state / name).exists())
