"""`hearthgate restore`: a backup in the place of the state."""

from pathlib import Path

import click

from hearthgate.app.safekeeping import read_passphrase, restore_backup
from hearthgate.app.state import default_state_folder
from hearthgate.model.errors import HearthgateError


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--state", type=click.Path(path_type=Path), help="State folder [default: the XDG state folder].")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Of a sealed backup: its first line.")
@click.option(
    "--force", is_flag=True, help="Move a state that is there aside, into a folder inside the state folder."
)
def restore(*, file: Path, state: Path | None, passphrase_file: Path | None, force: bool) -> None:
    """Bring the backup FILE back. Stop Hearthgate before; a damaged backup changes nothing."""
    folder = state or default_state_folder()
    try:
        passphrase = read_passphrase(passphrase_file) if passphrase_file else None
        done = restore_backup(file, folder, passphrase, force=force)
    except (HearthgateError, OSError) as error:
        click.echo(f"hearthgate: {error}", err=True)
        raise SystemExit(1) from error
    manifest = done.manifest
    count = sum(manifest.objects.values())
    click.echo(f"{folder}: {count} objects of {manifest.hostname}, as they were at {manifest.created}")
    click.echo(f"{folder}: revisions go on from {done.revision}, so that every client lists again")
    if done.aside is not None:
        click.echo(f"{folder}: the state before is in {done.aside}; remove it when you do not need it")
