"""`hearthgate export`: manifests for a real cluster."""

import asyncio
import sys
from pathlib import Path

import click

from hearthgate.app.export.export import manifests, read_export, write_private
from hearthgate.app.export.selection import Export, Wish
from hearthgate.app.logs import configure_logs
from hearthgate.app.state import default_state_folder
from hearthgate.model.errors import HearthgateError


@click.command()
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Only this namespace; repeatable.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind, as kubectl names it; repeatable.")
@click.option(
    "--include-secrets",
    is_flag=True,
    help="With certificates and account keys, so that nothing is issued again. Not onto a terminal.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File, for its owner alone.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder [default: the XDG state folder].")
def export(
    *,
    namespaces: tuple[str, ...],
    kinds: tuple[str, ...],
    include_secrets: bool,
    output: Path | None,
    state: Path | None,
) -> None:
    """Print the objects as manifests that go into a real cluster by `kubectl apply --server-side -f`.

    Without what a cluster gives or makes itself: uid, versions, status, Pods, Events and the like. Works while
    Hearthgate runs and while it does not.
    """
    if include_secrets and output is None and sys.stdout.isatty():
        raise click.UsageError("--include-secrets writes no Secrets onto a terminal: give -o FILE, or a pipe")
    configure_logs("WARN", "console")
    try:
        wish = Wish(namespaces, kinds, include_secrets)
        found = asyncio.run(read_export(state or default_state_folder(), wish))
        if output is None:
            click.echo(manifests(found), nl=False)
        else:
            write_private(output, manifests(found))
    except (HearthgateError, OSError) as error:
        click.echo(f"hearthgate: {error}", err=True)
        raise SystemExit(1) from error
    _tell(found)


def _tell(found: Export) -> None:
    click.echo(f"{len(found.objects)} objects exported", err=True)
    if found.secrets:
        names = ", ".join(found.secrets)
        click.secho(f"left out without --include-secrets: Secrets {names}", fg="yellow", err=True)
    if found.undefined:
        click.secho(
            f"the cluster must know these kinds before: {', '.join(found.undefined)}", fg="yellow", err=True
        )
