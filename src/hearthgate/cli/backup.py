"""`hearthgate backup`: the whole state in one file."""

import asyncio
from pathlib import Path

import click

from hearthgate.app.safekeeping import Made, make_backup, read_passphrase
from hearthgate.app.state import default_state_folder
from hearthgate.model.errors import HearthgateError


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--state", type=click.Path(path_type=Path), help="State folder [default: the XDG state folder].")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Seal the file with the first line of this one. Without it the backup is as secret as the state folder.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(*, file: Path, state: Path | None, passphrase_file: Path | None, force: bool) -> None:
    """Write everything a new machine needs into FILE: objects, Secrets with their key, users, the API's authority.

    Works while Hearthgate runs, without stopping anything, and while it does not.
    """
    try:
        passphrase = read_passphrase(passphrase_file) if passphrase_file else None
        folder = state or default_state_folder()
        made = asyncio.run(make_backup(file, folder, passphrase, force=force))
    except (HearthgateError, OSError) as error:
        click.echo(f"hearthgate: {error}", err=True)
        raise SystemExit(1) from error
    click.echo(f"{file}: {_told(made)}")
    if passphrase is None:
        message = (
            "not sealed: keep it as secret as the state folder, it holds every key (--passphrase-file seals it)"
        )
        click.secho(f"{file}: {message}", fg="yellow", err=True)


def _told(made: Made) -> str:
    count = sum(made.manifest.objects.values())
    source = f"while {made.holder} went on" if made.holder else "at rest"
    return f"{count} objects at revision {made.manifest.revision}, {made.size / 1e6:.1f} MB, taken {source}"
