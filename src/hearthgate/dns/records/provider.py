"""What is used of a provider of a zone."""

from collections.abc import Iterable
from typing import Protocol

from hearthgate.dns.records.model import Change, HeldBy


class Provider(Protocol):
    """Of one zone. All raise HearthgateErrors."""

    async def held(self) -> HeldBy:
        """The records as they are."""

    async def apply(self, changes: Iterable[Change]) -> int:
        """Carries them out; returns how many records were written."""

    async def warning(self) -> str:
        """What of the zone breaks the set-up; empty when nothing does."""
