"""The balancer domain, wired: Services get addresses, and a box announces and takes them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.member_nodes import MemberNodes
from hearthgate.app.parts import ADDRESSES
from hearthgate.app.settings import Settings, pod_namespace
from hearthgate.app.speaker import check_key_file, key_source
from hearthgate.app.speaking import KINDS as SPEAKER_KINDS
from hearthgate.app.speaking import Speaking, Surroundings
from hearthgate.balancer.allocation.book import Book
from hearthgate.balancer.controller import KINDS as CONTROLLER_KINDS
from hearthgate.balancer.controller import AddressController
from hearthgate.balancer.metrics import exposition
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = tuple(dict.fromkeys((*CONTROLLER_KINDS, *SPEAKER_KINDS)))
"""What this domain reads."""


class Addresses:
    """host: the name of this machine, where it is a box alone; None: addresses are given, and nobody announces
    them from here. on_problems: told all problems of the balancer's resources whenever they change."""

    description = ADDRESSES

    def __init__(
        self,
        settings: Settings,
        *,
        client: Client,
        events: EventWriter,
        hub: Hub,
        host: str | None,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._hub = hub
        self._book = Book(settings.load_balancer.lb_class)
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._on_problems = on_problems
        self._controller = AddressController(
            client,
            events,
            self._book,
            announces=host is not None,
            on_problems=lambda found: self._tell(pools=found),
        )
        self._speaking: Speaking | None = None
        self._members: MemberNodes | None = None
        if host is not None:
            members = settings.load_balancer
            check_key_file(members)
            source = key_source(members, client, pod_namespace(settings), None)
            key = source if members.has_members else None
            around = Surroundings(
                client,
                events,
                hub,
                on_problems=lambda found: self._tell(bgp=found),
                on_path_problems=lambda found: self._tell(path=found),
            )
            speaking = self._speaking = Speaking(settings, host, around, key=key)
            if members.has_members:
                self._members = MemberNodes(client, hub, host, alive=lambda: speaking.alive)

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "addresses": lambda: self._controller.run(self._hub.snapshots())
        }
        if self._speaking is not None:
            parts["speaker"] = self._speaking.run
        if self._members is not None:
            parts["members"] = self._members.run
        return parts

    def reload(self, settings: Settings) -> None:
        """Nothing of it changes while the program runs."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        yield from exposition(self._book)
        if self._speaking is not None:
            yield from self._speaking.metrics()

    async def close(self) -> None:
        """What is announced stays taken by the kernel, for the proxy serves on."""
        if self._speaking is not None:
            await self._speaking.stop()

    def _tell(self, **problems: tuple[Problem, ...]) -> None:
        """Those of one part; the listener hears all."""
        self._problems.update(problems)
        self._on_problems(tuple(sorted(one for found in self._problems.values() for one in found)))


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """Whether Services get addresses here. On a cluster MetalLB may be at work, so it must be asked for."""
    enabled = settings.load_balancer.enabled
    return on_box if enabled is None else enabled
