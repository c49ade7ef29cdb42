"""`hearthgate policy`: NetworkPolicies looked at, and proposed."""

import asyncio
from pathlib import Path

import click
import yaml

from hearthgate.app.observing import Observer, read_observed
from hearthgate.app.policies import read_policies
from hearthgate.app.stopping import until_stopped
from hearthgate.cli.access import Access, tell_hidden
from hearthgate.cli.seeing import from_files, members_of, see, with_kubeconfig, with_settings, with_state
from hearthgate.cluster.client import Client
from hearthgate.model.durations import parse_duration
from hearthgate.model.errors import HearthgateError
from hearthgate.policy.lint import lint as look
from hearthgate.policy.nftables import kernel, observing
from hearthgate.policy.nftables.ruleset import TABLE
from hearthgate.policy.suggest import suggest as proposed
from hearthgate.policy.world import World


@click.group()
def policy() -> None:
    """NetworkPolicies: what is wrong with them, and which a namespace needs."""


@policy.command()
@from_files
@with_settings
@with_kubeconfig
@with_state
def lint(
    *, paths: tuple[Path, ...], settings_file: Path | None, kubeconfig: Path | None, state: Path | None
) -> None:
    """Name what policies say that is hardly meant: that they select nothing, lock out the proxy, forget DNS.

    Exit status: 0 nothing found, 1 something.
    """
    seen = see(paths, settings_file, kubeconfig, state)
    if seen.once is not None:
        tell_hidden(seen.once)
    found = look(seen.snapshot, seen.world)
    for problem in found:
        click.secho(str(problem), fg="yellow")
    if not found:
        click.secho(f"{len(seen.world.policies)} policies, nothing to say", fg="green")
    raise SystemExit(1 if found else 0)


@policy.command()
@click.argument("namespace")
@click.option("--egress", is_flag=True, help="Close what pods send as well.")
@click.option(
    "--observed",
    "recorded",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `policy observe` wrote: that passes, and nothing else within the namespace. Repeatable.",
)
@from_files
@with_settings
@with_kubeconfig
@with_state
def suggest(
    *,
    namespace: str,
    egress: bool,
    recorded: tuple[Path, ...],
    paths: tuple[Path, ...],
    settings_file: Path | None,
    kubeconfig: Path | None,
    state: Path | None,
) -> None:
    """Print policies that close NAMESPACE but for what routes, services and monitoring need, without applying."""
    seen = see(paths, settings_file, kubeconfig, state)
    if seen.once is not None:
        tell_hidden(seen.once)
    try:
        flows = read_observed(recorded) if recorded else None
    except HearthgateError as error:
        raise click.ClickException(str(error)) from error
    found = proposed(seen.snapshot, seen.world, namespace, scraped=seen.scraped, egress=egress, observed=flows)
    if not found:
        spaces = sorted({pod.namespace for pod in seen.world.pods.values()})
        raise click.UsageError(
            f"namespace {namespace} has no pods (there are pods in: {', '.join(spaces) or '-'})"
        )
    for each in found:
        click.echo("---")
        for line in each.why:
            click.echo(f"# {line}")
        click.echo(yaml.safe_dump(each.policy, sort_keys=False), nl=False)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--for", "duration", metavar="DURATION", help="How long, as in 24h [default: until Ctrl-C].")
@with_settings
@with_kubeconfig
@with_state
def observe(
    *, file: Path, duration: str | None, settings_file: Path | None, kubeconfig: Path | None, state: Path | None
) -> None:
    """Write into FILE which connections pods make through this machine, for `policy suggest --observed`.

    Needs root. FILE may have some already; nothing is changed but that the kernel remembers connections.
    """
    try:
        seconds = parse_duration(duration) if duration is not None else None
    except ValueError as error:
        raise click.UsageError(f"--for: {error}") from error
    members = members_of(settings_file)

    async def look(client: Client) -> None:
        async def read() -> World:
            return (await read_policies(client, members)).world

        observer = Observer(file, read, lambda line: click.echo(line, err=True))
        await until_stopped(observer.run(seconds), hurry=lambda: None)

    Access(kubeconfig, state).run(look)


@policy.command()
def off() -> None:
    """Remove everything from the kernel of this box that enforces policies. Needs root."""
    try:
        asyncio.run(_remove())
    except HearthgateError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"the table {TABLE} is gone; hearthgate up makes it again while policy.enforce is true")


async def _remove() -> None:
    await kernel.remove()
    await observing.end()
