"""`hearthgate certs preflight`: an issuer's solvers of DNS-01, tried from end to end."""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

import click
from rich.console import Console
from rich.text import Text

from hearthgate.app.preflight import Trial, issuer_named, read_issuers, state_of, steps_of, trials
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.certificates.dns01.preflight import Step
from hearthgate.cluster.client import Client

T = TypeVar("T")


class Access(Protocol):
    """How the API is reached."""

    namespace: str

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T: ...


@click.command()
@click.argument("issuer")
@click.option("--host", "hosts", multiple=True, help="A name to try [default: one of each solver's].")
@click.option("--namespace", "-n", default="", help="Of the issuer, when several have the name.")
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
@click.pass_obj
def preflight(
    access: Access, *, issuer: str, hosts: tuple[str, ...], namespace: str, settings_file: Path | None
) -> None:
    """Try how an issuer proves names by DNS-01: credentials, zone, a record written, seen and removed.

    The value that is written proves nothing, and no CA is asked. Ends with 1 when something is in the way.
    """
    try:
        settings = load_settings(settings_file, ()).certificates
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    console = Console()

    async def work(client: Client) -> bool:
        once = await read_issuers(client)
        found = issuer_named(once.snapshot, issuer, namespace or access.namespace)
        good = _show(console, state_of(found))
        for trial in trials(once.snapshot, found, hosts):
            console.print(Text(_title(trial), "bold"), soft_wrap=True)
            steps = steps_of(trial, client=client, snapshot=once.snapshot, issuer=found, settings=settings)
            async with contextlib.aclosing(steps):
                async for step in steps:
                    good = _show(console, step) and good
        return good

    if not access.run(work):
        raise SystemExit(1)


def _title(trial: Trial) -> str:
    return f"{trial.host}, by solvers[{trial.number}]" if trial.solver is not None else trial.host


def _show(console: Console, step: Step) -> bool:
    mark, colour = ("✓", "green") if step.ok else ("✗", "red")
    line = Text.assemble((f"  {mark} ", colour), (f"{step.name:<12}", "bold"), step.words)
    console.print(line, soft_wrap=True)
    return step.ok
