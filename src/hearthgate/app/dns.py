"""The dns domain, wired: a name server for the local network, and public records."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from hearthgate.app.parts import NAMESERVER
from hearthgate.app.records import Providers
from hearthgate.app.settings import Settings
from hearthgate.cluster.hub import Hub
from hearthgate.dns.names.published import KINDS as NAME_KINDS
from hearthgate.dns.names.published import Choices
from hearthgate.dns.nameserver.keeper import Keeper
from hearthgate.dns.nameserver.server import NameServer
from hearthgate.dns.nameserver.settings import read_place
from hearthgate.dns.records.controller import RecordKeeper
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = (*NAME_KINDS, Secret)
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
        local, choices = settings.dns.local, choices_of(settings, otherwise)
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._on_problems = on_problems
        self._hub = hub
        self._server = NameServer(local, on_trouble=lambda why: self._tell(server=_taken(why)))
        self._keeper = Keeper(
            self._server.responder,
            choices,
            apexes=local.zones,
            server=tuple(dict.fromkeys(ipaddress.ip_address(read_place(one).host) for one in local.listen)),
            ttl=local.ttl,
            on_problems=lambda found: self._tell(local=found),
        )
        self._providers = Providers(settings)
        self._records = RecordKeeper(
            self._providers.zones(settings.dns.zones),
            settings.dns.external_address,
            choices,
            on_problems=lambda found: self._tell(public=found),
        )
        self._settings = settings.dns

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {}
        if self._settings.local.listen:
            parts["names"] = lambda: self._keeper.run(self._hub.snapshots())
            parts["name server"] = self._server.run
        if self._settings.zones:
            parts["records"] = lambda: self._records.run(self._hub.snapshots())
        return parts

    def reload(self, settings: Settings) -> None:
        """Nothing of it changes while the program runs."""

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        yield from self._server.lines()
        yield from self._records.lines()

    async def close(self) -> None:
        """After the end of its parts."""
        await self._providers.close()

    def _tell(self, **problems: tuple[Problem, ...]) -> None:
        """Those of one part; the listener hears all."""
        self._problems.update(problems)
        self._on_problems(tuple(sorted({one for found in self._problems.values() for one in found})))


def _taken(why: str) -> tuple[Problem, ...]:
    if not why:
        return ()
    return (Problem(ref=SETTINGS_REF, field="dns.local.listen", reason=Reason.ADDRESS_IN_USE, message=why),)


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
    return bool(settings.dns.local.listen or settings.dns.zones)
