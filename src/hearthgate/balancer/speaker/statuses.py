"""ServiceL2Status objects: who announces a Service in the local network, and the end of what is no longer so."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Final

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.speaker.layer2 import Placed
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists, NotFound
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.metallb import ServiceL2Status
from hearthgate.resources.registry import BY_TYPE

_STATUS: Final = BY_TYPE[ServiceL2Status]


class L2Statuses:
    """node: ours. announced: by Service, one of the addresses that we announce for it."""

    def __init__(
        self, node: str, client: Client, *, namespace: str, announced: Callable[[Key], Placed | None]
    ) -> None:
        self._node = node
        self._client = client
        self._namespace = namespace
        self._announced = announced
        self._changed: WorkQueue[Key] = WorkQueue(first=0.2, most=60.0)
        self._left: WorkQueue[Key] = WorkQueue(first=0.2, most=60.0)

    async def run(self) -> None:
        await self._changed.work(self._write, workers=2)

    async def clean(self) -> None:
        await self._left.work(self._remove)

    def changed(self, services: Iterable[Key]) -> None:
        for key in services:
            self._changed.add(key)

    def put_right(self, snapshot: Snapshot, placed: Mapping[Address, Placed]) -> None:
        """Writes ours where somebody has removed it, and removes what nodes have left behind that do not announce
        a Service of ours any more: the dead cannot."""
        announced = {(key, one.node) for one in placed.values() for key in one.services}
        ours = {key for key, node in announced if node == self._node}
        written = announced_by(snapshot)
        self.changed(key for key in ours if (key, self._node) not in written and self._announced(key))
        for status in snapshot.all(ServiceL2Status):
            said = _said(status)
            if said is not None and said[0] in ours and said not in announced:
                self._left.add(status.key)

    async def _write(self, key: Key) -> None:
        """That of a Service which we announce; none of one that we do not."""
        name = f"l2-{sha256(f'{self._node}/{key[0]}/{key[1]}'.encode()).hexdigest()[:10]}"
        placed = self._announced(key)
        if placed is None:
            with contextlib.suppress(NotFound):
                await self._client.delete(_STATUS, self._namespace, name)
            return
        labels = {
            "metallb.io/node": self._node,
            "metallb.io/service-name": key[1],
            "metallb.io/service-namespace": key[0],
        }
        metadata = {"name": name, "namespace": self._namespace, "labels": labels}
        content = {"apiVersion": _STATUS.api_version, "kind": _STATUS.kind, "metadata": metadata}
        with contextlib.suppress(AlreadyExists):
            await self._client.create(_STATUS, content)
        interfaces = [{"name": one} for one in sorted(placed.interfaces)] if placed.interfaces else None
        status = {"node": self._node, "serviceName": key[1], "serviceNamespace": key[0], "interfaces": interfaces}
        await self._client.patch_status(_STATUS, self._namespace, name, {"status": status})

    async def _remove(self, key: Key) -> None:
        with contextlib.suppress(NotFound):
            await self._client.delete(_STATUS, *key)


def announced_by(snapshot: Snapshot) -> frozenset[tuple[Key, str]]:
    """Services, each with a node that has announced it, by what it wrote."""
    return frozenset(said for status in snapshot.all(ServiceL2Status) if (said := _said(status)) is not None)


def _said(status: ServiceL2Status) -> tuple[Key, str] | None:
    one = status.status
    return None if one is None else ((one.service_namespace, one.service_name), one.node)
