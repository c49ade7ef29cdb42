"""One node that announces addresses: alone, or as one of several that know by heartbeats who is alive."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Final, NamedTuple

import structlog

from hearthgate.app.datapath import DataPathPart
from hearthgate.app.settings import Settings, pod_namespace
from hearthgate.balancer.election import Placement
from hearthgate.balancer.heartbeats.service import Heartbeats
from hearthgate.balancer.layer2.announcer import Announcer
from hearthgate.balancer.layer2.box import BoxAnnouncer
from hearthgate.balancer.layer2.conflicts import Conflict
from hearthgate.balancer.settings import LoadBalancerSettings, Where, interval_of, members_of, read_where
from hearthgate.balancer.speaker.bgp import KINDS as BGP_KINDS
from hearthgate.balancer.speaker.bgp import BGPSpeaker
from hearthgate.balancer.speaker.nodes import is_without_cluster
from hearthgate.balancer.speaker.peers import peers_of
from hearthgate.balancer.speaker.speaker import KINDS as LAYER2_KINDS
from hearthgate.balancer.speaker.speaker import Speaker
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Transient
from hearthgate.model.problems import Problem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = tuple(dict.fromkeys((*LAYER2_KINDS, *BGP_KINDS)))
"""What announcements are decided from, and where they are told."""
KEY_AGAIN: Final = 2.0
"""Seconds between two tries to get the key."""

GetKey = Callable[[], Awaitable[SecretBytes]]
"""Raises Transient while it cannot be had."""


class Surroundings(NamedTuple):
    """What a speaker reads and writes. on_problems: told those of the resources of BGP whenever they change.
    on_path_problems: told those of leading connections on."""

    client: Client
    events: EventWriter
    hub: Hub
    on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None
    on_path_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None


class Speaking:
    """node: our name. key: of all members; None for a box alone."""

    def __init__(self, settings: Settings, node: str, around: Surroundings, *, key: GetKey | None) -> None:
        self._settings = settings.load_balancer
        self._namespace = pod_namespace(settings)
        self._node = node
        self._around = around
        self._key = key
        self._beats: Heartbeats | None = None
        self._announcer = Announcer(may_answer=self._may_answer, on_conflict=self._contested)
        self._box: BoxAnnouncer | None = None
        self._speaker: Speaker | None = None
        self._bgp: BGPSpeaker | None = None
        self._path = DataPathPart(settings, node, around.events, around.hub, on_problems=around.on_path_problems)

    async def run(self) -> None:
        """Until cancelled. Then nothing is answered any more, and the others are told so."""
        if self._key is None:
            announcing = self._prepare(alive=lambda: frozenset({self._node}), takes=True)
            await self._announcer.start()
            await announcing()
            return
        key = await self._get(self._key)
        takes = is_without_cluster(await self._first())
        beats = self._beats = _heartbeats(self._settings, self._node, key, self._peers, self._changed)
        announcing = self._prepare(alive=lambda: beats.alive, takes=takes)
        await self._announcer.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(announcing())
                group.create_task(beats.run(read_where(self._settings.heartbeat.address)))
        finally:
            await self._announcer.stop()

    @property
    def alive(self) -> frozenset[str]:
        """The names of the nodes whose heartbeats are heard, our own among them."""
        return self._beats.alive if self._beats is not None else frozenset({self._node})

    async def stop(self) -> None:
        """What is announced stays taken by the kernel, for the proxy serves on."""
        await self._announcer.stop()

    async def give_up(self) -> None:
        """Nothing stays taken, and nothing is led on."""
        await self._path.remove()
        if self._box is not None:
            self._box.take(())
            self._box.keep_only(())

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        if self._speaker is not None:
            yield from self._speaker.lines()
        if self._bgp is not None:
            yield from self._bgp.lines()
        yield from self._path.lines()

    def _prepare(
        self, *, alive: Callable[[], frozenset[str]], takes: bool
    ) -> Callable[[], Coroutine[None, None, None]]:
        """takes: whether what is announced is taken too; with kube-proxy it leads on without. Returns what must
        run."""
        self._box = BoxAnnouncer(self._announcer, alone=self._key is None) if takes else None
        bgp = self._bgp = BGPSpeaker(
            self._node,
            self._around.client,
            self._around.events,
            alive=alive,
            namespace=self._namespace,
            lb_class=self._settings.lb_class,
            takes=self._box,
            on_problems=self._around.on_problems,
        )
        layer2 = self._speaker = Speaker(
            self._node,
            self._around.client,
            self._around.events,
            self._box or self._announcer,
            alive=alive,
            namespace=self._namespace,
            lb_class=self._settings.lb_class,
            placement=Placement(self._settings.placement),
            beside=bgp.announced,
        )

        async def run() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(bgp.run(self._around.hub.snapshots()))  # first: it takes what layer 2 must leave
                group.create_task(layer2.run(self._around.hub.snapshots()))
                group.create_task(self._path.run(without_cluster=takes))

        return run

    def _may_answer(self) -> bool:
        return self._key is None or (self._beats is not None and self._beats.is_awake())

    def _contested(self, conflict: Conflict) -> None:
        """Of several nodes two may announce the same for a moment, until they have heard of each other."""
        _tell(conflict)
        if self._key is None and self._speaker is not None:
            self._speaker.contested(conflict)

    def _changed(self) -> None:
        if self._bgp is not None:
            self._bgp.look()
        if self._speaker is not None:
            self._speaker.look()

    def _peers(self) -> Iterator[Where]:
        snapshot = self._around.hub.snapshot
        if snapshot is None:
            return
        settings = self._settings
        port = read_where(settings.heartbeat.address).port
        named = members_of(settings)
        find = settings.find_members or not named
        yield from peers_of(snapshot, self._node, named=named, find=find, port=port).values()

    async def _get(self, key: GetKey) -> SecretBytes:
        is_told = False
        while True:
            try:
                return await key()
            except Transient as error:
                if not is_told:
                    log.warning("no key for heartbeats yet, so nothing is announced", error=str(error))
                is_told = True
                await asyncio.sleep(KEY_AGAIN)

    async def _first(self) -> Snapshot:
        async for snapshot in self._around.hub.snapshots():
            return snapshot
        raise AssertionError("snapshots never end")


def _heartbeats(
    settings: LoadBalancerSettings,
    node: str,
    key: SecretBytes,
    peers: Callable[[], Iterator[Where]],
    on_change: Callable[[], None],
) -> Heartbeats:
    return Heartbeats(
        node,
        key.reveal(),
        peers=peers,
        on_change=lambda _: on_change(),
        interval=interval_of(settings.heartbeat),
        misses=settings.heartbeat.misses,
    )


def _tell(conflict: Conflict) -> None:
    foreign = conflict.foreign
    log.warning(
        "another machine has an address of ours",
        address=str(conflict.address),
        mac=str(foreign.mac),
        interface=foreign.interface,
    )
