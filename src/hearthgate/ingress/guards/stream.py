"""One stream of CrowdSec's decisions, kept in files that the proxy reads.

What was fetched last stays while the API is away, and after a restart of this process. Every so often all is
fetched anew, so that an answer that got lost, or went to another instance with the same key, is made good.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from hearthgate.disk.atomic import write_atomically
from hearthgate.ingress.guards.decisions import Decisions
from hearthgate.ingress.guards.lapi import LapiClient
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer
from hearthgate.ingress.middlewares.plugins.tables import table_name
from hearthgate.ingress.middlewares.ranges import EVERYBODY, Ranges, encode, joined, span, without
from hearthgate.model.errors import Permanent, Transient, WireError

log = structlog.get_logger(__name__)

RENEWAL: Final = 3600.0
"""Seconds after which all decisions are fetched, not only the changes."""
UNJUDGED: Final = 503
"""What clients get while nobody can be judged."""
_FIRST_RETRIES: Final = 2.0
"""Seconds between tries at most until the first one succeeds."""


class Table(NamedTuple):
    """One file: what the bouncers that share it have in common."""

    name: str
    trusted: tuple[str, ...]
    open_at_start: bool
    max_failures: int


def table_of(bouncer: Bouncer) -> Table:
    return Table(table_name(bouncer), bouncer.trusted, bouncer.open_at_start, bouncer.max_failures)


class State(NamedTuple):
    """fetched: whether there was ever an answer. failures: in a row. fault: why the last one failed."""

    fetched: bool = False
    failures: int = 0
    fault: str = ""


class Stream:
    """Fetches for ever. `tables` and `interval` (seconds) may change meanwhile; `changed` is called when the
    state did. clock: seconds that never go back."""

    def __init__(
        self,
        client: LapiClient,
        folder: Path,
        *,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._folder = folder
        self._changed = changed
        self._clock = clock
        self._decisions = Decisions()
        self._full_at = float("-inf")
        self._wanted = asyncio.Event()
        self._written: dict[str, bytes] = {}
        self.tables: Mapping[str, Table] = {}
        self.interval = 60.0
        self.state = State()

    def want(self, tables: Mapping[str, Table], interval: float) -> None:
        if tables != self.tables or interval != self.interval:
            self.tables, self.interval = tables, interval
            self._wanted.set()

    async def run(self) -> None:
        due = self._clock()
        while True:
            self._wanted.clear()
            await self._write()
            if self._clock() >= due:
                await self._fetch()
                due = self._clock() + self._pause()
                await self._write()
            await self._sleep(due)

    def _pause(self) -> float:
        return self.interval if self.state.fetched else min(self.interval, _FIRST_RETRIES)

    async def _sleep(self, due: float) -> None:
        """Until the next fetch is due, or other tables are wanted."""
        try:
            async with asyncio.timeout(max(0.0, due - self._clock())):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _fetch(self) -> None:
        now = self._clock()
        anew = not self.state.fetched or self.state.failures > 0 or now - self._full_at >= RENEWAL
        try:
            changes = await self._client.stream(startup=anew)
        except (Transient, Permanent, WireError) as error:
            if not self.state.failures:
                log.warning("decisions cannot be fetched", reason=str(error))
            self._set(State(self.state.fetched, self.state.failures + 1, str(error)))
            return
        await asyncio.to_thread(self._decisions.apply, changes, self._clock(), anew=anew)
        if anew:
            self._full_at = now
            log.info("decisions fetched", decisions=len(self._decisions), skipped=self._decisions.skipped)
        self._set(State(fetched=True))

    def _set(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed()

    async def _write(self) -> None:
        self._decisions.expire(self._clock())
        await asyncio.to_thread(self._write_files, dict(self.tables))

    def _write_files(self, tables: Mapping[str, Table]) -> None:
        """Brings the files to what the tables shall be now."""
        ranges = self._decisions.ranges
        for name in self._written.keys() - tables.keys():
            del self._written[name]
        for name, table in tables.items():
            content = self._content(table, ranges)
            if content is not None and content != self._written.get(name):
                write_atomically(self._folder / name, content)
                self._written[name] = content

    def _content(self, table: Table, ranges: Ranges) -> bytes | None:
        """None: the file stays as it is, from before a restart."""
        trusted = joined(map(span, table.trusted))
        if self.state.failures > table.max_failures >= 0:
            return encode(without(EVERYBODY, trusted), status=UNJUDGED)
        if self.state.fetched:
            return encode(without(ranges, trusted))
        if (self._folder / table.name).exists():
            return None
        return encode(Ranges()) if table.open_at_start else encode(without(EVERYBODY, trusted), status=UNJUDGED)
