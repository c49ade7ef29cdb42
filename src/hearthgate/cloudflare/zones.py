"""Which zone a name lies in, by what the API says alone: no resolver can be wrong about it."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from hearthgate.cloudflare.answers import Zone
from hearthgate.cloudflare.client import CloudflareClient, Zones
from hearthgate.cloudflare.errors import ZONE_READ, ZoneNotFound

KEPT: Final = 300.0
"""Seconds that a list of zones is believed."""
_NAMED: Final = 5


class ZoneFinder:
    """One request tells all of an account with up to fifty zones; in bigger ones each name is asked for, from the
    longest on. monotonic: a clock in seconds."""

    def __init__(self, client: CloudflareClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._known: Zones | None = None
        self._until = 0.0

    def forget(self) -> None:
        """The next answer is asked for: a zone was not where it had been."""
        self._known = None

    async def zone_of(self, name: str) -> Zone:
        """The longest one that the name lies in. Raises ZoneNotFound, and as the client does."""
        is_fresh = self._known is None or self._monotonic() >= self._until
        known, found = await self._look(name)
        if found is None and known.whole and not is_fresh:
            self.forget()
            known, found = await self._look(name)
        if found is None:
            raise ZoneNotFound(self._words(name, known))
        return found

    async def _look(self, name: str) -> tuple[Zones, Zone | None]:
        known = await self._first_page()
        candidates = tuple(suffixes(name))
        if not known.whole:
            return known, await self._walk(candidates)
        by_name = {zone.name.lower(): zone for zone in known.zones}
        return known, next((by_name[one] for one in candidates if one in by_name), None)

    async def _first_page(self) -> Zones:
        if self._known is None or self._monotonic() >= self._until:
            self._known = await self._client.zones()
            self._until = self._monotonic() + KEPT
        return self._known

    async def _walk(self, candidates: tuple[str, ...]) -> Zone | None:
        for candidate in candidates:
            page = await self._client.zones(name=candidate)
            for zone in page.zones:
                if zone.name.lower() == candidate:
                    return zone
        return None

    def _words(self, name: str, known: Zones) -> str:
        which = "token" if self._client.uses_token else "key"
        if not known.zones:
            return (
                f"the {which} sees no zone at Cloudflare: it lacks the permission {ZONE_READ}, or its zones are "
                f"others' (wanted: one for {name})"
            )
        seen = ", ".join(zone.name for zone in known.zones[:_NAMED])
        more = " and more" if len(known.zones) > _NAMED or not known.whole else ""
        return (
            f"{name} lies in no zone that the {which} sees at Cloudflare (it sees {seen}{more}): add the domain "
            f"to the account, or let the {which} read that zone too ({ZONE_READ})"
        )


def suffixes(name: str) -> Iterator[str]:
    """The name itself and what it lies in, down to two labels, without `*`: no zone has less."""
    labels = name.lower().rstrip(".").split(".")
    for start in range(len(labels) - 1):
        if labels[start] != "*":
            yield ".".join(labels[start:])
