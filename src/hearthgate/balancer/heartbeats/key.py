"""The key that all members share: a Secret, made by whoever comes first. Kept on disk, so that a node starts while
the API is away.
"""

import base64
import contextlib
import secrets
from pathlib import Path
from typing import Final

from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists, NotFound
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Namespace, Secret
from hearthgate.resources.registry import BY_TYPE

NAME: Final = "hearthgate-members"
FIELD: Final = "key"
SHORTEST: Final = 16
"""Bytes."""
_MADE: Final = 32
_SECRET: Final = BY_TYPE[Secret]
_NAMESPACE: Final = BY_TYPE[Namespace]


def read_key(path: Path) -> SecretBytes:
    """Of a file, without the end of its line. Raises Permanent."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise Permanent(f"loadBalancer.heartbeat.keyFile {path}: {error.strerror}") from error
    if len(key) < SHORTEST:
        message = f"has less than {SHORTEST} bytes (make one with: openssl rand -base64 32)"
        raise Permanent(f"loadBalancer.heartbeat.keyFile {path}: {message}")
    return SecretBytes(key)


async def shared_key(client: Client, namespace: str, kept: Path | None) -> SecretBytes:
    """Of the API. While that is away, the one that is `kept` from an earlier time. Raises Transient when there is
    none yet, and Permanent when the Secret is no key or may not be read."""
    try:
        key = await _of_api(client, namespace)
    except Transient:
        if kept is None or (old := _kept(kept)) is None:
            raise
        return old
    if kept is None:
        return SecretBytes(key)
    with contextlib.suppress(OSError):  # a full disk: it only matters while the API is away
        write_atomically(kept, key, mode=0o600)
    return SecretBytes(key)


def _kept(path: Path) -> SecretBytes | None:
    try:
        return SecretBytes(path.read_bytes())
    except OSError:
        return None


async def _of_api(client: Client, namespace: str) -> bytes:
    try:
        found = await client.get(_SECRET, namespace, NAME)
    except NotFound:
        found = await _make(client, namespace)
    try:
        key = base64.b64decode(found["data"][FIELD], validate=True)
    except (KeyError, TypeError, ValueError):
        key = b""
    if len(key) < SHORTEST:
        raise Permanent(
            f"Secret {namespace}/{NAME}: data.{FIELD} is no key of at least {SHORTEST} bytes: "
            "delete the Secret, and the next start of a speaker makes another"
        )
    return key


async def _make(client: Client, namespace: str) -> dict[str, object]:
    value = base64.b64encode(secrets.token_bytes(_MADE)).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace},
        "type": "Opaque",
        "data": {FIELD: value},
    }
    with contextlib.suppress(AlreadyExists):
        await client.create(_NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with contextlib.suppress(AlreadyExists):
        return await client.create(_SECRET, content)
    return await client.get(_SECRET, namespace, NAME)
