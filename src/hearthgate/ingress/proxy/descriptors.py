"""The protobuf schema of the installed Envoy, cut out of its binary and kept in a cache file.

C++ protobuf links every file's serialised FileDescriptorProto into the executable. They are found by their
first field (the file's name ends in `.proto`) and run until a field that no descriptor has. The search takes
half a second, so its result is kept, once per Envoy binary.
"""

import mmap
import os
import re
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

import structlog
from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from hearthgate.ingress.envoy.schema import SchemaError, load_schema
from hearthgate.ingress.proxy.binary import envoy_path, envoy_version

log = structlog.get_logger(__name__)

_START: Final = re.compile(rb"\x0a([\x09-\x7f])([A-Za-z0-9_./+-]{3,121}\.proto)")
_VARINT, _LENGTH = 0, 2
_WIRE_TYPES: Final = {
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15), (_LENGTH,)),
    **dict.fromkeys((10, 11), (_VARINT, _LENGTH)),  # indexes of dependencies, single or packed
    14: (_VARINT,),
}
_SYNTAX: Final = 12
_MAX_FILE: Final = 2_000_000
_DIGEST: Final = 32
_loaded: list[Path] = []


def ensure_schema(cache: Path | None = None) -> None:
    """Loads the installed Envoy's schema into `ingress.envoy.schema`. Idempotent and safe between processes.

    cache: the folder of the cache file, default `hearthgate` in the XDG cache folder. A file that is missing
    or damaged is made again; a folder that cannot be written costs only time. Raises SchemaError, Permanent.
    """
    binary = envoy_path()
    if binary in _loaded:
        return
    state = binary.stat()
    name = f"envoy-{envoy_version()}-{state.st_size:x}-{state.st_mtime_ns:x}.descriptors"
    file = (cache or _default_cache()) / name
    if (data := _read(file)) is None:
        data = extract_descriptors(binary)
        _write(file, data)
    load_schema(data)
    _loaded.append(binary)


def extract_descriptors(binary: Path) -> bytes:
    """The serialised FileDescriptorSet of every .proto file linked into `binary`, imports first. SchemaError."""
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for candidate in _candidates(data):
            known = found.get(candidate.name)
            if known is None or known.ByteSize() < candidate.ByteSize():
                found[candidate.name] = candidate
    result = descriptor_pb2.FileDescriptorSet()
    placed: set[str] = set()

    def place(name: str, wanted_by: str) -> None:
        if name in placed:
            return
        if name not in found:
            raise SchemaError(f"{binary}: no descriptor of {name}, which {wanted_by} imports")
        placed.add(name)
        for dependency in found[name].dependency:
            place(dependency, name)
        result.file.append(found[name])

    for name in sorted(found):
        place(name, "")
    if not placed:
        raise SchemaError(f"{binary}: holds no protobuf descriptors; is this an Envoy binary?")
    return result.SerializeToString(deterministic=True)


def _candidates(data: mmap.mmap) -> Iterator[descriptor_pb2.FileDescriptorProto]:
    for match in _START.finditer(data):
        start, length = match.start(), match[1][0]
        name = data[start + 2 : start + 2 + length]
        if not name.endswith(b".proto"):
            continue
        end = _end_of_descriptor(data, start, min(len(data), start + _MAX_FILE))
        try:
            file = descriptor_pb2.FileDescriptorProto.FromString(data[start:end])
        except DecodeError:
            continue
        if file.name.encode() == name and (
            file.message_type or file.enum_type or file.service or file.extension or file.dependency
        ):
            yield file


def _end_of_descriptor(data: mmap.mmap, start: int, limit: int) -> int:
    """Where the run of fields that a FileDescriptorProto may have ends."""
    position = start
    while position < limit:
        tag, after = _varint(data, position, limit)
        field, wire_type = tag >> 3, tag & 7
        if wire_type not in _WIRE_TYPES.get(field, ()):
            break
        value, after = _varint(data, after, limit)
        if wire_type == _LENGTH:
            after += value
        if after > limit:
            break
        position = after
        if field == _SYNTAX:  # the last field of a proto3 file
            break
    return position


def _varint(data: mmap.mmap, position: int, limit: int) -> tuple[int, int]:
    value = shift = 0
    while position < limit and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, limit + 1


def _default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root.startswith("/") else Path.home() / ".cache") / "hearthgate"


def _read(file: Path) -> bytes | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    if blake2b(data, digest_size=_DIGEST).digest() == digest:
        return data
    log.warning("descriptor cache is damaged, making it again", file=str(file))
    return None


def _write(file: Path, data: bytes) -> None:
    temporary = ""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".descriptors-")
        with os.fdopen(handle, "wb") as out:
            out.write(blake2b(data, digest_size=_DIGEST).digest() + data)
        Path(temporary).replace(file)
    except OSError as error:
        log.info("descriptor cache cannot be written, next start takes longer", file=str(file), error=str(error))
        if temporary:
            Path(temporary).unlink(missing_ok=True)
