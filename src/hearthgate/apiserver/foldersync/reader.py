"""Reads folders of manifests, again and again, and parses only what has changed in between."""

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hearthgate.apiserver.foldersync import kustomize
from hearthgate.apiserver.foldersync.kustomize import Kustomization
from hearthgate.apiserver.foldersync.walk import Found, Signature, Walk, why
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import Source
from hearthgate.resources.manifests import MAX_FILE, Document, Located, Parsed, file_ref, parse_manifests


class ManifestFile(NamedTuple):
    """key: the path below its root, the same wherever the process was started. path: as the user would write it.
    A file with an error is incomplete: what it should hold is not known."""

    key: str
    path: str
    documents: tuple[Document, ...]
    problems: tuple[Located, ...]

    @property
    def is_complete(self) -> bool:
        return not any(found.problem.is_error for found in self.problems)


class Root(NamedTuple):
    """identity: device and inode; None when it cannot be read. files: how many manifest files it holds."""

    path: Path
    identity: tuple[int, int] | None
    files: int


class Folders(NamedTuple):
    """Everything read at one moment. Files come in the order of their roots, then of their paths.

    unread: keys of folders that could not be looked into (empty: a whole root).
    outside: folders beyond the roots that kustomizations are made of.
    """

    roots: tuple[Root, ...] = ()
    files: tuple[ManifestFile, ...] = ()
    problems: tuple[Located, ...] = ()
    unread: tuple[str, ...] = ()
    outside: frozenset[Path] = frozenset()

    @property
    def documents(self) -> tuple[Document, ...]:
        return tuple(document for file in self.files for document in file.documents)

    @property
    def all_problems(self) -> tuple[Located, ...]:
        return (*self.problems, *(found for file in self.files for found in file.problems))


_Cache = dict[str, tuple[Signature, Parsed]]


class FolderReader:
    """Blocks while it reads; one caller at a time.

    roots: folders, or single files. kubectl: the program that renders kustomizations; by default from PATH.
    """

    def __init__(self, roots: Sequence[Path], kubectl: str | None = None) -> None:
        self._roots = tuple(roots)
        self._kubectl = kubectl
        self._cache: _Cache = {}

    def read(self, abandoned: threading.Event | None = None) -> Folders:
        """abandoned: once it is set, nobody waits for the result any more."""
        walk = Walk()
        roots = []
        for root in self._roots:
            before = walk.count
            identity = walk.root(root)
            roots.append(Root(root, identity, walk.count - before))
        cached, self._cache = self._cache, {}
        read = [(found, Parsed((), (problem,))) for found, problem in walk.refused]
        read += [(found, self._plain(found, cached)) for found in walk.files]
        problems = list(walk.problems)
        found_at = {found.path: found for found in walk.kustomizations}
        loaded = [kustomize.load(path) for path in found_at]
        for one in kustomize.to_render(loaded):
            if isinstance(one, Located):
                problems.append(one)
            else:
                found = found_at[one.file]
                read.append((found, self._rendered(found, one, cached, abandoned)))
        read.sort(key=lambda item: item[0].place)
        return Folders(
            tuple(roots),
            tuple(ManifestFile(found.key, found.shown, *parsed) for found, parsed in read),
            tuple(problems),
            tuple(walk.unread),
            self._outside(loaded),
        )

    def _outside(self, loaded: Iterable[Kustomization]) -> frozenset[Path]:
        inside = [root.resolve() for root in self._roots]
        folders = {folder for one in loaded for folder in one.folders}
        return frozenset(folder for folder in folders if not any(folder.is_relative_to(root) for root in inside))

    def _plain(self, found: Found, cached: _Cache) -> Parsed:
        return self._remember(found, found.signature, cached, lambda: _parse(found))

    def _rendered(
        self, found: Found, one: Kustomization, cached: _Cache, abandoned: threading.Event | None
    ) -> Parsed:
        kubectl = self._kubectl or shutil.which("kubectl")
        signature = (kubectl, *kustomize.signature(one))

        def render() -> Parsed:
            return kustomize.render(one, found.shown, kubectl, abandoned)

        return self._remember(found, signature, cached, render)

    def _remember(self, found: Found, signature: Signature, cached: _Cache, read: Callable[[], Parsed]) -> Parsed:
        """What cannot be read may be readable next time though nothing changed: that is not remembered."""
        before = cached.get(found.shown)
        parsed = before[1] if before is not None and before[0] == signature else read()
        if not any(problem.problem.reason is Reason.UNREADABLE for problem in parsed.problems):
            self._cache[found.shown] = (signature, parsed)
        return parsed


def _parse(found: Found) -> Parsed:
    try:
        with found.path.open("rb") as file:
            text = b"" if found.size > MAX_FILE else file.read(MAX_FILE + 1)
    except OSError as error:
        return _refused(found, Reason.UNREADABLE, why(error))
    if found.size > MAX_FILE or len(text) > MAX_FILE:
        return _refused(found, Reason.TOO_LARGE, f"the file is larger than {MAX_FILE >> 20} MiB: split it")
    return parse_manifests(text, found.shown)


def _refused(found: Found, reason: Reason, message: str) -> Parsed:
    problem = Problem(ref=file_ref(found.shown), reason=reason, message=message)
    return Parsed((), (Located(Source(found.shown, 0), problem),))
