"""How commands that ask an API get at it, and how they end when they cannot."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from rich.console import Console

from hearthgate.app.api_access import api_config
from hearthgate.app.logs import configure_logs
from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once
from hearthgate.model.errors import HearthgateError

T = TypeVar("T")


class Access(NamedTuple):
    """Where the API is."""

    kubeconfig: Path | None
    state: Path | None

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Ends the program with a message when the API cannot be used."""

        async def connected() -> T:
            async with Client(api_config(self.kubeconfig, self.state)) as client:
                return await work(client)

        configure_logs("WARN", "console")
        try:
            return asyncio.run(connected())
        except HearthgateError as error:
            raise click.ClickException(str(error)) from error


def console() -> Console:
    """Into a pipe or a file no line is broken: other programs read it."""
    found = Console()
    return found if found.is_terminal else Console(width=1000)


def tell_hidden(once: Once) -> None:
    """What an answer lacks."""
    if once.hidden:
        kinds = ", ".join(kind.plural for kind in once.hidden)
        click.secho(f"you may not read {kinds}: what depends on them is missing here", fg="yellow", err=True)
