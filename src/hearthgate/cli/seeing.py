"""From where commands about NetworkPolicies learn of pods and policies: their options, and what these give."""

from pathlib import Path

import click

from hearthgate.app.policies import Seen, policies_in, read_policies
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.cli.access import Access
from hearthgate.policy.ends import PodEnd
from hearthgate.policy.settings import pods_of

from_files = click.option(
    "--file", "-f", "paths", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="Manifests instead of an API: files or folders.",
)  # fmt: skip
with_settings = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="Settings whose policy.members are pods too.",
)
with_kubeconfig = click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask."
)
with_state = click.option(
    "--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask."
)


def see(paths: tuple[Path, ...], settings_file: Path | None, kubeconfig: Path | None, state: Path | None) -> Seen:
    """From manifests, else from an API, with the members that settings declare."""
    members = members_of(settings_file)
    if paths:
        return policies_in(paths, members)
    return Access(kubeconfig, state).run(lambda client: read_policies(client, members))


def members_of(settings_file: Path | None) -> tuple[PodEnd, ...]:
    """Ends the program with a message when the settings cannot be used."""
    try:
        return pods_of(load_settings(settings_file, ()).policy) if settings_file is not None else ()
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
