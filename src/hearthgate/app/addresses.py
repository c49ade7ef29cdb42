"""The balancer domain, wired as far as it goes: Services get addresses. Nothing announces them yet."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.parts import ADDRESSES
from hearthgate.app.settings import Settings
from hearthgate.balancer.allocation.book import Book
from hearthgate.balancer.controller import KINDS as CONTROLLER_KINDS
from hearthgate.balancer.controller import AddressController
from hearthgate.balancer.metrics import exposition
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = CONTROLLER_KINDS
"""What this domain reads."""


class Addresses:
    """on_problems: told all problems of the pools whenever they change."""

    description = ADDRESSES

    def __init__(
        self,
        settings: Settings,
        *,
        client: Client,
        events: EventWriter,
        hub: Hub,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._hub = hub
        self._book = Book(settings.load_balancer.lb_class)
        self._controller = AddressController(client, events, self._book, on_problems=on_problems)

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        return {"addresses": lambda: self._controller.run(self._hub.snapshots())}

    def reload(self, settings: Settings) -> None:
        """Nothing of it changes while the program runs."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        return exposition(self._book)

    async def close(self) -> None:
        """There is nothing to close."""


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """Whether Services get addresses here. On a cluster MetalLB may be at work, so it must be asked for."""
    enabled = settings.load_balancer.enabled
    return on_box if enabled is None else enabled
