"""`./dev bench [NAMES]`: runs the parts, prints a table, writes JSON."""

import time
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from bench import (
    allocation,
    api,
    apply,
    arp,
    bgp,
    certificates,
    datapath,
    failover,
    handshakes,
    memory,
    middlewares,
    nameserver,
    policies,
    report,
    soak,
    start,
    throughput,
)

Part = Callable[..., tuple[list[report.Figure], dict[str, Any]]]
PARTS: dict[str, Part] = {
    "throughput": throughput.run,
    "apply": apply.run,
    "start": start.run,
    "memory": memory.run,
    "api": api.run,
    "handshakes": handshakes.run,
    "certificates": certificates.run,
    "allocation": allocation.run,
    "arp": arp.run,
    "bgp": bgp.run,
    "datapath": datapath.run,
    "nameserver": nameserver.run,
    "policies": policies.run,
    "middlewares": middlewares.run,
    "soak": soak.run,
    "failover": failover.run,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*PARTS]))
@click.option("--quick", is_flag=True, help="Short runs and small numbers: a first look, not a result.")
def main(*, names: tuple[str, ...], quick: bool) -> None:
    """Measure Hearthgate, in all parts without NAMES."""
    console = Console(stderr=True)
    figures: list[report.Figure] = []
    details: dict[str, Any] = {}
    for name in names or PARTS:
        began = time.monotonic()
        console.print(f"{name} …")
        found, details[name] = PARTS[name](quick=quick)
        figures += found
        console.print(f"{name}: {time.monotonic() - began:.0f} s")
    report.show(figures)
    console.print(f"written: {report.write(figures, details, quick=quick)}")


if __name__ == "__main__":
    main()
