"""`hearthgate dns`: the names of what is served."""

from pathlib import Path

import click

from hearthgate.app.box.facts import read_facts
from hearthgate.app.dns import KINDS, choices_of
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.cli.access import Access, tell_hidden
from hearthgate.cluster.once import Once, read_once
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.exports import FORMATS, lines_of
from hearthgate.dns.names.published import published
from hearthgate.doctor.offline import read_files
from hearthgate.resources.registry import BY_TYPE


@click.group()
def dns() -> None:
    """Names of what is served: in the local network and outside."""


@dns.command()
@click.option(
    "--format", "format_", type=click.Choice(list(FORMATS)), required=True, help="Whose file it shall be."
)
@click.option(
    "--file", "-f", "paths", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="Manifests instead of an API: files or folders.",
)  # fmt: skip
@click.option("--address", "addresses", multiple=True, help="Where routes lead [default: as the Services say].")
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")
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
    try:
        settings = load_settings(settings_file, overrides)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
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
