"""The dns domain, wired: a name server for the local network."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.parts import NAMESERVER
from hearthgate.app.settings import Settings
from hearthgate.cluster.hub import Hub
from hearthgate.dns.names.published import KINDS as NAME_KINDS
from hearthgate.dns.names.published import Choices
from hearthgate.dns.nameserver.keeper import Keeper
from hearthgate.dns.nameserver.server import NameServer
from hearthgate.dns.nameserver.settings import read_place
from hearthgate.model.problems import Problem
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = NAME_KINDS
"""What this domain reads."""


class DNS:
    """otherwise: where hosts lead when no Service says it. on_problems: told all whenever they change."""

    description = NAMESERVER

    def __init__(
        self,
        settings: Settings,
        *,
        hub: Hub,
        otherwise: tuple[str, ...],
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        local = settings.dns.local
        self._hub = hub
        self._server = NameServer(local)
        self._keeper = Keeper(
            self._server.responder,
            choices_of(settings, otherwise),
            apexes=local.zones,
            server=tuple(dict.fromkeys(ipaddress.ip_address(read_place(one).host) for one in local.listen)),
            ttl=local.ttl,
            on_problems=on_problems,
        )

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        return {"names": lambda: self._keeper.run(self._hub.snapshots()), "name server": self._server.run}

    def reload(self, settings: Settings) -> None:
        """Nothing of it changes while the program runs."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        yield from self._server.lines()

    async def close(self) -> None:
        """All is closed with its parts."""


def choices_of(settings: Settings, otherwise: tuple[str, ...] = ()) -> Choices:
    """otherwise: where hosts lead when no Service says it."""
    return Choices(
        addresses=tuple(map(ipaddress.ip_address, settings.dns.local.addresses)),
        otherwise=tuple(map(ipaddress.ip_address, otherwise)),
        route_class=settings.providers.kubernetes_crd.ingress_class,
        ingress_class=settings.providers.kubernetes_ingress.ingress_class,
    )


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """Whether anything of it is asked for."""
    return bool(settings.dns.local.listen)
