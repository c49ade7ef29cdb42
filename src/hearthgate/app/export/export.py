"""Reads everything from the API of a state folder, from the running one or from one started for the moment."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from hearthgate.apiserver.server import ApiServer
from hearthgate.apiserver.store.lock import InUse
from hearthgate.app.export.discovery import served_kinds
from hearthgate.app.export.portable import Object, is_made_kind
from hearthgate.app.export.selection import Export, Wish, chosen_kinds, select
from hearthgate.app.export.text import to_yaml
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.errors import Expired, Unreachable
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.resources.kinds import Kind

_TRIES = 3


async def read_export(state: Path, wish: Wish) -> Export:
    """Raises HearthgateError, for instance when the folder holds no state."""
    if not (state / "state.db").exists():
        raise Permanent(f"state folder {state} holds no state (choose another with --state)")
    async with _api(state) as client:
        kinds = await served_kinds(client)
        chosen = chosen_kinds(kinds, wish)
        services = [kind for kind in kinds if kind.resource == "services"]
        read = [kind for kind in dict.fromkeys((*chosen, *services)) if not is_made_kind(kind.group, kind.kind)]
        objects = [obj for kind in read for obj in await _objects(client, kind)]
    return select(objects, wish, chosen)


def manifests(found: Export) -> str:
    """One YAML text, the same for the same objects."""
    head = ["# Exported by Hearthgate, for `kubectl apply --server-side -f`.\n"]
    if found.undefined:
        head.append(f"# The cluster must know these kinds before: {', '.join(found.undefined)}.\n")
    if any(obj["kind"] == "CustomResourceDefinition" for obj in found.objects):
        head.append("# Apply it a second time if kubectl finds no match for a kind that is defined in here.\n")
    if found.secrets:
        head.append(f"# Left out without --include-secrets: Secrets {', '.join(found.secrets)}.\n")
    return "".join([*head, *(f"---\n{to_yaml(obj)}" for obj in found.objects)])


def write_private(path: Path, text: str) -> None:
    """Replaces `path` with a file for its owner alone. Raises Permanent."""
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise Permanent(f"{path}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def _api(state: Path) -> AsyncIterator[Client]:
    server = ApiServer(state=state, port=0)
    try:
        await server.start()
    except InUse as in_use:
        try:
            async with Client(from_files([state / "kubeconfig"])) as client:
                yield client
        except Unreachable as error:
            raise Permanent(f"{in_use}, and its API does not answer ({error})") from error
        return
    try:
        async with Client(from_files([server.kubeconfig])) as client:
            yield client
    finally:
        await server.stop()


async def _objects(client: Client, kind: Kind) -> Sequence[Object]:
    """Every object of a kind, each page from the same moment."""
    for _ in range(_TRIES):
        objects: list[Object] = []
        token = ""
        with contextlib.suppress(Expired):
            while True:
                page = await client.list_page(kind, token=token)
                for raw in page.items:
                    obj = msgspec.json.decode(raw)
                    objects.append({"apiVersion": kind.api_version, "kind": kind.kind, **obj})
                if not (token := page.token):
                    return objects
    raise Permanent(f"{kind.resource}: the list changes faster than it can be read: try again")
