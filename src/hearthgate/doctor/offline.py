"""Files and folders instead of an API: `check` on them, and what other commands read of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hearthgate.apiserver.foldersync.prepare import known_kinds, prepare, unique
from hearthgate.apiserver.foldersync.reader import FolderReader
from hearthgate.apiserver.served import ServedKinds
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.check import Machine, check
from hearthgate.doctor.report import Report
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.settings import IngressSettings


def check_paths(paths: Sequence[Path], settings: IngressSettings, machine: Machine) -> Report:
    """Reads as the folder sync reads, and changes nothing anywhere."""
    ensure_schema()
    folders = FolderReader(paths).read()
    return check(
        folders.documents, settings, machine=machine, found=folders.all_problems, files=len(folders.files)
    )


class Files(NamedTuple):
    """documents: all that are written, kinds among them that nobody here knows."""

    snapshot: Snapshot
    documents: tuple[Mapping[str, Any], ...]


def read_files(paths: Sequence[Path]) -> Files:
    """As the folder sync reads them; what cannot be decoded is refused in the snapshot."""
    documents = FolderReader(paths).read().documents
    served = known_kinds(documents, ServedKinds())
    prepared, _ = unique(prepare(document, served) for document in documents)
    resources = [one.resource for one in prepared if one.resource is not None]
    problems = [problem for one in prepared for problem in one.problems]
    return Files(Snapshot.of(resources, problems), tuple(document.data for document in documents))
