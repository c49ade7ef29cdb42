"""A folder of files as one stream: a manifest with checksums first, then the files (tar, gzip).

Reading trusts nothing: only what the manifest names is unpacked, below one folder, and only if it is whole.
"""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Final, Protocol

import msgspec

from hearthgate.apiserver.backup import sealed
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_MANIFEST_LIMIT: Final = 4 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_LEVEL: Final = 1
"""Four times smaller; a higher level takes far longer for little."""
_CHUNK: Final = 1 << 20


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `name`: its path below the state folder, with slashes."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive holds. database: the version of its schema; created: RFC 3339; objects: per resource."""

    format: int = FORMAT
    program: str
    database: int
    created: str
    hostname: str
    revision: int
    objects: Mapping[str, int]
    files: tuple[File, ...]


class _Head(msgspec.Struct, frozen=True):
    format: int = 0
    program: str = ""


class Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


def files_below(folder: Path) -> tuple[File, ...]:
    """Every regular file, with its checksum, sorted."""
    return tuple(
        File(name=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=_digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    )


def write_archive(target: Sink, folder: Path, manifest: Manifest) -> None:
    """Writes the files of `folder` that the manifest names."""
    stamp = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=_writable(target), mtime=0)
    with stamp as packed, tarfile.open(mode="w|", fileobj=packed, format=tarfile.PAX_FORMAT) as tar:
        about = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        tar.addfile(_member(_MANIFEST, len(about)), io.BytesIO(about))
        for file in manifest.files:
            with (folder / file.name).open("rb") as source:
                tar.addfile(_member(file.name, file.size), source)


def read_archive(path: Path, passphrase: SecretBytes | None, into: Path | None) -> Manifest:
    """Checks the whole file, and unpacks it below `into` unless that is None.

    Raises Permanent when it is no backup, is damaged, was made by a newer program, or its passphrase is missing
    or wrong; then `into` holds a part of it.
    """
    try:
        with path.open("rb") as file:
            return _read(file, passphrase, into)
    except Permanent as error:
        raise Permanent(f"backup {path}: {error}") from error
    except (EOFError, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
        raise Permanent(f"backup {path}: the file is damaged or cut off ({error})") from error


def _read(file: BinaryIO, passphrase: SecretBytes | None, into: Path | None) -> Manifest:
    start = file.read(len(sealed.MAGIC))
    file.seek(0)
    source: Any = file
    if start == sealed.MAGIC:
        if passphrase is None:
            raise Permanent("it is sealed: give its passphrase with --passphrase-file")
        source = sealed.SealedReader(file, passphrase)
    elif not start.startswith(_GZIP):
        raise Permanent("the file is not a backup of Hearthgate")
    with gzip.GzipFile(fileobj=source, mode="rb") as packed, tarfile.open(mode="r|", fileobj=packed) as tar:
        members = iter(tar)
        manifest = _manifest(tar, next(members, None))
        _unpack(tar, members, manifest, into)
        while packed.read(_CHUNK):  # to the end: the checksums of gzip and of the seal come last
            pass
    while source.read(_CHUNK):
        pass
    return manifest


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    content = tar.extractfile(member) if member is not None and member.isreg() else None
    if member is None or content is None or member.name != _MANIFEST or member.size > _MANIFEST_LIMIT:
        raise Permanent("the file is not a backup of Hearthgate")
    text = content.read()
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format > FORMAT:
            raise Permanent(f"it was made by a newer program ({head.program}): update this one first")
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise Permanent("its manifest cannot be read") from error


def _unpack(
    tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], manifest: Manifest, into: Path | None
) -> None:
    wanted = {file.name: file for file in manifest.files}
    for member in members:
        file = wanted.pop(member.name, None)
        content = tar.extractfile(member) if member.isreg() else None
        if file is None or content is None or not _is_inside(file.name):
            raise Permanent(f"it holds {member.name!r}, which its manifest does not name")
        digest = hashlib.sha256()
        target = None if into is None else _create(into / file.name)
        try:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                if target is not None:
                    target.write(chunk)
        finally:
            if target is not None:
                target.close()
        if member.size != file.size or digest.hexdigest() != file.sha256:
            raise Permanent(f"{file.name} in it is damaged (its checksum differs)")
    if wanted:
        raise Permanent(f"{_listed(sorted(wanted))} is missing in it")


def _create(path: Path) -> IO[bytes]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    return path.open("wb")


def _is_inside(name: str) -> bool:
    pure = PurePosixPath(name)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _writable(target: Sink) -> Any:
    """gzip asks for nothing but `write`, and for `flush` only when it is flushed."""
    return target
