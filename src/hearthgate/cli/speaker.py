"""`hearthgate speaker`: announces addresses from one node, in the foreground."""

import asyncio
import os
from pathlib import Path

import click

from hearthgate.app.box.facts import host_name
from hearthgate.app.logs import configure_logs
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.app.speaker import SpeakerOptions, run_speaker
from hearthgate.app.state import default_state_folder
from hearthgate.cluster.config import find_config
from hearthgate.model.errors import HearthgateError


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="The API [default: as kubectl finds it].")
@click.option(
    "--node", envvar="NODE_NAME", help="The name of this node [default: $NODE_NAME, else that of the host]."
)
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder [default: speaker in that of `up`].")
@click.option("--log-format", type=click.Choice(["console", "json"]), help="Overrides log.format of the settings.")
def speaker(
    *,
    kubeconfig: Path | None,
    node: str | None,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    state: Path | None,
    log_format: str | None,
) -> None:
    """Announce addresses of LoadBalancer Services from this node, beside others.

    The API is that of a cluster, or of a box that runs `hearthgate up`. While it is away, the speaker goes on with
    what it knew last.
    """
    try:
        settings = load_settings(settings_file, overrides)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"{problem} [{problem.reason}]", err=True)
        raise SystemExit(2) from error
    configure_logs(settings.log.level, log_format or settings.log.format)
    try:
        config = find_config(kubeconfig=kubeconfig, context=None, env=os.environ, home=Path.home())
        options = SpeakerOptions(
            settings, node or host_name(), config, state or default_state_folder() / "speaker"
        )
        asyncio.run(run_speaker(options))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"{problem} [{problem.reason}]", err=True)
        raise SystemExit(2) from error
    except (HearthgateError, OSError) as error:
        click.echo(f"hearthgate: {error}", err=True)
        raise SystemExit(1) from error
