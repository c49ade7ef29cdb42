"""Settings that change while the program runs: read again when their file changes, and at SIGHUP.

What can change does; the rest keeps what it was at the start, and that is told once. A file that cannot be used
changes nothing: the last good settings stay in force, and its mistakes are told until it is repaired.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog
from watchfiles import Change, awatch

from hearthgate.app.settings import Settings, SettingsError, load_settings
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef

log = structlog.get_logger(__name__)

LIVE: Final = frozenset({"entry_points", "providers", "servers_transport", "log", "certificates", "policy"})
"""Fields that take effect at once."""
KEPT: Final = {"log": ("format",), "policy": ("enforce", "force")}
"""What of these does not."""
_QUIET_MS, _LONGEST_MS, _POLL_MS = 40, 400, 2000
_LINKS_OF_MOUNTED_VOLUMES: Final = "..data"


class SettingsSource(NamedTuple):
    """Where settings come from: a file (None: all defaults), and `--set` which overrules it."""

    path: Path | None
    overrides: tuple[str, ...] = ()

    def load(self) -> Settings:
        """Raises SettingsError."""
        return load_settings(self.path, self.overrides)

    def refuse_blank(self) -> None:
        """Raises SettingsError when nothing is in the file. Whoever writes a file, or fills a disk, empties it
        first; all entrypoints would go for that long."""
        try:
            is_blank = self.path is not None and not self.path.read_bytes().strip()
        except OSError:
            return  # it went away after it was read, which the next look tells
        if is_blank:
            message = "the file is empty: write {} into it for the defaults of everything"
            raise SettingsError([Problem(ref=self.ref, reason=Reason.SYNTAX_ERROR, message=message)])

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("Settings", "", str(self.path) if self.path else "hearthgate.yaml")


def merged(running: Settings, wanted: Settings, ref: ObjectRef) -> tuple[Settings, tuple[Problem, ...]]:
    """`running` with all of `wanted` that can change now, and a warning for everything else that differs."""
    live = {name: getattr(wanted, name) for name in LIVE}
    for name, kept in KEPT.items():
        own = getattr(running, name)
        live[name] = msgspec.structs.replace(live[name], **{field: getattr(own, field) for field in kept})
    result: Settings = msgspec.structs.replace(running, **live)
    problems: list[Problem] = []
    for name, field in zip(result.__struct_fields__, result.__struct_encode_fields__, strict=True):
        if getattr(result, name) != getattr(wanted, name):
            has, asked = getattr(result, name), getattr(wanted, name)
            parts = [
                f"{field}.{part}" for part in KEPT.get(name, ()) if getattr(has, part) != getattr(asked, part)
            ]
            problems += (_late(ref, place) for place in parts or [field])
    return result, tuple(problems)


def _late(ref: ObjectRef, field: str) -> Problem:
    message = "changed, and takes effect at the next start"
    return Problem(ref=ref, field=field, reason=Reason.RESTART_NEEDED, message=message, severity=Severity.WARNING)


class Reloader:
    """Watches the settings of a running program.

    apply: puts settings in force, raises SettingsError when it cannot and then has changed nothing.
    tell: is given all problems that the settings have now.
    """

    def __init__(
        self,
        source: SettingsSource,
        running: Settings,
        *,
        apply: Callable[[Settings], None],
        tell: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._source = source
        self._running = running
        self._apply = apply
        self._tell = tell
        self._wanted = asyncio.Event()
        self._forced = False

    def request(self) -> None:
        """Reads the settings, and the files that they name, again soon."""
        self._forced = True
        self._wanted.set()

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        async with asyncio.TaskGroup() as group:
            if self._source.path is not None:
                group.create_task(watch_file(self._source.path, self._wanted.set))
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                self._reload()

    def _reload(self) -> None:
        forced, self._forced = self._forced, False
        try:
            wanted, problems = merged(self._running, self._source.load(), self._source.ref)
            changed = wanted != self._running
            if changed:
                self._source.refuse_blank()
            if changed or forced:
                self._apply(wanted)
        except SettingsError as error:
            log.error("settings cannot be used, the last good ones stay", problems=len(error.problems))
            self._tell(error.problems)
            return
        self._running = wanted
        if changed or forced:
            log.info("settings read again", changed=changed)
        self._tell(problems)


async def watch_file(path: Path, changed: Callable[[], None]) -> None:
    """Calls `changed` after every burst of changes of a file, and once at the start; runs for ever.

    It is looked for by name, so that editors which write a new file are noticed, and links that are switched.
    """
    polling = False
    while True:
        names, folders = _places(path)

        def is_meant(_change: Change, found: str, names: set[str] = names) -> bool:
            return Path(found).name in names

        try:
            await _each_burst(folders, is_meant, changed, polling=polling)
        except OSError as error:
            if polling:
                raise
            log.warning("cannot watch the settings, looking every two seconds", error=error.strerror)
            polling = True


def _places(path: Path) -> tuple[set[str], set[Path]]:
    """The names to look for, and where: a link changes when it is another one, and when its target does."""
    target = path.resolve()
    return {path.name, target.name, _LINKS_OF_MOUNTED_VOLUMES}, {path.absolute().parent, target.parent}


async def _each_burst(
    folders: set[Path], is_meant: Callable[[Change, str], bool], changed: Callable[[], None], *, polling: bool
) -> None:
    """Returns after a burst when the folders may be others now."""
    changes = awatch(
        *folders,
        watch_filter=is_meant,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        force_polling=polling,
        poll_delay_ms=_POLL_MS,
        recursive=False,
        ignore_permission_denied=True,
    )
    first = asyncio.ensure_future(anext(changes))
    try:
        # The watch is registered before it first waits; what changed until now is read here.
        await asyncio.sleep(0)
        changed()
        await first
        changed()
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await changes.aclose()
