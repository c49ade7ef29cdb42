"""`hearthgate certs`: certificates, what is in their way, and their renewal."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from rich.table import Table
from rich.text import Text

from hearthgate.app.certs import local_root, read_chain, read_table, renew
from hearthgate.cli.access import Access, console, tell_hidden
from hearthgate.cli.preflight import preflight
from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once
from hearthgate.doctor.certs.chain import Chain, chain_of
from hearthgate.doctor.certs.table import Row, all_names, as_json, rows, span
from hearthgate.resources.certmanager import Certificate

T = TypeVar("T")

_COLOURS = {"Ready": "green", "Renewing": "cyan", "Issuing": "cyan", "Failed": "red", "NotReady": "yellow"}
_MARKS = {"ok": ("✓", "green"), "waiting": ("…", "cyan"), "failed": ("✗", "red"), "missing": ("✗", "red")}


class _Access(NamedTuple):
    """namespace: of the certificates that are meant; empty for all."""

    api: Access
    namespace: str

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        return self.api.run(work)


@click.group(invoke_without_command=True)
@click.option("--namespace", "-n", default="", help="Only this namespace [default: all].")
@click.option(
    "--output", "-o", type=click.Choice(["wide", "json"]), help="With reasons and all names, or as JSON."
)
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="Of the API to ask.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the box whose API to ask.")
@click.pass_context
def certs(
    context: click.Context, *, namespace: str, output: str | None, kubeconfig: Path | None, state: Path | None
) -> None:
    """List certificates: names, issuer, state, when they end, when they are renewed, and who serves them."""
    access = _Access(Access(kubeconfig, state), namespace)
    context.obj = access
    if context.invoked_subcommand is None:
        once = access.run(read_table)
        found = rows(once.snapshot, namespace)
        if output == "json":
            click.echo(json.dumps([as_json(row) for row in found], indent=2))
        else:
            _show_table(found, wide=output == "wide")
        tell_hidden(once)


@certs.command()
@click.argument("name")
@click.option("--namespace", "-n", default="", help="Of the certificate, when several have the name.")
@click.pass_obj
def status(access: _Access, *, name: str, namespace: str) -> None:
    """Show the way of a certificate, and the first thing that is in its way. Ends with 1 when something is."""
    once = access.run(read_chain)
    certificate = _one(once, name, namespace or access.namespace)
    chain = chain_of(certificate, once.snapshot, datetime.now(UTC))
    _show_chain(certificate, chain)
    tell_hidden(once)
    if chain.blocker is not None and chain.blocker.state != "waiting":
        raise SystemExit(1)


@certs.command(name="renew")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All certificates of the namespace, or of all namespaces.")
@click.option("--namespace", "-n", default="", help="Of the certificates.")
@click.pass_obj
def renew_(access: _Access, *, names: tuple[str, ...], everything: bool, namespace: str) -> None:
    """Have certificates issued anew, now. Limits of the CA count all the same."""
    if bool(names) == everything:
        raise click.UsageError("name certificates, or give --all")
    namespace = namespace or access.namespace

    async def work(client: Client) -> tuple[str, ...]:
        once = await read_chain(client)
        if everything:
            every = once.snapshot.all(Certificate)
            return await renew(client, [one for one in every if namespace in ("", one.metadata.namespace)])
        return await renew(client, [_one(once, name, namespace) for name in names])

    started = access.run(work)
    for name in started:
        click.echo(f"certificate {name}: is being renewed")
    if not started:
        click.echo("nothing to do: renewal is under way already", err=True)


certs.add_command(preflight)


@certs.command()
@click.pass_obj
def ca(access: _Access) -> None:
    """Print the root of this box's own CA, for the lists of trusted roots of your machines and browsers."""
    click.echo(access.run(local_root), nl=False)
    click.echo("install it: Debian: as /usr/local/share/ca-certificates/hearthgate.crt, then", err=True)
    click.echo(
        "update-ca-certificates; Firefox: Settings, Privacy & Security, View Certificates, Import", err=True
    )


def _one(once: Once, name: str, namespace: str) -> Certificate:
    every = once.snapshot.all(Certificate)
    found = [one for one in every if one.metadata.name == name and namespace in ("", one.metadata.namespace)]
    if len(found) == 1:
        return found[0]
    if found:
        spaces = ", ".join(one.metadata.namespace for one in found)
        raise click.UsageError(f"{name} is in several namespaces ({spaces}): choose one with -n")
    where = f" in namespace {namespace}" if namespace else ""
    known = ", ".join(sorted("/".join(one.key) for one in every)) or "none"
    raise click.UsageError(f"there is no Certificate {name}{where} (there are: {known})")


def _show_table(found: tuple[Row, ...], *, wide: bool) -> None:
    terminal, now = console(), datetime.now(UTC)
    if not found:
        click.echo("no certificates", err=True)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("NAMESPACE", "NAME", "NAMES", "ISSUER", "STATE", "ENDS", "RENEWAL", "USED BY"):
        table.add_column(column, overflow="fold", no_wrap=column in {"STATE", "ENDS", "RENEWAL"})
    for row in found:
        table.add_row(
            row.namespace,
            row.name,
            _few(row.names, wide=wide),
            row.issuer,
            Text(row.state, _COLOURS[row.state]),
            span((row.not_after - now).total_seconds()) if row.not_after else "-",
            span((row.renewal - now).total_seconds()) if row.renewal else "-",
            _few(tuple(user.partition(" ")[2] or user for user in row.used_by), wide=wide) or "-",
        )
    terminal.print(table)
    for row in found:
        if row.message and (wide or row.state in {"Failed", "NotReady"}):
            terminal.print(Text(f"{row.namespace}/{row.name}: {row.message}", _COLOURS[row.state]), soft_wrap=True)


def _few(names: tuple[str, ...], *, wide: bool) -> str:
    if wide or len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} +{len(names) - 1}"


def _show_chain(certificate: Certificate, chain: Chain) -> None:
    terminal = console()
    title = f"Certificate {certificate.metadata.namespace}/{certificate.metadata.name}"
    terminal.print(Text(f"{title}: {', '.join(all_names(certificate))}", "bold"), soft_wrap=True)
    for step in chain.steps:
        mark, colour = _MARKS[step.state]
        line = Text.assemble((f"  {mark} ", colour), (step.subject, "bold"), f": {step.text}")
        terminal.print(line, soft_wrap=True)
    if chain.blocker is None:
        return
    word = "waits for" if chain.blocker.state == "waiting" else "stopped by"
    terminal.print(Text(f"{word}: {chain.blocker.subject}: {chain.blocker.text}"), soft_wrap=True)
    if chain.blocker.way_out:
        terminal.print(Text(f"way out: {chain.blocker.way_out}"), soft_wrap=True)
