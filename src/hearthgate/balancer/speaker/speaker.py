"""Announces this node's share of the addresses in the local network, and tells what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import structlog

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.layer2.announcer import Announced, Counts
from hearthgate.balancer.layer2.conflicts import Foreign
from hearthgate.balancer.speaker.concern import concerns
from hearthgate.balancer.speaker.layer2 import Placed, Placements, place
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists, NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.resources.core import Namespace, Node, Pod, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import IPAddressPool, L2Advertisement, ServiceL2Status
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (
    EndpointSlice,
    IPAddressPool,
    L2Advertisement,
    Namespace,
    Node,
    Pod,
    Service,
    ServiceL2Status,
)
"""What announcements are decided from, and where they are told."""
PROBE_AGAIN: Final = 60.0
"""Seconds until an address that somebody else has is tried again."""
ANNOUNCED: Final = Metric(
    "metallb_speaker_announced",
    "gauge",
    ("service", "protocol", "node", "ip"),
    "1 for each address that this node announces for a Service.",
)
_COUNTS: Final = tuple(
    Metric(f"metallb_layer2_{name}", "counter", ("ip",), help_)
    for name, help_ in (
        ("requests_received", "Questions for the address."),
        ("responses_sent", "Answers to questions for the address."),
        ("gratuitous_sent", "Announcements of the address that nobody had asked for."),
    )
)
_STATUS: Final = BY_TYPE[ServiceL2Status]


class Announces(Protocol):
    """What is used of the Announcer."""

    @property
    def missing(self) -> str: ...
    @property
    def state(self) -> Mapping[Address, Announced]: ...
    @property
    def counts(self) -> Mapping[Address, Counts]: ...

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None: ...
    def keep_only(self, addresses: Iterable[Address]) -> None: ...
    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None: ...


class Speaker:
    """node: our name. alive: nodes that can announce, as heartbeats have it. namespace: where ServiceL2Status
    objects are written."""

    def __init__(
        self,
        node: str,
        client: Client,
        events: EventWriter,
        announcer: Announces,
        *,
        alive: Callable[[], frozenset[str]],
        namespace: str,
        lb_class: str = "",
    ) -> None:
        self._node = node
        self._client = client
        self._events = events
        self._announcer = announcer
        self._alive = alive
        self._namespace = namespace
        self._lb_class = lb_class
        self._snapshot = Snapshot()
        self._seen: tuple[frozenset[str], Snapshot] | None = None
        self._mine: dict[Address, Placed] = {}
        self._free: set[Address] = set()
        """Addresses of ours that nobody else has, by a probe."""
        self._probes: WorkQueue[Address] = WorkQueue(first=1.0, most=60.0)
        self._statuses: WorkQueue[Key] = WorkQueue(first=0.2, most=60.0)
        self._told: dict[tuple[Key, Address], str] = {}

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probes.work(self._probe, workers=16))
            group.create_task(self._statuses.work(self._write, workers=2))
            async for snapshot in snapshots:
                self._snapshot = snapshot
                self.look()

    def look(self) -> None:
        """Decides anew, if anything that counts is another than before: to be called when `alive` has changed."""
        alive = self._alive()
        seen, self._seen = self._seen, (alive, self._snapshot)
        if seen is not None and seen[0] == alive and not concerns(seen[1], self._snapshot, KINDS[:-1]):
            return
        placements = place(self._snapshot, nodes_of(self._snapshot, alive), lb_class=self._lb_class)
        before = self._mine
        self._mine = {address: one for address, one in placements.placed.items() if one.node == self._node}
        self._free &= self._mine.keys()
        self._announcer.keep_only(self._free)
        for address, placed in self._mine.items():
            if address in self._free:
                self._announcer.announce(address, interfaces=placed.interfaces)
            else:
                self._probes.add(address)
        self._tell(placements)
        touched = {key for one in (*before.values(), *self._mine.values()) for key in one.services}
        for key in touched:
            self._statuses.add(key)

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        announced = self._announcer.state
        values: list[tuple[Labels, float]] = [
            (("/".join(key), "layer2", self._node, str(address)), 1.0)
            for address, placed in self._mine.items()
            if address in announced and announced[address].interfaces
            for key in placed.services
        ]
        yield from family(ANNOUNCED, sorted(values))
        counts = self._announcer.counts
        for place_, metric in enumerate(_COUNTS):
            yield from family(metric, [((str(address),), float(one[place_])) for address, one in counts.items()])

    async def _probe(self, address: Address) -> None:
        """Announces an address unless somebody else has it: what DHCP gave away must not be taken."""
        placed = self._mine.get(address)
        if placed is None or address in self._free:
            return
        foreign = None if self._announcer.missing else await self._announcer.probe(address, placed.interfaces)
        if self._mine.get(address) is not placed:
            self._probes.add(address)
            return
        if foreign is not None:
            for key in placed.services:
                who = f"{foreign.mac} on {foreign.interface} has it already"
                way_out = "take it out of the pool, or the pool out of the range of your DHCP server"
                self._say(key, address, "AddressInUse", f"{address} is not announced: {who}: {way_out}")
            self._probes.add_after(address, PROBE_AGAIN)
            return
        self._free.add(address)
        self._announcer.announce(address, interfaces=placed.interfaces)
        trouble = self._announcer.missing or self._announcer.state[address].trouble
        for key in placed.services:
            if trouble:
                self._say(key, address, "NotAnnounced", f"{address} is not announced: {trouble}")
            else:
                message = f"{address} is announced by node {self._node}"
                self._say(key, address, "nodeAssigned", message, kind="Normal")
            self._statuses.add(key)

    def _tell(self, placements: Placements) -> None:
        for silence in placements.silences:
            message = f"{silence.address} is not announced: {silence.message}"
            self._say(silence.service, silence.address, "NotAnnounced", message)
        present = {(key, address) for address, one in placements.placed.items() for key in one.services}
        present |= {(silence.service, silence.address) for silence in placements.silences}
        for gone in self._told.keys() - present:
            del self._told[gone]

    def _say(self, key: Key, address: Address, reason: str, message: str, *, kind: Any = "Warning") -> None:
        """Once, until something else is to be said."""
        service = self._snapshot.get(Service, *key)
        if service is None or self._told.get((key, address)) == message:
            return
        self._told[key, address] = message
        self._events.emit(service, reason, message, type=kind)
        log.info("announcement", service="/".join(key), reason=reason, address=str(address))

    async def _write(self, key: Key) -> None:
        """The ServiceL2Status of a Service that we announce; none of one that we do not."""
        name = f"l2-{sha256(f'{self._node}/{key[0]}/{key[1]}'.encode()).hexdigest()[:10]}"
        placed = next(
            (one for address, one in self._mine.items() if key in one.services and address in self._free), None
        )
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
