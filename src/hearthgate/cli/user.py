"""`hearthgate user`: who may speak to the embedded API, and how much each may do."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from hearthgate.apiserver.access.accounts import Accounts, CredentialKind, NewUser
from hearthgate.apiserver.access.roles import Role
from hearthgate.apiserver.access.users import User
from hearthgate.app.state import default_state_folder
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import HearthgateError, Permanent

STANDARD_OUTPUT = Path("-")
_ROLES = click.Choice([role.value for role in Role])
_STATE = click.option(
    "--state", type=click.Path(path_type=Path), help="State folder [default: the XDG state folder]."
)


@click.group()
def user() -> None:
    """Users of the embedded API: add, list, remove, change the role.

    A viewer reads everything but Secrets. An editor reads everything and changes what lies in namespaces. An admin
    may do all. Changes count at once, in a running server too.
    """


@user.command()
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the user may do.")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    help="Only in this namespace; repeatable. [default: in all]",
)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in CredentialKind]),
    default=CredentialKind.TOKEN.value,
    show_default=True,
    help="The credential in the kubeconfig.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where the kubeconfig goes; - for standard output. [default: NAME.kubeconfig]",
)
@click.option("--server", default="", metavar="URL", help="URL of the API. [default: where it listened last]")
@click.option("--replace", is_flag=True, help="Give a user that exists a new credential, role and namespaces.")
@_STATE
def add(
    *,
    name: str,
    role: str,
    namespaces: tuple[str, ...],
    kind: str,
    output: Path | None,
    server: str,
    replace: bool,
    state: Path | None,
) -> None:
    """Add a user and write a kubeconfig for it, readable by you only."""
    path = output or Path(f"{name}.kubeconfig")
    wanted = NewUser(name, Role(role), namespaces, CredentialKind(kind), server, replace)

    def deliver(content: bytes) -> None:
        if path == STANDARD_OUTPUT:
            click.echo(content, nl=False)
            return
        if path.exists() and not replace:
            raise Permanent(f"{path} is there already: choose another file with --output, or remove it")
        write_atomically(path, content, mode=0o600)

    with _told():
        added = _accounts(state).add(wanted, datetime.now(UTC), deliver)
    where = "" if path == STANDARD_OUTPUT else f"; kubeconfig: {path}"
    click.echo(f"user {added.name} ({_may(added)}){where}", err=True)


@user.command("list")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_STATE
def list_users(*, output: str, state: Path | None) -> None:
    """List the users, without their credentials."""
    with _told():
        users = _accounts(state).list()
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode([_shown(one) for one in users]), indent=2))
        return
    rows = [("NAME", "ROLE", "NAMESPACES", "CREDENTIAL", "CREATED")]
    rows += [
        (one.name, one.role.value, ",".join(one.namespaces) or "<all>", _credential(one), one.created)
        for one in users
    ]
    for row in _aligned(rows):
        click.echo(row)


@user.command()
@click.argument("name")
@_STATE
def remove(*, name: str, state: Path | None) -> None:
    """Remove a user: its credential stops working at once."""
    with _told():
        _accounts(state).remove(name)
    click.echo(f"user {name} removed", err=True)


@user.command()
@click.argument("name")
@click.argument("role", type=_ROLES)
@_STATE
def role(*, name: str, role: str, state: Path | None) -> None:
    """Give a user another role; its kubeconfig stays good."""
    with _told():
        changed = _accounts(state).set_role(name, Role(role))
    click.echo(f"user {changed.name} ({_may(changed)})", err=True)


def _accounts(state: Path | None) -> Accounts:
    return Accounts(state or default_state_folder())


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (HearthgateError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _may(one: User) -> str:
    where = f" in {', '.join(one.namespaces)}" if one.namespaces else ""
    return f"{one.role.value}{where}"


def _credential(one: User) -> str:
    return CredentialKind.TOKEN.value if one.token else CredentialKind.CERTIFICATE.value


def _shown(one: User) -> dict[str, object]:
    return {
        "name": one.name,
        "role": one.role.value,
        "namespaces": one.namespaces,
        "credential": _credential(one),
        "created": one.created,
    }


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
