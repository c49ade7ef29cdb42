"""Keeps the kernel's table at what Services and their endpoints ask for, and tells what is in the way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, NamedTuple

import structlog

from hearthgate.balancer.datapath import kernel
from hearthgate.balancer.datapath.needs import missing, needs_forwarding, not_forwarded
from hearthgate.balancer.datapath.rules import KINDS, Place, Rule, rules
from hearthgate.balancer.datapath.ruleset import ruleset
from hearthgate.balancer.speaker.concern import concerns
from hearthgate.balancer.speaker.hurry import unhurried
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import HearthgateError, Permanent, Transient
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.model.problems import Problem

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = 15.0
"""Seconds between two looks whether the table is still there: reloading the firewall flushes everybody's."""
_TABLE: Final = "table"

SERVICES: Final = Metric("hearthgate_datapath_services", "gauge", (), "Services that the kernel leads to servers.")
ENDPOINTS: Final = Metric("hearthgate_datapath_endpoints", "gauge", (), "Servers of those, by address and port.")
SECONDS: Final = Metric(
    "hearthgate_datapath_apply_seconds", "gauge", (), "What putting rules in force took the last time."
)
APPLIED: Final = Metric("hearthgate_datapath_applied_total", "counter", (), "Rules put in force.")
ERRORS: Final = Metric("hearthgate_datapath_errors_total", "counter", (), "Rules that could not be put in force.")


class Choices(NamedTuple):
    """node: our name. lb_class: of Services that are ours. served: places where this program listens itself.
    forwarding: whether the kernel may be told to forward."""

    node: str
    lb_class: str = ""
    served: frozenset[Place] = frozenset()
    forwarding: bool = False


class DataPath:
    """on_problems: called with all problems whenever they change."""

    def __init__(
        self,
        choices: Choices,
        events: EventWriter,
        *,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None,
    ) -> None:
        self._choices = choices
        self._events = events
        self._on_problems = on_problems
        self._queue: WorkQueue[str] = WorkQueue(first=1.0, most=60.0)
        self._snapshot = Snapshot()
        self._is_first = True
        self._wanted: tuple[Rule, ...] = ()
        self._in_force: tuple[Rule, ...] | None = None
        """None: not known, as it is at the start, when an earlier run may have left some."""
        self._found: tuple[Problem, ...] = ()
        self._problems: tuple[Problem, ...] = ()
        self._seconds = 0.0
        self._applied = self._errors = 0

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled. The rules stay in force: the kernel serves on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.work(lambda _: self._apply()))
            group.create_task(self._watch())
            async for snapshot in unhurried(snapshots):
                self._take(snapshot)

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        in_force = self._in_force or ()
        services = len({rule.service for rule in in_force if rule.targets})
        endpoints = len({(rule.place.protocol, target) for rule in in_force for target in rule.targets})
        for metric, value in (
            (SERVICES, services),
            (ENDPOINTS, endpoints),
            (SECONDS, self._seconds),
            (APPLIED, self._applied),
            (ERRORS, self._errors),
        ):
            values: list[tuple[Labels, float]] = [((), float(value))]
            yield from family(metric, values)

    def _take(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        if not self._is_first and not concerns(before, snapshot, KINDS):
            return
        self._is_first = False
        choices = self._choices
        found = rules(snapshot, choices.node, lb_class=choices.lb_class, served=choices.served)
        if self._wanted == found.rules and self._found == found.problems and self._in_force is not None:
            return
        self._wanted, self._found = found
        self._queue.add(_TABLE)

    async def _apply(self) -> None:
        """Raises Transient; whatever fails, what was in force before still is."""
        wanted, found, before = self._wanted, self._found, self._in_force
        if wanted != before:
            began = time.monotonic()
            try:
                await kernel.apply(await asyncio.to_thread(ruleset, wanted))
            except HearthgateError as error:
                self._failed(wanted, found, error)
                if isinstance(error, Transient):
                    raise
                return
            self._seconds = time.monotonic() - began
            self._applied += 1
            self._in_force = wanted
            log.info("rules in force", services=len({rule.service for rule in wanted}), places=len(wanted))
            if any(rule.place.protocol == "udp" for rule in (*wanted, *(before or ()))):
                await self._forget(wanted, before or ())
        self._tell((*found, *await asyncio.to_thread(self._forwarding, wanted)))

    def _failed(self, wanted: tuple[Rule, ...], found: tuple[Problem, ...], error: HearthgateError) -> None:
        if not wanted and not self._in_force and isinstance(error, Permanent):
            self._in_force = ()  # where nothing may be removed, nothing was put
            return
        self._errors += 1
        self._tell((*found, *missing(wanted, str(error))))

    async def _forget(self, wanted: tuple[Rule, ...], before: tuple[Rule, ...]) -> None:
        try:
            count = await asyncio.to_thread(kernel.forget_stale, wanted, before)
        except OSError as error:
            raise Transient(f"datagrams may still go to servers that are gone: {error.strerror}") from error
        if count:
            log.info("datagrams go to other servers", clients=count)

    def _forwarding(self, wanted: tuple[Rule, ...]) -> tuple[Problem, ...]:
        own, why = kernel.own_addresses(), ""
        lacking = frozenset(v for v in needs_forwarding(wanted, own) if not kernel.forwards(v))
        if lacking and self._choices.forwarding:
            try:
                for version in sorted(lacking):
                    kernel.start_forwarding(version)
                    log.info("the kernel forwards now", version=version)
                return ()
            except OSError as error:
                why = str(error.strerror)
        return tuple(not_forwarded(wanted, own, lacking, why))

    async def _watch(self) -> None:
        """Puts the table back when somebody else took it away, and sees when nothing is in the way any more."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            if self._problems or self._in_force is None:
                self._queue.add(_TABLE)
            if not self._in_force:
                continue
            try:
                is_there = await kernel.is_there()
            except HearthgateError:
                continue  # told once rules are to be put in force
            if not is_there:
                log.warning("somebody removed the rules: they are put in force again")
                self._in_force = None
                self._queue.add(_TABLE)

    def _tell(self, problems: Iterable[Problem]) -> None:
        known = tuple(sorted(problems))
        if known == self._problems:
            return
        for problem in set(known) - set(self._problems):
            subject = self._snapshot.subject(problem.ref)
            if subject is not None:
                self._events.emit(subject, problem.reason.value, problem.message)
        self._problems = known
        self._on_problems(known)
