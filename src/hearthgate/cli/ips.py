"""`hearthgate ips`: every address of every pool."""

import json
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from hearthgate.app.ips import read_addresses
from hearthgate.cli.access import Access, console, tell_hidden
from hearthgate.doctor.addresses.table import ANNOUNCED, FOREIGN, FREE, RESERVED, Row, as_json, table

_COLOURS = {ANNOUNCED: "green", FREE: "dim", RESERVED: "cyan", FOREIGN: "red"}


@click.command()
@click.option("--output", "-o", type=click.Choice(["json"]), help="As JSON.")
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")
def ips(*, output: str | None, kubeconfig: Path | None, state: Path | None) -> None:
    """List the addresses of all pools: which Service has them, who announces them, what is in the way, and which
    are free."""
    once = Access(kubeconfig, state).run(read_addresses)
    found = table(once.snapshot)
    if output == "json":
        click.echo(json.dumps(as_json(found), indent=2))
        return
    terminal = console()
    if found.rows:
        terminal.print(_rendered(found.rows))
    else:
        click.echo("no addresses: make an IPAddressPool", err=True)
    for row in found.rows:
        if row.message:
            colour = _COLOURS.get(row.state, "yellow")
            terminal.print(Text(f"{row.first} {row.state}: {row.message}", colour), soft_wrap=True)
    for key, message in found.waiting:
        terminal.print(Text(f"Service {'/'.join(key)} has no address: {message}", "yellow"), soft_wrap=True)
    for problem in found.problems:
        terminal.print(Text(str(problem), "red"), soft_wrap=True)
    tell_hidden(once)


def _rendered(rows: tuple[Row, ...]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("POOL", "ADDRESS", "STATE", "SERVICE", "ANNOUNCED BY"):
        shown.add_column(column, overflow="fold", no_wrap=column in {"ADDRESS", "STATE"})
    for row in rows:
        shown.add_row(
            row.pool or "-",
            str(row.first) if row.first == row.last else f"{row.first} - {row.last}",
            Text(row.state, _COLOURS.get(row.state, "yellow")),
            ", ".join("/".join(key) for key in row.services) or "-",
            ", ".join(map(str, row.announced_by)) or "-",
        )
    return shown
