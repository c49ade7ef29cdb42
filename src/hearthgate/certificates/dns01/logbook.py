"""The journal, kept in a ConfigMap: an entry is there before its record is, and until after it."""

from collections.abc import Mapping
from typing import Final

import structlog

from hearthgate.certificates.dns01.journal import Entry, Journal, from_json
from hearthgate.certificates.kept import Kept
from hearthgate.certificates.tools import Tools

log = structlog.get_logger(__name__)

CONFIG_MAP: Final = "hearthgate-dns01-records"
_KEY: Final = "journal.json"


class Logbook:
    """All raise Transient and Permanent as the client does; what was not stored then is with the next change."""

    def __init__(self, tools: Tools) -> None:
        self._kept = Kept(tools, CONFIG_MAP, self._content)
        self._journal: Journal | None = None
        self._stored = Journal()

    async def read(self) -> Journal:
        if self._journal is None:
            text = (await self._kept.load()).get(_KEY, "")
            journal, lost = from_json(text.encode())
            if lost:
                log.warning("records of proofs are forgotten: their entries cannot be read", entries=lost)
            if self._journal is None:  # another task may have been here meanwhile
                self._journal = self._stored = journal
        return self._journal

    async def add(self, entry: Entry) -> None:
        """Returns once it is stored."""
        self._journal = (await self.read()).with_entry(entry)
        await self._store()

    async def drop(self, entry: Entry) -> None:
        self._journal = (await self.read()).without(entry)
        await self._store()

    async def _store(self) -> None:
        held = self._journal
        if held is None or held == self._stored:
            return
        await self._kept.save()
        self._stored = held

    def _content(self) -> Mapping[str, str]:
        journal = self._journal or Journal()
        return {_KEY: journal.to_json().decode()}
