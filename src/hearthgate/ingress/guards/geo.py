"""Tables of addresses by country, made anew when the database file is another one."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import structlog

from hearthgate.disk.atomic import write_atomically
from hearthgate.ingress.guards.mmdb import Database
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock
from hearthgate.ingress.middlewares.plugins.tables import geo_table_name
from hearthgate.ingress.middlewares.ranges import EVERYBODY, encode, joined, span, without
from hearthgate.model.errors import WireError
from hearthgate.model.problems import Problem, Reason

log = structlog.get_logger(__name__)

LOOK: Final = 5.0
"""Seconds between two looks at a file."""
UNJUDGED: Final = 503
MAX_FILE: Final = 512 << 20
_Stamp = tuple[int, int, int]


class GeoTables:
    """Keeps the tables of `want`. `changed` is called when a fault came or went."""

    def __init__(self, folder: Path, *, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._wanted: Mapping[str, GeoBlock] = {}
        self._made: dict[str, _Stamp | None] = {}
        """What the file was when a table was made of it; None = it could not be read."""
        self._faults: dict[str, str] = {}
        self._woken = asyncio.Event()

    def want(self, blocks: Iterable[GeoBlock]) -> None:
        wanted = {geo_table_name(block): block for block in blocks}
        if wanted != self._wanted:
            self._wanted = wanted
            self._woken.set()

    def problems(self) -> Iterator[Problem]:
        for name, block in self._wanted.items():
            if fault := self._faults.get(name):
                stays = self._made.get(name) is not None
                tail = "what it said before stays in force" if stays else "everybody else gets 503"
                message = f"{block.database} {fault}; {tail}"
                yield Problem(
                    ref=block.ref,
                    field="spec.plugin",
                    reason=Reason.DATABASE_UNREADABLE,
                    message=message,
                )

    async def run(self) -> None:
        while True:
            self._woken.clear()
            wanted = dict(self._wanted)
            if wanted:
                faults = await asyncio.to_thread(self._refresh, wanted)
                if faults != self._faults:
                    self._faults = faults
                    self._changed()
            try:
                async with asyncio.timeout(LOOK if wanted else None):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _refresh(self, wanted: Mapping[str, GeoBlock]) -> dict[str, str]:
        """Makes the tables whose file is another one; what is wrong, by table."""
        for name in self._made.keys() - wanted.keys():
            del self._made[name]
        faults: dict[str, str] = {}
        opened: dict[str, Database] = {}
        for name, block in wanted.items():
            try:
                stamp = _stamp(block.database)
                if self._made.get(name) != stamp:
                    self._make(name, block, stamp, opened)
            except (OSError, WireError) as error:
                faults[name] = "cannot be read" if isinstance(error, OSError) else f"cannot be used: {error}"
                if self._made.setdefault(name, None) is None:
                    self._write(
                        name, encode(without(EVERYBODY, joined(map(span, block.trusted))), status=UNJUDGED)
                    )
        return faults

    def _make(self, name: str, block: GeoBlock, stamp: _Stamp, opened: dict[str, Database]) -> None:
        started = time.monotonic()
        database = opened.get(block.database)
        if database is None:
            if stamp[1] > MAX_FILE:
                raise WireError("it is too large")
            database = opened[block.database] = Database(Path(block.database).read_bytes())
        ranges = without(database.ranges(block.refuses), joined(map(span, block.trusted)))
        self._write(name, encode(ranges))
        self._made[name] = stamp
        log.info(
            "countries read",
            file=block.database,
            type=database.kind,
            ranges=len(ranges.v4) + len(ranges.v6),
            seconds=round(time.monotonic() - started, 2),
        )

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self._folder / name, content)


def _stamp(path: str) -> _Stamp:
    found = os.stat(path)  # noqa: PTH116 - as fast as it gets
    return found.st_mtime_ns, found.st_size, found.st_ino
