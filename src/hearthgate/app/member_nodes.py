"""Says of the other boxes' nodes whether their speakers live, as a cluster's node controller does of kubelets.

A speaker shows its node by itself, and one that crashed cannot take that back: whoever hears its heartbeats does.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import structlog

from hearthgate.app.box.node import rfc3339
from hearthgate.balancer.speaker.nodes import MANAGED_BY, OURS
from hearthgate.cluster.client import Client
from hearthgate.cluster.hub import Hub
from hearthgate.model.errors import HearthgateError
from hearthgate.resources.core import Node
from hearthgate.resources.meta import Condition
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

GRACE: Final = 10.0
"""Seconds of silence until it is told. Addresses move in less than one; a restart need not be told."""
LOOK: Final = 2.0
"""Seconds between two looks."""
UNKNOWN: Final = "NodeStatusUnknown"
"""Upstream's word for a node that is not heard of."""


class MemberNodes:
    """own: this machine's name. alive: the names of nodes whose heartbeats are heard."""

    def __init__(self, client: Client, hub: Hub, own: str, *, alive: Callable[[], frozenset[str]]) -> None:
        self._client = client
        self._hub = hub
        self._own = own
        self._alive = alive
        self._silent: dict[str, float] = {}
        """Since when nodes are not heard, monotonic."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            for name, heard in tuple(self._untold()):
                try:
                    await self._tell(name, heard=heard)
                except HearthgateError as error:
                    log.debug("a node's state could not be told", node=name, error=str(error))

    def _untold(self) -> Iterator[tuple[str, bool]]:
        """Nodes of which the API says something else than what is heard, and whether they are heard."""
        snapshot, alive, now = self._hub.snapshot, self._alive(), time.monotonic()
        for node in snapshot.all(Node) if snapshot is not None else ():
            name, ready = node.metadata.name, _ready(node)
            if name == self._own or ready is None or node.metadata.labels.get(MANAGED_BY) != OURS:
                continue
            if name in alive:
                self._silent.pop(name, None)
                if ready.reason == UNKNOWN:
                    yield name, True
            elif now - self._silent.setdefault(name, now) >= GRACE and ready.status == "True":
                yield name, False

    async def _tell(self, name: str, *, heard: bool) -> None:
        now = rfc3339(datetime.now(UTC))
        condition = {
            "type": "Ready",
            "status": "True" if heard else "Unknown",
            "reason": "HearthgateReady" if heard else UNKNOWN,
            "message": "hearthgate is running" if heard else "no heartbeat of its hearthgate speaker is heard",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        await self._client.patch_status(BY_TYPE[Node], "", name, {"status": {"conditions": [condition]}})
        log.info("a node is heard again" if heard else "a node is not heard any more", node=name)


def _ready(node: Node) -> Condition | None:
    conditions = node.status.conditions if node.status is not None else ()
    return next((one for one in conditions if one.type == "Ready"), None)
