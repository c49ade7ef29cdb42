"""Keeps the kernel at what the policies say for the members of this box, and tells what it refuses."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final

import structlog

from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import HearthgateError, Transient
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.ends import Address, PodEnd
from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.nftables import kernel
from hearthgate.policy.nftables.ruleset import State, state_of, transaction
from hearthgate.policy.world import Direction, World, world
from hearthgate.resources.core import Namespace, Node, Pod
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import NetworkPolicy
from hearthgate.resources.policy import ClusterNetworkPolicy

log = structlog.get_logger(__name__)

POLICIES: Final[tuple[type[Resource], ...]] = (NetworkPolicy, ClusterNetworkPolicy)
KINDS: Final[tuple[type[Resource], ...]] = (*POLICIES, Namespace, Node, Pod)
"""What is enforced is made from these."""
LOOK_AGAIN: Final = 10.0
"""Seconds between two looks at what was refused, and whether the table is still there."""
_TABLE: Final = "table"
DENIED: Final = Metric(
    "hearthgate_policy_denied_total", "counter", ("namespace", "pod", "direction"), "Packets refused by policies."
)
CHAINS: Final = Metric("hearthgate_policy_chains", "gauge", (), "Directions of pods that the kernel closes.")
SECONDS: Final = Metric("hearthgate_policy_apply_seconds", "gauge", (), "What the last change took.")
_SHOWN: Final = 10
SETTINGS: Final = ObjectRef("Settings", "", "policy")


def not_in_force(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Where nobody enforces policies. Pure."""
    counts = [f"{len(found)} {kind.__name__}" for kind in POLICIES if (found := tuple(snapshot.all(kind)))]
    if not counts:
        return ()
    message = f"{' and '.join(counts)} objects close nothing here: nobody enforces them while this is false"
    return (
        Problem(
            ref=SETTINGS,
            field="policy.enforce",
            reason=Reason.POLICY_MISSING,
            message=message,
            severity=Severity.WARNING,
        ),
    )


def told(world: World, key: Key, direction: Direction, refused: Iterable[kernel.Refused]) -> list[str]:
    """Who was refused at this pod, or from it, and still would be. Pure."""
    found = []
    for source, destination, protocol, port in refused:
        flow = Flow(world.at(source), world.at(destination), source.version)
        subject = flow.subject(direction)
        if not isinstance(subject, PodEnd) or subject.key != key:
            continue
        verdict = check(world, flow, protocol, port)
        side = verdict.ingress if direction is Direction.INGRESS else verdict.egress
        if not side.passes:
            found.append(f"{flow.source} → {flow.destination}, {protocol}:{port}")
    return found


class Enforcer:
    """members: whom this machine forwards for. on_problems: told all whenever they change."""

    def __init__(
        self,
        members: Callable[[Snapshot], tuple[PodEnd, ...]],
        events: EventWriter,
        *,
        force: bool,
        on_problems: Callable[[tuple[Problem, ...]], None],
    ) -> None:
        self._members = members
        self._events = events
        self._force = force
        self._on_problems = on_problems
        self._queue: WorkQueue[str] = WorkQueue(first=1.0, most=30.0)
        self._snapshot: Snapshot | None = None
        self._world: World | None = None
        self._in_force: State | None = None
        self._is_known = False
        self._denied: dict[str, int] = {}
        self._seconds = 0.0
        self._told: tuple[Problem, ...] = ()

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled. The rules stay in force."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.work(lambda _: self._apply()))
            group.create_task(self._watch())
            async for snapshot in snapshots:
                before, self._snapshot = self._snapshot, snapshot
                if before is None or any(before.collection(one) is not snapshot.collection(one) for one in KINDS):
                    self._queue.add(_TABLE)

    def look(self) -> None:
        """Others are members now."""
        self._queue.add(_TABLE)

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        counters = self._in_force.counters if self._in_force is not None else {}
        values: list[tuple[Labels, float]] = []
        for name, (pod, direction) in sorted(counters.items(), key=lambda item: item[1]):
            namespace, _, own = pod.partition("/")
            values.append(((namespace, own, direction.value), float(self._denied.get(name, 0))))
        yield from family(DENIED, values)
        yield from family(CHAINS, [((), float(len(counters)))])
        yield from family(SECONDS, [((), self._seconds)])

    async def _apply(self) -> None:
        """Raises Transient; whatever fails, what was in force before still is."""
        snapshot = self._snapshot
        if snapshot is None:
            return
        try:
            if not self._force and (other := await kernel.others()):
                self._tell(
                    f"{other} shows that another program enforces policies here: set policy.force to do both"
                )
                return
            if not self._is_known:
                self._in_force, self._is_known = await kernel.held(), True
            members = self._members(snapshot)
            addresses = frozenset(address for member in members for address in member.addresses)
            self._world = await asyncio.to_thread(world, snapshot, also=members)
            wanted = await asyncio.to_thread(state_of, self._world, members)
            began = time.monotonic()
            await kernel.apply(transaction(self._in_force, wanted))
        except HearthgateError as error:
            self._is_known = False
            self._tell(f"what the policies say is not in force: {error}")
            if isinstance(error, Transient):
                raise
            return
        if wanted != self._in_force:
            log.info("policies in force", chains=len(wanted.chains), sets=len(wanted.sets))
            await self._forget(self._world, addresses)
        self._seconds = time.monotonic() - began
        self._in_force = wanted if wanted.chains else None
        unseen = await asyncio.to_thread(kernel.unseen, addresses) if wanted.chains else ""
        self._tell(unseen, *self._world.problems)

    async def _forget(self, seen: World, addresses: frozenset[Address]) -> None:
        try:
            count = await asyncio.to_thread(kernel.forget_denied, seen, addresses)
        except OSError as error:
            log.warning("what was open before may still be answered", error=str(error.strerror))
            return
        if count:
            log.info("connections that policies forbid now are forgotten", count=count)

    async def _watch(self) -> None:
        """Puts the table back when somebody took it away, and tells what was refused meanwhile."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            if self._told and self._in_force is None:
                self._queue.add(_TABLE)
            if self._in_force is None:
                continue
            try:
                if not await kernel.is_there():
                    log.warning("somebody removed the rules of policies: they are put in force again")
                    self._in_force = None
                    self._queue.add(_TABLE)
                    continue
                await self._count(await kernel.denied())
            except HearthgateError as error:
                log.debug("policies could not be looked at", error=str(error))

    async def _count(self, now: dict[str, int]) -> None:
        counters = self._in_force.counters if self._in_force is not None else {}
        more = {name: now.get(name, 0) - self._denied.get(name, 0) for name in counters}
        self._denied = now
        if self._world is None or not any(count > 0 for count in more.values()):
            return
        refused = await kernel.refused()
        for name, (pod, direction) in counters.items():
            if more[name] > 0:
                self._emit(self._world, pod, direction, more[name], refused)

    def _emit(
        self, seen: World, pod: str, direction: Direction, count: int, refused: Iterable[kernel.Refused]
    ) -> None:
        namespace, _, name = pod.partition("/")
        whom = told(seen, (namespace, name), direction, refused)
        log.info(
            "packets refused by policies", pod=pod, direction=direction.value, packets=count, whom=whom[:_SHOWN]
        )
        for policy in seen.isolates(direction, (namespace, name))[:1]:
            subject = self._snapshot.subject(policy.ref) if self._snapshot is not None else None
            if subject is not None:
                first = whom[0] if whom else f"{pod}, {direction.value}"
                more = f" and {len(whom) - 1} more" if len(whom) > 1 else ""
                message = f"refused: {first}{more}; hearthgate can-reach says by which rule"
                self._events.emit(subject, "PacketsRefused", message)

    def _tell(self, words: str, *more: Problem) -> None:
        own = (Problem(ref=SETTINGS, reason=Reason.POLICY_MISSING, message=words, severity=Severity.WARNING),)
        told = tuple(sorted((*(own if words else ()), *more)))
        if told != self._told:
            self._told = told
            self._on_problems(told)
