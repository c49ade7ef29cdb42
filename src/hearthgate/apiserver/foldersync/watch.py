"""Notices changes below folders, by inotify through watchfiles.

A folder that does not exist yet, is replaced, or is the target of a switched link is found through the
nearest folder above it that exists.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from watchfiles import Change, awatch

log = structlog.get_logger(__name__)

QUIET_MS: Final = 40
"""A burst has ended when nothing has changed for so long: an editor's save, a git checkout."""
LONGEST_MS: Final = 500
POLL_MS: Final = 2000
"""Where the kernel has no watches left, or the file system knows none."""

_LINKS_OF_MOUNTED_VOLUMES: Final = "..data"


class _Watched(NamedTuple):
    """folders: watched with everything below. above: folder to the names in it that matter.
    identities: tell when a root has become another folder."""

    folders: tuple[Path, ...]
    above: dict[Path, frozenset[str]]
    identities: tuple[tuple[int, int] | None, ...]


class FolderWatch:
    """Sets an event after every burst of changes. Start `run`, wait for `ready`, then read: nothing is missed."""

    def __init__(self, roots: Sequence[Path], changed: asyncio.Event) -> None:
        self._roots = tuple(root.absolute() for root in roots)
        self._outside: frozenset[Path] = frozenset()
        self._changed = changed
        self._stop = asyncio.Event()
        self.ready = asyncio.Event()

    def follow(self, outside: frozenset[Path]) -> None:
        """Watches these folders too."""
        if outside != self._outside:
            self._outside = outside
            self._stop.set()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        polling = False
        while True:
            self._stop = asyncio.Event()
            watched = self._look()
            try:
                await self._watch(watched, polling=polling)
            except* FileNotFoundError:
                log.debug("a folder went away while its watch began")
            except* OSError as group:
                if polling:
                    raise
                log.warning("cannot watch folders, looking every two seconds", error=str(group.exceptions[0]))
                polling = True
            self._changed.set()

    async def _watch(self, watched: _Watched, *, polling: bool) -> None:
        """Returns when something else has to be watched."""

        async def follow(paths: Iterable[Path], wanted: Callable[[Change, str], bool], *, recursive: bool) -> None:
            changes = awatch(
                *paths,
                watch_filter=wanted,
                debounce=LONGEST_MS,
                step=QUIET_MS,
                stop_event=self._stop,
                force_polling=polling,
                poll_delay_ms=POLL_MS,
                recursive=recursive,
                ignore_permission_denied=True,
            )
            async for _found in changes:
                self._changed.set()
                if self._look() != watched:
                    self._stop.set()

        async with asyncio.TaskGroup() as group:
            if watched.folders:
                group.create_task(follow(watched.folders, self._is_seen, recursive=True))
            group.create_task(
                follow(watched.above, lambda _change, path: _is_named(watched, path), recursive=False)
            )
            # The tasks register their watches before they first wait; a change from here on is noticed.
            await asyncio.sleep(0)
            self._changed.set()
            self.ready.set()
            if self._look() != watched:
                self._stop.set()

    def _look(self) -> _Watched:
        folders = [path for path in (*self._roots, *sorted(self._outside)) if path.is_dir()]
        above: dict[Path, set[str]] = {}
        for root in self._roots:
            child, parent = root, root.parent
            while not parent.is_dir():
                child, parent = parent, parent.parent
            above.setdefault(parent, set()).add(child.name)
        names = {parent: frozenset(children) for parent, children in sorted(above.items())}
        return _Watched(tuple(folders), names, tuple(map(_identity, folders)))

    def _is_seen(self, _change: Change, path: str) -> bool:
        """Whether a path below a folder matters: hidden ones are never read."""
        found = Path(path)
        for folder in (*self._roots, *self._outside):
            if found.is_relative_to(folder):
                below = found.relative_to(folder).parts
                return not any(part.startswith(".") and part != _LINKS_OF_MOUNTED_VOLUMES for part in below)
        return True


def _is_named(watched: _Watched, path: str) -> bool:
    """Whether it is one of the names that matter, or the folder that would hold them."""
    found = Path(path)
    return found in watched.above or found.name in watched.above.get(found.parent, frozenset())


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
