"""The embedded API in this process, with reconcilers at work on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hearthgate.apiserver.server import ApiServer
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import from_files
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.reconcile import Reconciler, Reconcilers
from hearthgate.cluster.status import now_utc
from hearthgate.resources.core import Event, Namespace
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

R = TypeVar("R", bound=Resource)


class Stage:
    """tools: what reconcilers are made with."""

    def __init__(self, server: ApiServer, client: Client, tools: Tools) -> None:
        self.server = server
        self.client = client
        self.tools = tools

    @contextlib.asynccontextmanager
    async def running(
        self, reconcilers: Sequence[Reconciler], kinds: Iterable[type[Resource]] = ()
    ) -> AsyncIterator[Hub]:
        """The reconcilers at work; `kinds` are read beside their own. An error of theirs fails the test."""
        read = dict.fromkeys((*(reconciler.kind for reconciler in reconcilers), *kinds))
        hub = Hub(self.client, [BY_TYPE[kind] for kind in read])

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(hub.run()),
                group.create_task(Reconcilers(reconcilers, kinds).run(hub.snapshots())),
                group.create_task(self.tools.events.run()),
            ]
            yield hub
            for task in tasks:
                task.cancel()

    async def create(self, kind: type[Resource], content: Mapping[str, Any]) -> None:
        whole = {"apiVersion": BY_TYPE[kind].api_version, "kind": BY_TYPE[kind].kind, **content}
        await self.client.create(BY_TYPE[kind], whole)

    async def create_namespace(self, name: str) -> None:
        await self.create(Namespace, {"metadata": {"name": name}})

    async def events_of(self, name: str) -> list[str]:
        """`reason: message` of all Events about objects of this name."""
        page = await self.client.list_page(BY_TYPE[Event])
        found = [msgspec.json.decode(raw, type=Event) for raw in page.items]
        return [f"{event.reason}: {event.message}" for event in found if event.involved_object.name == name]

    async def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The object as typed, read from the API; None when there is none."""
        try:
            found = await self.client.get(BY_TYPE[kind], namespace, name)
        except NotFound:
            return None
        decoded = decode_mapping(found)
        assert isinstance(decoded.resource, kind), decoded
        return decoded.resource

    async def all(self, kind: type[R]) -> list[R]:
        """All objects of a kind, as typed, read from the API."""
        page = await self.client.list_page(BY_TYPE[kind])
        found = []
        for raw in page.items:
            decoded = decode_mapping({**msgspec.json.decode(raw), **_type_of(kind)}).resource
            assert isinstance(decoded, kind), decoded
            found.append(decoded)
        return found


def _type_of(kind: type[Resource]) -> dict[str, str]:
    return {"apiVersion": BY_TYPE[kind].api_version, "kind": BY_TYPE[kind].kind}


@contextlib.asynccontextmanager
async def stage(
    state: Path,
    settings: CertificateSettings | None = None,
    *,
    namespaces: Iterable[str] = (),
    now: Callable[[], datetime] = now_utc,
) -> AsyncIterator[Stage]:
    """An API with these namespaces beside `default`."""
    server = ApiServer(state=state, port=0)
    await server.start()
    try:
        async with Client(from_files([server.kubeconfig])) as client:
            tools = Tools(client, EventWriter(client), settings or CertificateSettings(), now)
            played = Stage(server, client, tools)
            for name in namespaces:
                await played.create_namespace(name)
            yield played
    finally:
        await server.stop()
