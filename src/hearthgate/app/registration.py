"""Shows the node of a speaker in the embedded API of another box: `kubectl get nodes` lists it, and the other
members find it there. A cluster's nodes are shown by their kubelets.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

import structlog

from hearthgate.app.box.facts import read_facts
from hearthgate.app.box.node import HEARTBEAT, LEASE_NAMESPACE, Facts, lease, node, node_status, rfc3339
from hearthgate.balancer.layer2.netlink import interfaces
from hearthgate.balancer.settings import LoadBalancerSettings, members_of
from hearthgate.balancer.speaker.nodes import is_without_cluster
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import HearthgateError, Transient
from hearthgate.resources import core
from hearthgate.resources.registry import BY_API_VERSION, BY_TYPE

log = structlog.get_logger(__name__)

MANAGER: Final = "hearthgate-speaker"
"""The field manager: the box that runs the API removes nodes of its own manager that are not itself."""
AGAIN: Final = 10.0
"""Seconds until what failed is tried again."""
_CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
_NODE: Final = BY_TYPE[core.Node]
_NAMESPACE: Final = BY_TYPE[core.Namespace]
_NAMESPACE_HEAD: Final = {"apiVersion": "v1", "kind": "Namespace"}
_LEASE: Final = BY_API_VERSION["coordination.k8s.io/v1", "Lease"]


class Registration:
    """name: of the node."""

    def __init__(self, client: Client, hub: Hub, name: str, settings: LoadBalancerSettings) -> None:
        self._client = client
        self._hub = hub
        self._name = name
        self._settings = settings
        self._is_shown = False

    async def run(self) -> None:
        """Until cancelled; returns at once where a cluster shows its own nodes."""
        async for snapshot in self._hub.snapshots():
            if not is_without_cluster(snapshot) or _is_box_of_api(snapshot, self._name):
                return
            break
        trouble = ""
        while True:
            pause = HEARTBEAT.total_seconds()
            try:
                await self._show()
                self._is_shown, trouble = True, ""
            except HearthgateError as error:
                if str(error) != trouble and not isinstance(error, Transient):
                    log.warning("this node cannot be shown in the API", error=str(error))
                trouble, pause = str(error), AGAIN
            await asyncio.sleep(pause)

    async def finish(self) -> None:
        """Says that the node announces nothing any more, if the API is there to hear it."""
        if not self._is_shown:
            return
        with contextlib.suppress(HearthgateError):
            held = (await self._client.get(_NODE, "", self._name)).get("status") or {}
            now = rfc3339(datetime.now(UTC))
            ended = {
                "type": "Ready",
                "status": "False",
                "reason": "SpeakerStopped",
                "message": "hearthgate speaker has ended",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
            await self._client.patch_status(_NODE, "", self._name, {"status": {**held, "conditions": [ended]}})

    async def _show(self) -> None:
        facts = read_facts()._replace(host=self._name)
        facts = facts._replace(addresses=self._addresses(facts))
        content = node(facts)
        del content["metadata"]["labels"][_CONTROL_PLANE]
        shown: dict[str, Any] = await self._client.apply(_NODE, content, manager=MANAGER)
        before = shown.get("status") or {}
        if any(one.get("status") != "True" for one in before.get("conditions") or ()):
            before = {}  # an earlier run has ended
        status = node_status(facts, before, datetime.now(UTC))
        await self._client.patch_status(_NODE, "", self._name, {"status": status})
        with contextlib.suppress(AlreadyExists):
            await self._client.create(_NAMESPACE, {**_NAMESPACE_HEAD, "metadata": {"name": LEASE_NAMESPACE}})
        await self._client.apply(_LEASE, lease(facts, shown["metadata"]["uid"], status), manager=MANAGER)

    def _addresses(self, facts: Facts) -> tuple[str, ...]:
        """Where the others find us: what the settings say, else where we speak from, else, without a way out of
        the network, what our interfaces have."""
        known = members_of(self._settings).get(self._name)
        if known is not None:
            return (known.host,)
        spoken = tuple(one for one in facts.addresses if not ip_address(one).is_loopback)
        if spoken:
            return spoken
        here = interfaces()
        fit = {link.number for link in here.links if not link.unfit}
        found = sorted(one.address for one in here.addresses if one.number in fit and one.address.version == 4)
        return tuple(map(str, found)) or facts.addresses


def _is_box_of_api(snapshot: Snapshot, name: str) -> bool:
    """Its own program shows it."""
    return any(
        one.metadata.name == name and _CONTROL_PLANE in one.metadata.labels for one in snapshot.all(core.Node)
    )
