"""Keeps the name server at what the resources publish."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.names.model import Address, Name
from hearthgate.dns.names.published import KINDS, Choices, Published, published
from hearthgate.dns.nameserver.responder import Responder
from hearthgate.dns.nameserver.zones import zones_of
from hearthgate.model.problems import Problem

log = structlog.get_logger(__name__)

PAUSE: Final = 0.2
"""Seconds between two looks under a storm of changes."""


class Keeper:
    """apexes, server, ttl: as `zones_of` has them. on_problems: told all whenever they change."""

    def __init__(
        self,
        responder: Responder,
        choices: Choices,
        *,
        apexes: tuple[str, ...],
        server: tuple[Address, ...],
        ttl: int,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None,
    ) -> None:
        self._responder = responder
        self._choices = choices
        self._apexes = apexes
        self._server = server
        self._ttl = ttl
        self._on_problems = on_problems
        self._names: tuple[Name, ...] | None = None
        self._problems: tuple[Problem, ...] = ()

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        before: Snapshot | None = None
        async for snapshot in snapshots:
            if before is None or any(before.collection(kind) is not snapshot.collection(kind) for kind in KINDS):
                self._take(await asyncio.to_thread(published, snapshot, self._choices))
                await asyncio.sleep(PAUSE)
            before = snapshot

    def _take(self, found: Published) -> None:
        if found.names != self._names:
            self._names = found.names
            zones = zones_of(
                found.names, apexes=self._apexes, server=self._server, ttl=self._ttl, serial=int(time.time())
            )
            self._responder.take(zones)
            log.info("names are answered", hosts=len({name.host for name in found.names}), zones=len(zones.zones))
        if found.problems != self._problems:
            self._problems = found.problems
            self._on_problems(found.problems)
