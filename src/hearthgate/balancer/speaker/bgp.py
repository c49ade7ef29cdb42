"""Announces this node's Services to routers, and tells what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import structlog

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.bgp.build import Model, build
from hearthgate.balancer.bgp.metrics import exposition
from hearthgate.balancer.bgp.model import Announcement
from hearthgate.balancer.bgp.router import Router, SessionState
from hearthgate.balancer.speaker.concern import concerns
from hearthgate.balancer.speaker.hurry import unhurried
from hearthgate.balancer.speaker.nodes import nodes_of
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import AlreadyExists, NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.core import Namespace, Node, Pod, Secret, Service
from hearthgate.resources.discovery import EndpointSlice
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    IPAddressPool,
    ServiceBGPStatus,
)
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

READ: Final[tuple[type[Resource], ...]] = (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    EndpointSlice,
    IPAddressPool,
    Namespace,
    Node,
    Pod,
    Secret,
    Service,
)
"""What announcements are decided from."""
KINDS: Final[tuple[type[Resource], ...]] = (*READ, ServiceBGPStatus)
_STATUS: Final = BY_TYPE[ServiceBGPStatus]


class Takes(Protocol):
    """How this machine takes the addresses that routers send to it."""

    def take(self, addresses: Iterable[Address]) -> Mapping[Address, str]:
        """These and no others, as far as BGP is concerned. By address, why one cannot be taken."""


class BGPSpeaker:
    """node: our name. alive: nodes that can announce. takes: None where kube-proxy, or whatever else, takes the
    traffic. namespace: where ServiceBGPStatus objects are written. on_problems: told all problems of the resources
    of BGP whenever they change."""

    def __init__(
        self,
        node: str,
        client: Client,
        events: EventWriter,
        *,
        alive: Callable[[], frozenset[str]],
        namespace: str,
        lb_class: str = "",
        takes: Takes | None = None,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None,
    ) -> None:
        self._node = node
        self._client = client
        self._events = events
        self._alive = alive
        self._namespace = namespace
        self._lb_class = lb_class
        self._takes = takes
        self._on_problems = on_problems
        self._snapshot = Snapshot()
        self._seen: tuple[frozenset[str], Snapshot] | None = None
        self._model = Model((), {}, (), ())
        self._untaken: Mapping[Address, str] = {}
        self._router = Router(node, on_change=self._tell_sessions)
        self._statuses: WorkQueue[Key] = WorkQueue(first=0.2, most=60.0)
        self._told: dict[tuple[type[Resource], Key], str] = {}

    @property
    def sessions(self) -> Mapping[Key, SessionState]:
        return self._router.state

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._router.run())
            group.create_task(self._statuses.work(self._write, workers=2))
            async for snapshot in unhurried(snapshots):
                self._snapshot = snapshot
                self.look()

    def look(self) -> None:
        """Decides anew, if anything that counts is another than before: to be called when `alive` has changed."""
        alive = self._alive()
        seen, self._seen = self._seen, (alive, self._snapshot)
        if seen is not None and seen[0] == alive and not concerns(seen[1], self._snapshot, READ):
            return
        before = self._model
        nodes = nodes_of(self._snapshot, alive)
        self._model = model = build(self._snapshot, nodes, self._node, lb_class=self._lb_class)
        if self._takes is not None:
            wanted = {address for one in model.announcements.values() for address in one.addresses}
            self._untaken = self._takes.take(wanted)
        self._router.apply(model.sessions)
        self._tell_problems(before.problems)
        self._tell_services()
        for key in before.announcements.keys() | model.announcements.keys():
            if before.announcements.get(key) != model.announcements.get(key):
                self._statuses.add(key)

    def lines(self) -> Iterator[str]:
        """For /metrics, but for `announced`."""
        yield from exposition(self._router.state.values())

    def announced(self) -> Iterator[tuple[tuple[str, str, str, str], float]]:
        """Samples of metallb_speaker_announced, which the layer 2 speaker has some of too."""
        for key, one in self._model.announcements.items():
            for address in one.addresses:
                yield ("/".join(key), "bgp", self._node, str(address)), 1.0

    def _tell_problems(self, before: Iterable[Problem]) -> None:
        problems = self._model.problems
        if tuple(before) == problems:
            return
        for problem in sorted(set(problems) - set(before)):
            subject = self._snapshot.subject(problem.ref)
            if subject is not None:
                self._events.emit(subject, problem.reason.value, f"{problem.field}: {problem.message}")
        self._on_problems(problems)

    def _tell_services(self) -> None:
        for key, one in self._model.announcements.items():
            addresses, peers = ", ".join(map(str, one.addresses)), ", ".join(one.peers)
            message = f"{addresses}: announced by node {self._node} to BGP peers {peers}"
            trouble = next((self._untaken[address] for address in one.addresses if address in self._untaken), "")
            if trouble:
                self._say(Service, key, "NotTaken", f"{message}, but {trouble}")
                continue
            self._say(Service, key, "nodeAssigned", message, kind="Normal")
        for silence in self._model.silences:
            message = f"node {self._node} does not announce it by BGP: {silence.message}"
            self._say(Service, silence.service, "NotAnnounced", message)
        present = {*self._model.announcements, *(one.service for one in self._model.silences)}
        self._forget(Service, present)

    def _tell_sessions(self) -> None:
        """Of the peers themselves: whether their session with this node is up, and why not."""
        states = self._router.state
        for key, state in states.items():
            if state.is_up and not state.trouble:
                message = f"node {self._node} has a session with {state.label}"
                self._say(BGPPeer, key, "SessionUp", message, kind="Normal")
            elif state.trouble:
                reason = "SessionTrouble" if state.is_up else "SessionDown"
                self._say(BGPPeer, key, reason, f"node {self._node} and {state.label}: {state.trouble}")
        self._forget(BGPPeer, states.keys())

    def _say(self, kind_of: type[Resource], key: Key, reason: str, message: str, *, kind: Any = "Warning") -> None:
        """Once, until something else is to be said."""
        subject = self._snapshot.get(kind_of, *key)
        if subject is None or self._told.get((kind_of, key)) == message:
            return
        self._told[kind_of, key] = message
        self._events.emit(subject, reason, message, type=kind)

    def _forget(self, kind_of: type[Resource], present: Iterable[Key]) -> None:
        kept = set(present)
        for told in [one for one in self._told if one[0] is kind_of and one[1] not in kept]:
            del self._told[told]

    async def _write(self, key: Key) -> None:
        """The ServiceBGPStatus of a Service that we announce; none of one that we do not. As upstream's it says
        what is meant, whether or not the sessions are up."""
        name = f"bgp-{sha256(f'{self._node}/{key[0]}/{key[1]}'.encode()).hexdigest()[:10]}"
        announcement: Announcement | None = self._model.announcements.get(key)
        if announcement is None:
            with contextlib.suppress(NotFound):
                await self._client.delete(_STATUS, self._namespace, name)
            return
        marks = {
            "metallb.io/node": self._node,
            "metallb.io/service-name": key[1],
            "metallb.io/service-namespace": key[0],
        }
        metadata = {"name": name, "namespace": self._namespace, "labels": marks}
        content = {"apiVersion": _STATUS.api_version, "kind": _STATUS.kind, "metadata": metadata}
        with contextlib.suppress(AlreadyExists):
            await self._client.create(_STATUS, content)
        status = {
            "node": self._node,
            "serviceName": key[1],
            "serviceNamespace": key[0],
            "peers": list(announcement.peers),
        }
        await self._client.patch_status(_STATUS, self._namespace, name, {"status": status})
