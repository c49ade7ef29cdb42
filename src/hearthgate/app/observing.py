"""`hearthgate policy observe`: what pods are seen to do, kept in a file for as long as somebody looks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from hearthgate.model.errors import HearthgateError, Permanent
from hearthgate.netfilter import connections
from hearthgate.policy.nftables import observing
from hearthgate.policy.observed import Observed, lines, observed, read_lines
from hearthgate.policy.world import World

EVERY: Final = 2.0
"""Seconds between two looks. The kernel remembers what ended for longer: datagrams for 30 seconds."""
AGAIN: Final = 30.0
"""Seconds after which pods are read again: others may have their addresses then."""


class Observer:
    """file: holds what was seen before. read: who has which address; it may fail but at first. tell: given a line
    for people about what is new."""

    def __init__(self, file: Path, read: Callable[[], Awaitable[World]], tell: Callable[[str], None]) -> None:
        self._file = file
        self._read = read
        self._tell = tell
        self._known: set[tuple[object, ...]] = set()

    async def run(self, seconds: float | None) -> None:
        """Until cancelled, or for so long; it looks a last time at the end. Raises HearthgateError."""
        flows = await asyncio.to_thread(read_observed, [self._file]) if self._file.exists() else ()
        self._known = {flow.key for flow in flows}
        await asyncio.to_thread(_write, self._file, lines(flows))  # without a line that was cut short
        world = await self._read()
        began = read_at = time.monotonic()
        await observing.begin()
        try:
            while seconds is None or time.monotonic() < began + seconds:
                await self._look(world)
                left = EVERY if seconds is None else began + seconds - time.monotonic()
                await asyncio.sleep(max(0.0, min(EVERY, left)))
                if time.monotonic() - read_at >= AGAIN:
                    world, read_at = await self._read_again(world), time.monotonic()
        finally:
            try:
                await self._look(world)
            finally:
                await observing.end()

    async def _look(self, world: World) -> None:
        try:
            entries = await asyncio.to_thread(lambda: [*connections.entries(4), *connections.entries(6)])
        except OSError as error:
            raise Permanent(f"the kernel does not say what it remembers: {error.strerror}") from error
        fresh = {flow.key: flow for flow in observed(world, entries) if flow.key not in self._known}
        await asyncio.to_thread(_write, self._file, lines(fresh.values()), append=True)
        self._known |= fresh.keys()
        for flow in fresh.values():
            self._tell(f"{flow.source} → {flow.destination}, {flow.protocol}:{flow.port}")

    async def _read_again(self, world: World) -> World:
        try:
            return await self._read()
        except HearthgateError as error:
            self._tell(f"pods could not be read again: {error}")
            return world


def read_observed(files: Iterable[Path]) -> tuple[Observed, ...]:
    """Each once. Raises Permanent."""
    found: dict[tuple[object, ...], Observed] = {}
    for file in files:
        try:
            text = file.read_text(errors="replace")
        except OSError as error:
            raise Permanent(f"{file} cannot be read: {error.strerror}") from error
        found |= {flow.key: flow for flow in read_lines(text, str(file))}
    return tuple(found.values())


def _write(file: Path, text: str, *, append: bool = False) -> None:
    """Raises Permanent. Nothing is written anew that is so already."""
    try:
        if append:
            with file.open("a") as opened:
                opened.write(text)
        elif not file.exists() or file.read_text(errors="replace") != text:
            file.write_text(text)
    except OSError as error:
        raise Permanent(f"{file} cannot be written: {error.strerror}") from error
