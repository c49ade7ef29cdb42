"""`hearthgate explain`: what happens to one thing, and why."""

import ipaddress
import json
from pathlib import Path

import click
from rich.text import Text

from hearthgate.app.ips import explain_address
from hearthgate.balancer.allocation.blocks import Address
from hearthgate.cli.access import Access, console, tell_hidden


class _AddressType(click.ParamType[Address]):
    name = "address"

    def convert(
        self, value: str | Address, param: click.Parameter | None, context: click.Context | None
    ) -> Address:
        try:
            return ipaddress.ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is no IP address such as 192.168.1.245", param, context)


@click.group()
def explain() -> None:
    """Say of one thing what happens to it, and why."""


@explain.command()
@click.argument("address", type=_AddressType())
@click.option("--output", "-o", type=click.Choice(["json"]), help="As JSON.")
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")
def ip(address: Address, *, output: str | None, kubeconfig: Path | None, state: Path | None) -> None:
    """Say who has an address, who announces it and why, what the local network says, and which ports answer.
    Ends with 1 when something is wrong."""
    found, once = Access(kubeconfig, state).run(lambda client: explain_address(client, address))
    if output == "json":
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        terminal = console()
        mark, colour = ("✓", "green") if found.is_well else ("✗", "red")
        terminal.print(Text.assemble((f"{mark} ", colour), (found.verdict, "bold")), soft_wrap=True)
        for about, finding in found.facts:
            terminal.print(Text(f"  {about}: {finding}"), soft_wrap=True)
        if found.way_out:
            terminal.print(Text(f"way out: {found.way_out}"), soft_wrap=True)
    tell_hidden(once)
    if not found.is_well:
        raise SystemExit(1)
