"""`hearthgate up`: everything in one process, in the foreground."""

import asyncio
from pathlib import Path
from typing import NoReturn

import click

from hearthgate.app.logfiles.writer import PartLogs
from hearthgate.app.logs import configure_logs
from hearthgate.app.parts import CONTROLLER, part_of_logger
from hearthgate.app.reload import SettingsSource
from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.app.state import default_state_folder
from hearthgate.app.up import UpOptions, run_up
from hearthgate.model.errors import HearthgateError


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder [default: the XDG state folder].")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Serve this cluster instead of folders.")
@click.option("--log-format", type=click.Choice(["console", "json"]), help="Overrides log.format of the settings.")
def up(
    *,
    paths: tuple[Path, ...],
    settings_file: Path | None,
    overrides: tuple[str, ...],
    state: Path | None,
    kubeconfig: Path | None,
    log_format: str | None,
) -> None:
    """Serve the manifests in PATHS over HTTPS, with an embedded Kubernetes API for kubectl.

    With --kubeconfig the objects come from that cluster, and there are no PATHS.
    """
    if kubeconfig and paths:
        raise click.UsageError("--kubeconfig and PATHS exclude each other: apply the manifests to the cluster")
    try:
        settings = load_settings(settings_file, overrides)
    except SettingsError as error:
        _refuse(error)
    # A cluster shows its own Pods and keeps their logs.
    logs = PartLogs(part_of_logger) if kubeconfig is None else None
    form = log_format or settings.log.format
    configure_logs(settings.log.level, form, keep=None if logs is None else logs.keep)
    if logs is not None:
        logs.begin_run(CONTROLLER.component)
    options = UpOptions(
        paths=paths,
        settings=settings,
        state=state or default_state_folder(),
        kubeconfig=kubeconfig,
        logs=logs,
        source=SettingsSource(settings_file, overrides),
    )
    try:
        asyncio.run(run_up(options))
    except SettingsError as error:
        _refuse(error)
    except (HearthgateError, OSError) as error:
        click.echo(f"hearthgate: {error}", err=True)
        raise SystemExit(1) from error


def _refuse(error: SettingsError) -> NoReturn:
    for problem in error.problems:
        click.echo(f"{problem} [{problem.reason}]", err=True)
    raise SystemExit(2) from error
