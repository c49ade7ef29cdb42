"""`hearthgate policy`: NetworkPolicies looked at, and proposed."""

import asyncio
from pathlib import Path

import click
import yaml

from hearthgate.app.observing import Observer, read_observed
from hearthgate.app.policies import Seen, policies_in, read_policies
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.app.stopping import until_stopped
from hearthgate.cli.access import Access, tell_hidden
from hearthgate.cluster.client import Client
from hearthgate.model.durations import parse_duration
from hearthgate.model.errors import HearthgateError
from hearthgate.policy.ends import PodEnd
from hearthgate.policy.lint import lint as look
from hearthgate.policy.nftables import kernel, observing
from hearthgate.policy.nftables.ruleset import TABLE
from hearthgate.policy.settings import pods_of
from hearthgate.policy.suggest import suggest as proposed
from hearthgate.policy.world import World

_file = click.option(
    "--file", "-f", "paths", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="Manifests instead of an API: files or folders.",
)  # fmt: skip
_settings = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="Settings whose policy.members are pods too.",
)
_kubeconfig = click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask."
)
_state = click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")


@click.group()
def policy() -> None:
    """NetworkPolicies: what is wrong with them, and which a namespace needs."""


@policy.command()
@_file
@_settings
@_kubeconfig
@_state
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
@_file
@_settings
@_kubeconfig
@_state
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
@_settings
@_kubeconfig
@_state
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
    members = _members(settings_file)

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


def see(paths: tuple[Path, ...], settings_file: Path | None, kubeconfig: Path | None, state: Path | None) -> Seen:
    """From manifests, else from an API, with the members that settings declare."""
    members = _members(settings_file)
    if paths:
        return policies_in(paths, members)
    return Access(kubeconfig, state).run(lambda client: read_policies(client, members))


def _members(settings_file: Path | None) -> tuple[PodEnd, ...]:
    try:
        return pods_of(load_settings(settings_file, ()).policy) if settings_file is not None else ()
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
