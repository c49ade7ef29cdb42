"""The last good snapshot on disk, so that a gateway started without its API server serves what it served before.

One JSON file, replaced atomically, readable by its owner only. Secrets go in only under a key, and then the whole
file is encrypted (AES-256-GCM, nonce first, the format's name as associated data). Without a key they stay out.
"""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hearthgate.cluster.cache import read_item
from hearthgate.cluster.snapshot import Collection, Key, RefusedObject, Snapshot
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Base64Secret, Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

_FORMAT: Final = 1
_PURPOSE: Final = b"hearthgate last good snapshot 1"
_NONCE: Final = 12


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """kinds: `resource` of the kind to its objects as JSON."""

    format: int = _FORMAT
    kinds: Mapping[str, tuple[msgspec.Raw, ...]] = {}
    refused: tuple[tuple[RefusedObject, tuple[Problem, ...]], ...] = ()
    warnings: tuple[Problem, ...] = ()


def _enc_hook(value: Any) -> str:
    if isinstance(value, Base64Secret):
        return base64.b64encode(value.reveal()).decode()
    if isinstance(value, SecretBytes):
        return value.reveal().decode()
    raise NotImplementedError(type(value))


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_enc_hook)


class LastGood:
    """One snapshot file. `key`: 32 bytes, or None to leave Secrets out."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        self._cipher = None if key is None else AESGCM(key)

    def save(self, snapshot: Snapshot) -> None:
        """Replaces the file; after a crash it holds either the old or the new snapshot. Raises Permanent."""
        content = self._encode(snapshot)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.path, content)
        except OSError as error:
            raise Permanent(f"{self.path}: {error.strerror}") from error

    def load(self) -> Snapshot | None:
        """The snapshot, or None when none was saved. Raises Permanent when the file cannot be used."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Permanent(f"{self.path}: {error.strerror}") from error
        if self._cipher is not None:
            try:
                content = self._cipher.decrypt(content[:_NONCE], content[_NONCE:], _PURPOSE)
            except (InvalidTag, ValueError) as error:
                raise Permanent(f"{self.path}: damaged, or encrypted with another key") from error
        try:
            stored = msgspec.json.decode(content, type=_Stored)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Permanent(f"{self.path}: not a snapshot, or one that needs its key") from error
        if stored.format != _FORMAT:
            raise Permanent(f"{self.path}: format {stored.format} is not known")
        return _restored(stored)

    def _encode(self, snapshot: Snapshot) -> bytes:
        kinds = {
            BY_TYPE[kind].resource: tuple(msgspec.Raw(_ENCODER.encode(found)) for found in snapshot.all(kind))
            for kind in snapshot.kinds
            if self._cipher is not None or kind is not Secret
        }
        refused = tuple((snapshot.refused_object(ref), found) for ref, found in sorted(snapshot.refused.items()))
        content = msgspec.json.encode(_Stored(kinds=kinds, refused=refused, warnings=snapshot.warnings))
        if self._cipher is None:
            return content
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, _PURPOSE)


def _restored(stored: _Stored) -> Snapshot:
    """An object that this version no longer accepts is left out; the API server will bring it with its reasons."""
    collections: dict[type[Resource], Collection] = {}
    for resource_type, kind in BY_TYPE.items():
        items = (read_item(kind, raw) for raw in stored.kinds.get(kind.resource, ()))
        objects: dict[Key, Resource] = {item.key: item.resource for item in items if item.resource is not None}
        if kind.resource in stored.kinds:
            collections[resource_type] = Collection(objects)
    return Snapshot(
        0,
        collections,
        {known.ref: problems for known, problems in stored.refused},
        stored.warnings,
        {known.ref: known for known, _ in stored.refused},
    )
