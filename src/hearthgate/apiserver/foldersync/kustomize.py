"""Folders with a kustomization: which folders it is made of, and what `kubectl kustomize` makes of them."""

import os
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import Source
from hearthgate.resources.manifests import MAX_FILE, Located, Parsed, file_ref, parse_manifests

NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
TIMEOUT: Final = 60.0
_LOOK_EVERY: Final = 0.2
_STDERR_SHOWN: Final = 300
_REFERENCES: Final = ("resources", "components", "bases")


class Kustomization(NamedTuple):
    """file: where it is written. folders: its own and all local ones it is made of, itself first."""

    file: Path
    folders: tuple[Path, ...]
    is_component: bool

    @property
    def folder(self) -> Path:
        return self.file.parent


def find(folder: Path) -> Path | None:
    """The kustomization file in a folder."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def load(file: Path) -> Kustomization:
    """Follows the references to local folders. What cannot be read is left for kubectl to complain about."""
    folders = [file.parent.resolve()]
    pending = [file]
    is_component = False
    while pending:
        current = pending.pop()
        data = _content(current)
        if current == file:
            is_component = data.get("kind") == "Component"
        for folder in _folders(data, current.parent):
            if folder not in folders:
                folders.append(folder)
                if below := find(folder):
                    pending.append(below)
    return Kustomization(file, tuple(folders), is_component)


def to_render(found: Iterable[Kustomization]) -> Iterator[Kustomization | Located]:
    """Those that stand for themselves: what another one is made of is not rendered twice."""
    known = list(found)
    used = {folder for one in known for folder in one.folders[1:]}
    for one in known:
        if one.folders[0] in used:
            continue
        if one.is_component:
            message = "a component that no kustomization here uses: it gives no objects"
            yield problem(str(one.file), message, Severity.WARNING)
        else:
            yield one


def signature(kustomization: Kustomization) -> tuple[tuple[str, int, int, int], ...]:
    """Changes when a file of the kustomization changes."""
    seen = []
    for folder in kustomization.folders:
        for parent, _folders_below, files in os.walk(folder):
            for name in sorted(files):
                path = os.path.join(parent, name)  # noqa: PTH118 - os.walk gives strings
                try:
                    status = os.stat(path)  # noqa: PTH116
                except OSError:
                    continue
                seen.append((path, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(sorted(seen))


def render(
    kustomization: Kustomization, path: str, kubectl: str | None, abandoned: threading.Event | None = None
) -> Parsed:
    """The objects that `kubectl kustomize` prints. `path` names the kustomization file in sources and Problems.

    abandoned: once it is set kubectl is killed, and the result is a Problem that nobody needs.
    """
    if kubectl is None:
        message = "kubectl renders kustomizations and is not on PATH: install it, or render them yourself"
        return Parsed((), (problem(path, message),))
    command = [kubectl, "kustomize", str(kustomization.folder)]
    try:
        done = _run(command, abandoned or threading.Event())
    except subprocess.TimeoutExpired:
        message = f"kubectl kustomize gave nothing for {TIMEOUT:.0f} s: remote resources may be out of reach"
        return Parsed((), (problem(path, message),))
    except OSError as error:
        return Parsed((), (problem(path, f"kubectl cannot be run: {error.strerror}"),))
    if done.returncode != 0:
        return Parsed((), (problem(path, f"kubectl kustomize failed: {_short(done.stderr)}"),))
    if len(done.stdout) > MAX_FILE:
        return Parsed((), (problem(path, f"it renders to more than {MAX_FILE >> 20} MiB"),))
    parsed = parse_manifests(done.stdout, path)
    documents = tuple(document.detached() for document in parsed.documents)
    return Parsed(documents, tuple(Located(Source(path, 0), found.problem) for found in parsed.problems))


def _run(command: list[str], abandoned: threading.Event) -> subprocess.CompletedProcess[bytes]:
    """Raises OSError, and TimeoutExpired when it takes too long or nobody waits for it any more."""
    deadline = time.monotonic() + TIMEOUT
    with subprocess.Popen(  # noqa: S603 - no shell; the folder is the user's own argument
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while True:
            try:
                output, said = process.communicate(timeout=_LOOK_EVERY)
            except subprocess.TimeoutExpired:
                if abandoned.is_set() or time.monotonic() > deadline:
                    process.kill()
                    raise
            else:
                return subprocess.CompletedProcess(command, process.returncode, output, said)


def problem(path: str, message: str, severity: Severity = Severity.ERROR) -> Located:
    found = Problem(ref=file_ref(path), reason=Reason.UNREADABLE, message=message, severity=severity)
    return Located(Source(path, 0), found)


def _content(file: Path) -> dict[str, Any]:
    try:
        parsed = parse_manifests(file.read_bytes(), str(file))
    except OSError:
        return {}
    return parsed.documents[0].data if parsed.documents else {}


def _folders(data: dict[str, Any], base: Path) -> Iterator[Path]:
    for key in _REFERENCES:
        values = data.get(key)
        for value in values if isinstance(values, list) else ():
            if isinstance(value, str) and (base / value).is_dir():
                yield (base / value).resolve()


def _short(stderr: bytes) -> str:
    words = " ".join(stderr.decode(errors="replace").split())
    return words if len(words) <= _STDERR_SHOWN else f"{words[:_STDERR_SHOWN]}…"
