"""Writes what the allocator decides: addresses into Services, counts into pools, and Events about both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from hearthgate.balancer.allocation.asked import ALLOCATED_FROM, Mistake, deprecated, held_by
from hearthgate.balancer.allocation.blocks import Address, capacity
from hearthgate.balancer.allocation.book import Book
from hearthgate.balancer.allocation.requests import Grant, Refusal
from hearthgate.balancer.allocation.reservations import mistakes
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import NotFound
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.resources.core import Namespace, Service
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import IPAddressPool
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (IPAddressPool, Namespace, Service)
"""What addresses are decided from."""
WORKERS: Final = 8
MARK_AGAIN: Final = 0.3
"""Seconds."""
COUNT_AFTER: Final = 0.3
"""Seconds: counts change with every Service, and nobody reads them so often."""
_SERVICE: Final = BY_TYPE[Service]
_POOL: Final = BY_TYPE[IPAddressPool]


class AddressController:
    """announces: whether somebody else tells the network of the addresses. on_problems: called with all problems
    of the pools whenever they change."""

    def __init__(
        self,
        client: Client,
        events: EventWriter,
        book: Book,
        *,
        announces: bool = True,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda problems: None,
    ) -> None:
        self._client = client
        self._events = events
        self._announces = announces
        self._on_problems = on_problems
        self._services: WorkQueue[Key] = WorkQueue(first=0.05, most=60.0)
        self._marks: WorkQueue[Key] = WorkQueue(first=0.05, most=60.0)
        self._pools: WorkQueue[Key] = WorkQueue(first=0.2, most=60.0)
        self._snapshot = Snapshot()
        self._told: dict[Key, str] = {}
        self._said: dict[Key, tuple[Address, ...]] = {}
        """What Events have said of a Service's addresses last."""
        self._problems: tuple[Problem, ...] = ()
        self.book = book

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._services.work(self._write, workers=WORKERS))
            group.create_task(self._marks.work(self._mark, workers=1))
            group.create_task(self._pools.work(self._count, workers=1))
            async for snapshot in snapshots:
                self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        for key in self.book.take(snapshot):
            self._services.add(key)
        for pool in snapshot.all(IPAddressPool):
            self._pools.add_after(pool.key, COUNT_AFTER)
        problems = tuple(sorted((*self.book.problems, *_reservation_problems(snapshot.all(IPAddressPool)))))
        if problems != self._problems:
            for problem in set(problems) - set(self._problems):
                subject = snapshot.subject(problem.ref)
                if subject is not None:
                    self._events.emit(subject, problem.reason.value, f"{problem.field}: {problem.message}")
            self._problems = problems
            self._on_problems(problems)

    async def _write(self, key: Key) -> None:
        """Makes status and annotation of one Service what they should be."""
        service = self._snapshot.get(Service, *key)
        if service is None:
            self._told.pop(key, None)
            self._said.pop(key, None)
            return
        grant = self.book.grant(key)
        wanted = grant.addresses if grant is not None else ()
        if key in self.book.answers:
            self._tell(service)
        elif ALLOCATED_FROM not in service.metadata.annotations and not self._said.get(key):
            return  # never had an address of ours
        with contextlib.suppress(NotFound):
            if held_by(service) != wanted:
                await self._set(service, wanted)
            self._marks.add(key)

    async def _mark(self, key: Key) -> None:
        """Notes on a Service from which pool its address is. After all statuses, which traffic waits for."""
        service = self._snapshot.get(Service, *key)
        grant = self.book.grant(key)
        pool = grant.pool if grant is not None else None
        if service is None or service.metadata.annotations.get(ALLOCATED_FROM) == pool:
            return
        patch = {"metadata": {"annotations": {ALLOCATED_FROM: pool}}}
        with contextlib.suppress(NotFound):
            await self._client.merge_patch(_SERVICE, *key, patch)
        if self.book.grant(key) != grant:
            self._marks.add_after(key, MARK_AGAIN)  # once the snapshot has what was just written

    async def _set(self, service: Service, addresses: tuple[Address, ...]) -> None:
        ingress: list[Mapping[str, Any]] = [{"ip": str(address)} for address in addresses]
        await self._client.patch_status(_SERVICE, *service.key, {"status": {"loadBalancer": {"ingress": ingress}}})
        if self._said.get(service.key, ()) == addresses:
            return  # the snapshot lags behind what was written before
        self._said[service.key] = addresses
        listed = ", ".join(map(str, addresses))
        if addresses:
            self._events.emit(service, "IPAllocated", f"has the address {listed}", type="Normal")
            if not self._announces:
                self._events.emit(service, "NotAnnounced", _by_hand(addresses))
        else:
            before = ", ".join(map(str, held_by(service)))
            self._events.emit(service, "ClearAssignment", f"lost the address {before}", type="Normal")
        log.info(
            "address assigned" if addresses else "address withdrawn", service=str(service.ref), addresses=listed
        )

    def _tell(self, service: Service) -> None:
        """Why it has no address, once for each reason."""
        match self.book.answers[service.key]:
            case Refusal(message=message):
                reason = "AllocationFailed"
            case Mistake(reason=reason, message=message):
                pass
            case Grant():
                reason = message = ""
        old = ", ".join(deprecated(service))
        if message and self._told.get(service.key) != message:
            self._events.emit(service, reason, message)
        elif old and not message and service.key not in self._told:
            self._events.emit(
                service, "deprecatedAnnotation", f"{old}: write metallb.io/ in place of the old prefix"
            )
        self._told[service.key] = message

    async def _count(self, key: Key) -> None:
        """Writes how much of a pool is in use, when that is not what its status says."""
        resource = self._snapshot.get(IPAddressPool, *key)
        pool = next((pool for pool in self.book.pools if pool.name == key[1]), None)
        if resource is None or pool is None:
            return
        used = self.book.usage()[pool.name]
        total = capacity(pool.blocks, avoid_buggy=pool.avoid_buggy)
        status = {
            "assignedIPv4": used[0],
            "assignedIPv6": used[1],
            "availableIPv4": max(total[0] - used[0], 0),
            "availableIPv6": max(total[1] - used[1], 0),
        }
        known = resource.status
        if known is not None and status == {
            "assignedIPv4": known.assigned_ipv4,
            "assignedIPv6": known.assigned_ipv6,
            "availableIPv4": known.available_ipv4,
            "availableIPv6": known.available_ipv6,
        }:
            return
        patch = {"metadata": {"resourceVersion": resource.metadata.resource_version}, "status": status}
        with contextlib.suppress(NotFound):
            await self._client.patch_status(_POOL, *key, patch)


def _by_hand(addresses: tuple[Address, ...]) -> str:
    """What people can do where nobody announces addresses."""
    commands = " and ".join(
        f"ip address add {address}/{address.max_prefixlen} dev INTERFACE" for address in addresses
    )
    return f"nothing announces it in the network: give it to this machine ({commands}), or route it here"


def _reservation_problems(pools: Iterable[IPAddressPool]) -> Iterable[Problem]:
    for pool in pools:
        for mistake in mistakes(pool):
            yield Problem(
                ref=pool.ref,
                field="metadata.annotations",
                reason=Reason.INVALID_VALUE,
                message=mistake,
                severity=Severity.WARNING,
            )
