"""`hearthgate dns`: the names of what is served."""

from pathlib import Path
from typing import Final

import click
from rich.text import Text

from hearthgate.app.box.facts import read_facts
from hearthgate.app.dns import KINDS, choices_of
from hearthgate.app.records import Providers, ZonePlan, plans
from hearthgate.app.settings import Settings, SettingsError, load_settings
from hearthgate.cli.access import Access, console, tell_hidden
from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once, read_once
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.exports import FORMATS, lines_of
from hearthgate.dns.external.agree import Verdict
from hearthgate.dns.names.published import published
from hearthgate.dns.records.model import Action
from hearthgate.doctor.offline import read_files
from hearthgate.resources.registry import BY_TYPE

_settings = click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
_kubeconfig = click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask."
)
_state = click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")
_SIGNS: Final = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.ADOPT: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.KEEP: ("=", "dim"),
    Action.SKIP: ("!", "magenta"),
}


@click.group()
def dns() -> None:
    """Names of what is served: in the local network and outside."""


_adopt = click.option("--adopt", is_flag=True, help="Take over records that nobody owns, where they are wanted.")
_force = click.option("--force", is_flag=True, help="Also when many records would be deleted at once.")


@dns.command()
@_adopt
@_force
@_settings
@_kubeconfig
@_state
def plan(
    *, adopt: bool, force: bool, settings_file: Path | None, kubeconfig: Path | None, state: Path | None
) -> None:
    """Show what would be changed in the public zones. Exit status: 0 nothing, 2 something, 1 it cannot be said."""
    changes = _public(settings_file, kubeconfig, state, adopt=adopt, force=force, applies=False)
    raise SystemExit(2 if changes else 0)


@dns.command()
@_adopt
@_force
@_settings
@_kubeconfig
@_state
def apply(
    *, adopt: bool, force: bool, settings_file: Path | None, kubeconfig: Path | None, state: Path | None
) -> None:
    """Change the public zones as `plan` shows it."""
    _public(settings_file, kubeconfig, state, adopt=adopt, force=force, applies=True)


@dns.command()
@click.option(
    "--format", "format_", type=click.Choice(list(FORMATS)), required=True, help="Whose file it shall be."
)
@click.option(
    "--file", "-f", "paths", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="Manifests instead of an API: files or folders.",
)  # fmt: skip
@click.option("--address", "addresses", multiple=True, help="Where routes lead [default: as the Services say].")
@_settings
@_kubeconfig
@_state
def export(
    *,
    format_: str,
    paths: tuple[Path, ...],
    addresses: tuple[str, ...],
    settings_file: Path | None,
    kubeconfig: Path | None,
    state: Path | None,
) -> None:
    """Print all hosts as another name server wants them: a hosts file, or what dnsmasq, Unbound, Pi-hole, AdGuard
    Home or CoreDNS read."""
    overrides = (f"dns.local.addresses=[{','.join(addresses)}]",) if addresses else ()
    settings = _load(settings_file, overrides)
    snapshot, once = _read(paths, kubeconfig, state)
    is_box = once is not None and kubeconfig is None
    found = published(snapshot, choices_of(settings, read_facts().addresses if is_box else ()))
    for problem in found.problems:
        click.secho(str(problem), fg="yellow", err=True)
    for line in FORMATS[format_](lines_of(found.names)):
        click.echo(line)
    nowhere = sorted({name.host for name in found.names if not name.addresses and not name.hints.targets})
    if nowhere:
        click.secho(f"{', '.join(nowhere)}: nobody says where it leads; give --address", fg="yellow", err=True)
    if once is not None:
        tell_hidden(once)


def _read(paths: tuple[Path, ...], kubeconfig: Path | None, state: Path | None) -> tuple[Snapshot, Once | None]:
    if paths:
        return read_files(paths).snapshot, None
    once = Access(kubeconfig, state).run(lambda client: read_once(client, [BY_TYPE[kind] for kind in KINDS]))
    return once.snapshot, once


def _public(
    settings_file: Path | None,
    kubeconfig: Path | None,
    state: Path | None,
    *,
    adopt: bool,
    force: bool,
    applies: bool,
) -> int:
    """Shows the plan of each zone, and carries it out if that is wanted. Returns how many changes there were."""
    settings = _load(settings_file, ())
    if not settings.dns.zones:
        raise click.UsageError("the settings name no public zone: see dns.zones")
    outside = read_facts().addresses if kubeconfig is None else ()

    async def work(client: Client) -> int:
        once = await read_once(client, [BY_TYPE[kind] for kind in KINDS])
        found = published(once.snapshot, choices_of(settings, outside))
        for problem in found.problems:
            click.secho(str(problem), fg="yellow", err=True)
        providers = Providers(settings)
        count = 0
        try:
            made, verdicts = await plans(settings, providers, once.snapshot, found.names, adopt=adopt, force=force)
            for version, verdict in zip((4, 6), verdicts, strict=False):
                _show_outside(version, verdict)
            for one in made:
                count += _show(one)
                if applies:
                    written = await one.provider.apply(one.planned.changes)
                    click.echo(f"{one.zone.name}: {written} records written")
        finally:
            await providers.close()
        tell_hidden(once)
        return count

    return Access(kubeconfig, state).run(work)


def _show_outside(version: int, verdict: Verdict) -> None:
    if verdict.address is not None:
        click.echo(f"external IPv{version} address: {verdict.address}")
    else:
        click.secho(f"external IPv{version} address not known: {verdict.why}", fg="yellow", err=version == 4)


def _show(made: ZonePlan) -> int:
    """How many changes it has."""
    terminal = console()
    terminal.print(Text(made.zone.name, "bold"))
    for change in made.planned.changes:
        sign, colour = _SIGNS[change.action]
        before = ", ".join(sorted(change.held.contents)) if change.held is not None else ""
        after = ", ".join(sorted(change.wanted.contents)) if change.wanted is not None else ""
        arrow = f"{before} → {after}" if before and after and before != after else after or before
        proxied = " (proxied)" if change.wanted is not None and change.wanted.proxied else ""
        why = f"  {change.why}" if change.why else ""
        line = Text(f"  {sign} {change.name} {change.type} {arrow}{proxied}{why}", colour)
        terminal.print(line, soft_wrap=True)
    for problem in made.planned.problems:
        terminal.print(Text(f"  ! {problem}", "yellow"), soft_wrap=True)
    if made.warning:
        terminal.print(Text(f"  ! {made.warning}", "yellow"), soft_wrap=True)
    return sum(change.is_write for change in made.planned.changes)


def _load(settings_file: Path | None, overrides: tuple[str, ...]) -> Settings:
    try:
        return load_settings(settings_file, overrides)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
