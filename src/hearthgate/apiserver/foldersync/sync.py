"""Keeps the embedded API at what folders of manifests say.

Applies what they hold, prunes what came from them and is gone, touches nothing that others made. A file or an
object that has become wrong keeps its last good state, and a Problem says so. Changes made by other hands to
objects from a folder stay until their manifest changes or the process restarts.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from hearthgate.apiserver.foldersync.apply import Applier, Objects
from hearthgate.apiserver.foldersync.plan import Plan, plan
from hearthgate.apiserver.foldersync.prepare import Prepared, is_definition, known_kinds, prepare
from hearthgate.apiserver.foldersync.reader import FolderReader, Folders
from hearthgate.apiserver.foldersync.walk import folder_ref, text_of
from hearthgate.apiserver.foldersync.watch import FolderWatch
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.manifests import Document, Located

log = structlog.get_logger(__name__)

PRUNE_DELAY: Final = 0.5
"""Seconds that an object must be gone: editors and git take files away for a moment."""
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0


class FolderSync:
    """paths: folders, or single files. on_problems: called with all of them whenever they change.

    Call `first_pass` or `run`, which makes one too; not both at once.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        objects: Objects,
        on_problems: Callable[[tuple[Problem, ...]], None],
        *,
        kubectl: str | None = None,
        prune_delay: float = PRUNE_DELAY,
    ) -> None:
        self._paths = tuple(paths)
        self._reader = FolderReader(self._paths, kubectl)
        self._applier = Applier(objects)
        self._on_problems = on_problems
        self._prune_delay = prune_delay
        self._served = objects.served
        self._known = objects.served
        self._known_from: object = None
        self._prepared: dict[Document, Prepared] = {}
        self._identities: dict[Path, tuple[int, int] | None] = {}
        self._gone_since: dict[ObjectRef, float] = {}
        self._retry = FIRST_RETRY
        self._due: float | None = None
        self._reported: tuple[Located, ...] | None = None
        self._places: Mapping[ObjectRef, Document] = {}
        self._outside: frozenset[Path] = frozenset()

    async def first_pass(self) -> None:
        """Applies everything once. What is gone from the folders is pruned later, by `run`."""
        await self._pass()

    async def run(self) -> None:
        """Follows the folders until cancelled."""
        changed = asyncio.Event()
        watch = FolderWatch(self._paths, changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.run())
            await watch.ready.wait()
            while True:
                changed.clear()
                await self._pass()
                watch.follow(self._outside)
                await self._wait(changed)

    def locate(self, ref: ObjectRef, field: str) -> Source | None:
        """The file and line of a field of an object; None for what came from no file."""
        if document := self._places.get(ref):
            return document.source_of(field)
        for found in self._reported or ():
            if (found.problem.ref, found.problem.field) == (ref, field):
                return found.source
        return self._applier.owned.get(ref)

    async def _wait(self, changed: asyncio.Event) -> None:
        """Until something has changed, or the time has come to prune or to try again."""
        now = asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._due is None else max(self._due - now, 0.0)):
                await changed.wait()

    async def _pass(self) -> None:
        abandoned = threading.Event()
        try:
            folders = await asyncio.to_thread(self._read, abandoned)
        except asyncio.CancelledError:
            abandoned.set()  # the end of the program waits for its threads
            raise
        self._outside = folders.outside
        await self._applier.load_owned()
        # Beside the loop: with ten thousand objects it takes a tenth of a second, and the loop serves others too.
        planned = await asyncio.to_thread(plan, folders, self._prepared, self._applier.owned)
        if doubts := self._doubts(folders, planned):
            planned = await asyncio.to_thread(plan, folders, self._prepared, self._applier.owned, keep_all=True)
        self._places = planned.places
        refused = await self._apply(planned)
        pruned = await self._prune(planned)
        self._schedule(planned)
        self._report((*planned.problems, *doubts, *refused, *pruned))

    def _read(self, abandoned: threading.Event) -> Folders:
        folders = self._reader.read(abandoned)
        definitions = tuple(document for document in folders.documents if is_definition(document))
        if (source := (self._served.generation, definitions)) != self._known_from:
            self._known, self._known_from = known_kinds(definitions, self._served), source
            self._prepared = {
                document: one
                for document, one in self._prepared.items()
                if one.kind is not None and one.kind.schema is None
            }
        before = self._prepared
        # Without the typed resources, which only `check` reads: they would be kept as long as the files.
        self._prepared = {
            document: before.get(document) or prepare(document, self._known)._replace(resource=None)
            for document in folders.documents
        }
        return folders

    def _doubts(self, folders: Folders, planned: Plan) -> tuple[Located, ...]:
        """Roots that are empty and may only look so, when something would be pruned: a disk that is not mounted
        leaves an empty folder behind, another one than before."""
        doubts = []
        for root in folders.roots:
            is_known = self._identities.get(root.path) == root.identity
            if root.files or is_known or not planned.prune or root.identity is None:
                self._identities[root.path] = root.identity
                continue
            message = (
                "holds no manifest, perhaps because it is not mounted: what came from it before stays"
                " (put an empty none.yaml into it to say that this is meant)"
            )
            problem = Problem(ref=folder_ref(root.path), reason=Reason.UNREADABLE, message=message)
            doubts.append(Located(Source(text_of(root.path), 0), problem))
        return tuple(doubts)

    async def _apply(self, planned: Plan) -> list[Located]:
        refused: list[Located] = []
        for wave in planned.waves:
            refused += await self._applier.apply(wave)
        return refused

    async def _prune(self, planned: Plan) -> list[Located]:
        now = asyncio.get_running_loop().time()
        self._gone_since = {ref: self._gone_since.get(ref, now) for ref in planned.prune}
        due = [ref for ref, since in self._gone_since.items() if now - since >= self._prune_delay]
        return await self._applier.prune(due)

    def _schedule(self, planned: Plan) -> None:
        """When to look again though nothing has changed."""
        now = asyncio.get_running_loop().time()
        times = []
        waiting = [since for ref, since in self._gone_since.items() if ref in self._applier.owned]
        waiting = [since for since in waiting if now - since < self._prune_delay]
        if waiting:
            times.append(min(waiting) + self._prune_delay)
        if self._applier.should_retry:
            times.append(now + self._retry)
            self._retry = min(self._retry * 2, LONGEST_RETRY)
        else:
            self._retry = FIRST_RETRY
        self._due = min(times) if times else None

    def _report(self, found: Sequence[Located]) -> None:
        located = tuple(sorted(set(found)))
        if located != self._reported:
            self._reported = located
            self._on_problems(tuple(one.problem for one in located))
