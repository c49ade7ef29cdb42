"""`hearthgate check`: what is wrong with manifests, without serving them."""

import itertools
import tempfile
from pathlib import Path

import click
import msgspec

from hearthgate.app.envoy import default_transport, proxy_options
from hearthgate.app.self_signed import self_signed_certificate
from hearthgate.app.settings import Settings, SettingsError, load_settings
from hearthgate.doctor.check import Machine
from hearthgate.doctor.offline import check_paths
from hearthgate.doctor.report import Report, as_json, line, summary
from hearthgate.model.errors import HearthgateError

CLEAN, PROBLEMS, USAGE = 0, 1, 2


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (hearthgate.yaml)."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(*, paths: tuple[Path, ...], settings_file: Path | None, overrides: tuple[str, ...], output: str) -> None:
    """Check the manifests in files and folders as `up` would read them, without serving anything.

    Exit status: 0 clean (warnings allowed), 1 errors found, 2 wrong usage or settings.
    """
    try:
        settings = load_settings(settings_file, overrides)
        report = check_paths(paths, settings, _machine(settings))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"{problem} [{problem.reason}]", err=True)
        raise SystemExit(USAGE) from error
    except HearthgateError as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(as_json(report)), indent=2))
    else:
        _print(report)
    raise SystemExit(PROBLEMS if report.errors else CLEAN)


def _machine(settings: Settings) -> Machine:
    """As on this machine; the certificate is made for the check alone."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = self_signed_certificate(Path(folder))
        options = proxy_options(Path(folder) / "auth.sock", settings)
    return Machine(options, default_transport(settings), certificate)


def _print(report: Report) -> None:
    """Grouped by file. click takes the colours out where there is no terminal."""
    for number, (_path, group) in enumerate(itertools.groupby(report.problems, key=lambda one: one.source.path)):
        if number:
            click.echo()
        for found in group:
            click.secho(line(found), fg="red" if found.problem.is_error else "yellow")
    if report.problems:
        click.echo()
    click.secho(summary(report), bold=True, fg=None if report.errors else "green")
