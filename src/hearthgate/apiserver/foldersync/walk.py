"""Finds the manifest files below folders: `*.yaml`, `*.yml`, `*.json`, and kustomizations.

Hidden files and folders are passed over, each file and folder is taken once however many links lead to it,
and only regular files count.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hearthgate.apiserver.foldersync import kustomize
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.manifests import Located, file_ref

SUFFIXES: Final = (".yaml", ".yml", ".json")

Signature = tuple[object, ...]
"""Changes when the content does."""


class Found(NamedTuple):
    """A file to read. `key`: its path below the root. `shown`: its path as text, whatever bytes its name has.
    `place`: its rank among all files."""

    path: Path
    key: str
    shown: str
    place: tuple[int, tuple[str, ...]]
    signature: Signature = ()
    size: int = 0


class Walk:
    """Collects what is below the roots that it is shown, in the order of names, without recursion."""

    def __init__(self) -> None:
        self.files: list[Found] = []
        self.refused: list[tuple[Found, Located]] = []
        self.kustomizations: list[Found] = []
        self.problems: list[Located] = []
        self.unread: list[str] = []
        self._roots = 0
        self._seen: set[tuple[int, int]] = set()

    @property
    def count(self) -> int:
        return len(self.files) + len(self.refused) + len(self.kustomizations)

    def root(self, root: Path) -> tuple[int, int] | None:
        """Adds what is below a root. Returns its identity; None and a Problem when it cannot be read."""
        self._roots += 1
        try:
            status = root.stat()
        except OSError as error:
            self._unreadable(root, "", error)
            return None
        if stat.S_ISREG(status.st_mode):
            self._add(root, root.parent, status)
        elif not self._folders(root):
            return None
        return status.st_dev, status.st_ino

    def _folders(self, root: Path) -> bool:
        """Whether the root itself could be read."""
        pending = [root]
        while pending:
            folder = pending.pop()
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in self._seen:
                    continue
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                if folder == root or not isinstance(error, FileNotFoundError):
                    self._unreadable(folder, text_of(folder.relative_to(root)) if folder != root else "", error)
                if folder == root:
                    return False
                continue
            self._seen.add((status.st_dev, status.st_ino))
            if file := kustomize.find(folder):
                self.kustomizations.append(self._found(file, root))
            else:
                pending += reversed(list(self._entries(entries, root)))
        return True

    def _entries(self, entries: "list[os.DirEntry[str]]", root: Path) -> Iterator[Path]:
        """Adds the files among the entries; yields the folders."""
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            is_manifest = entry.name.endswith(SUFFIXES)
            try:
                status = entry.stat()
            except FileNotFoundError:
                if is_manifest and entry.is_symlink():
                    self._refuse(path, root, "a link that leads nowhere")
            except OSError as error:
                if is_manifest:
                    self._refuse(path, root, why(error))
            else:
                if stat.S_ISDIR(status.st_mode):
                    yield path
                elif is_manifest and stat.S_ISREG(status.st_mode):
                    self._add(path, root, status)

    def _add(self, path: Path, root: Path, status: os.stat_result) -> None:
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return
        self._seen.add(identity)
        signature = (*identity, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        self.files.append(self._found(path, root)._replace(signature=signature, size=status.st_size))

    def _found(self, path: Path, root: Path) -> Found:
        key = path.relative_to(root)
        return Found(path, text_of(key), text_of(path), (self._roots, key.parts))

    def _unreadable(self, folder: Path, key: str, error: OSError) -> None:
        self.unread.append(key)
        message = f"{why(error)}: what came from it before stays as it is"
        problem = Problem(ref=folder_ref(folder), reason=Reason.UNREADABLE, message=message)
        self.problems.append(Located(Source(text_of(folder), 0), problem))

    def _refuse(self, path: Path, root: Path, message: str) -> None:
        found = self._found(path, root)
        problem = Problem(ref=file_ref(found.shown), reason=Reason.UNREADABLE, message=message)
        self.refused.append((found, Located(Source(found.shown, 0), problem)))


def folder_ref(folder: Path) -> ObjectRef:
    """Names a folder where there is no object to name."""
    return ObjectRef("Folder", "", text_of(folder))


def text_of(path: Path) -> str:
    """File names are bytes; what is no UTF-8 in them is shown escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def why(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist"
        case PermissionError():
            return "may not be read by this user"
        case _:
            return f"cannot be read: {error.strerror or type(error).__name__}"
