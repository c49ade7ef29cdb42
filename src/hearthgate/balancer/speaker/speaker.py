"""Announces this node's share of the addresses in the local network, and tells what became of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import structlog

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.election import Placement
from hearthgate.balancer.layer2.announcer import Announced, Counts
from hearthgate.balancer.layer2.conflicts import Conflict, Foreign
from hearthgate.balancer.speaker.concern import concerns
from hearthgate.balancer.speaker.hurry import unhurried
from hearthgate.balancer.speaker.layer2 import Placed, Placements, place
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.balancer.speaker.statuses import L2Statuses, announced_by
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.resources.core import Namespace, Node, Pod, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import BGPAdvertisement, IPAddressPool, L2Advertisement, ServiceL2Status

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (
    BGPAdvertisement,
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
COUNTS: Final = tuple(
    Metric(name, "counter", ("ip",), help_)
    for name, help_ in (
        ("metallb_layer2_requests_received", "Questions for the address."),
        ("metallb_layer2_responses_sent", "Answers to questions for the address."),
        ("metallb_layer2_gratuitous_sent", "Announcements of the address that nobody had asked for."),
        ("hearthgate_layer2_conflicts_total", "Claims of other machines to the address while it is announced."),
    )
)


class Announces(Protocol):
    """What is used of the Announcer."""

    @property
    def missing(self) -> str: ...
    @property
    def state(self) -> Mapping[Address, Announced]: ...
    @property
    def counts(self) -> Mapping[Address, Counts]: ...

    def announce(self, address: Address, *, interfaces: frozenset[str] | None) -> None: ...
    def keep_only(self, addresses: Iterable[Address], *, in_reach: Iterable[Address] = ()) -> None: ...
    def repeat(self, address: Address) -> None: ...
    async def probe(self, address: Address, interfaces: frozenset[str] | None) -> Foreign | None: ...


class Speaker:
    """node: our name. alive: nodes that can announce, as heartbeats have it. namespace: where ServiceL2Status
    objects are written. beside: samples of metallb_speaker_announced for what is announced otherwise."""

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
        placement: Placement = Placement.BALANCED,
        beside: Callable[[], Iterable[tuple[Labels, float]]] = lambda: (),
    ) -> None:
        self._node = node
        self._events = events
        self._announcer = announcer
        self._alive = alive
        self._lb_class = lb_class
        self._placement = placement
        self._beside = beside
        self._snapshot = Snapshot()
        self._seen: tuple[frozenset[str], Snapshot] | None = None
        self._living: frozenset[str] = frozenset()
        self._written: object = None
        self._placed: Mapping[Address, Placed] = {}
        self._mine: dict[Address, Placed] = {}
        self._free: set[Address] = set()
        """Addresses that no foreign machine has: by a probe of ours, or of the node that announces them. So they
        need none when that node is gone: they are announced at once."""
        self._probes: WorkQueue[Address] = WorkQueue(first=1.0, most=60.0)
        self._statuses = L2Statuses(node, client, namespace=namespace, announced=self._announced)
        self._told: dict[tuple[Key, Address], str] = {}

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probes.work(self._probe, workers=16))
            group.create_task(self._statuses.run())
            group.create_task(self._statuses.clean())
            async for snapshot in unhurried(snapshots):
                self._snapshot = snapshot
                self.look()

    def look(self) -> None:
        """Decides anew, if anything that counts is another than before: to be called when `alive` has changed."""
        alive = self._alive()
        seen, self._seen = self._seen, (alive, self._snapshot)
        written = self._snapshot.collection(ServiceL2Status)
        if seen is None or seen[0] != alive or concerns(seen[1], self._snapshot, KINDS[:-1]):
            self._decide(alive)
        elif written is self._written:
            return
        self._written = written
        self._vouch()

    def contested(self, conflict: Conflict) -> None:
        """Another machine claims an address while this node announces it: both go on, and its owners are told."""
        placed = self._mine.get(conflict.address)
        who = f"{conflict.foreign.mac} on {conflict.foreign.interface} claims it too"
        way_out = "give that machine another address, or take this one out of the pool"
        for key in placed.services if placed is not None else ():
            message = f"{conflict.address} is announced by node {self._node}, but {who}: {way_out}"
            self._say(key, conflict.address, "AddressInUse", message)

    def _decide(self, alive: frozenset[str]) -> None:
        nodes = nodes_of(self._snapshot, alive)
        placements = place(self._snapshot, nodes, lb_class=self._lb_class, placement=self._placement)
        placed, before = placements.placed, self._mine
        self._placed = placed
        self._mine = {address: one for address, one in placed.items() if one.node == self._node}
        self._free &= placed.keys()
        in_reach = {address for address, one in placed.items() if self._node in one.candidates}
        self._announcer.keep_only(self._free & self._mine.keys(), in_reach=in_reach)
        lost = before.keys() - self._mine.keys()
        self._told = {told: words for told, words in self._told.items() if told[1] not in lost}
        for address, one in self._mine.items():
            if address not in self._free:
                self._probes.add(address)
                continue
            self._announce(one)
            if address in before and alive != self._living:
                self._announcer.repeat(address)  # nodes that met may both have told the network before
        self._living = alive
        self._tell(placements)
        if before != self._mine:
            touched = (*before.values(), *self._mine.values())
            self._statuses.changed({key for one in touched for key in one.services})

    def _vouch(self) -> None:
        """Takes note of what others announce, and puts right what is written about it."""
        written = announced_by(self._snapshot)
        self._free |= {
            address
            for address, one in self._placed.items()
            if one.node != self._node and any((key, one.node) in written for key in one.services)
        }
        self._statuses.put_right(self._snapshot, self._placed)

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        announced = self._announcer.state
        values: list[tuple[Labels, float]] = [
            (("/".join(key), "layer2", self._node, str(address)), 1.0)
            for address, placed in self._mine.items()
            if address in announced and announced[address].interfaces
            for key in placed.services
        ]
        yield from family(ANNOUNCED, sorted((*values, *self._beside())))
        counts = self._announcer.counts
        for place_, metric in enumerate(COUNTS):
            yield from family(metric, [((str(address),), float(one[place_])) for address, one in counts.items()])

    async def _probe(self, address: Address) -> None:
        """Announces an address unless somebody else has it: what DHCP gave away must not be taken."""
        placed = self._mine.get(address)
        if placed is None or address in self._free:
            return
        foreign = None if self._announcer.missing else await self._announcer.probe(address, placed.interfaces)
        if self._mine.get(address) != placed:
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
        self._announce(placed)
        self._statuses.changed(placed.services)

    def _announce(self, placed: Placed) -> None:
        address = placed.address
        self._announcer.announce(address, interfaces=placed.interfaces)
        state = self._announcer.state.get(address)
        trouble = self._announcer.missing or (state.trouble if state is not None else "")
        for key in placed.services:
            if trouble:
                self._say(key, address, "NotAnnounced", f"{address} is not announced: {trouble}")
            else:
                message = f"{address} is announced by node {self._node}"
                self._say(key, address, "nodeAssigned", message, kind="Normal")

    def _announced(self, key: Key) -> Placed | None:
        """One of our addresses of a Service; None unless all of them are announced, so that what is written about
        the Service holds for each."""
        ours = [one for one in self._mine.values() if key in one.services]
        return ours[0] if ours and all(one.address in self._free for one in ours) else None

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
