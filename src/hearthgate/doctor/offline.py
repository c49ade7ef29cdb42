"""`check` on files and folders."""

from collections.abc import Sequence
from pathlib import Path

from hearthgate.apiserver.foldersync.reader import FolderReader
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
