"""Asks every server of every load balancer with a check, again and again, and keeps what they said last.

As upstream, a server counts as up until it has failed; the first question comes at once. A server that comes back
under the same address after a change of its Service is asked anew.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from hearthgate.ingress.health.questions import Asker
from hearthgate.ingress.health.watched import Failures, Place, Watched, servers
from hearthgate.ingress.routing.model import Endpoint, Endpoints, EndpointsKey, HealthCheck, Transport

log = structlog.get_logger(__name__)
_AT_ONCE: Final = 64
"""Questions under way at a time."""
_Question = tuple[EndpointsKey, Place]


class HealthMonitor:
    """`changed` is set whenever a server is judged otherwise than before. Lives in one event loop."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.watching: Mapping[EndpointsKey, Watched] = {}
        self._failures: dict[_Question, str] = {}
        self._asking: dict[_Question, asyncio.Task[None]] = {}
        self._asker = Asker()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @property
    def failures(self) -> Failures:
        return MappingProxyType(self._failures)

    def update(self, watching: Mapping[EndpointsKey, Watched], endpoints: Endpoints) -> None:
        """Asks these servers from now on, and no others."""
        self.watching = watching
        wanted: dict[_Question, tuple[Endpoint, Watched]] = {
            (key, server.place): (server, one)
            for key, one in watching.items()
            for server in servers(key, one.balancer, endpoints)
        }
        for question in self._asking.keys() - wanted.keys():
            self._asking.pop(question).cancel()
            self._failures.pop(question, None)
        for question in wanted.keys() - self._asking.keys():
            server, one = wanted[question]
            check = one.balancer.check
            assert check is not None  # noqa: S101 - that is why it is watched
            asking = self._ask(question, server, one.balancer.name, check, one.balancer.transport)
            task = self._asking[question] = asyncio.create_task(asking)
            task.add_done_callback(_report_fault)

    async def stop(self) -> None:
        tasks = list(self._asking.values())
        self._asking.clear()
        self._failures.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asker.close()

    async def _ask(
        self, question: _Question, server: Endpoint, name: str, check: HealthCheck, transport: Transport
    ) -> None:
        while True:
            async with self._turns:
                failure = await self._asker.ask(server, check, transport)
            self._judge(question, name, failure)
            await asyncio.sleep(check.unhealthy_interval if failure else check.interval)

    def _judge(self, question: _Question, name: str, failure: str) -> None:
        before = self._failures.get(question, "")
        if failure == before:
            return
        address, port = question[1]
        if failure:
            self._failures[question] = failure
            log.warning("server fails its health check", service=name, address=address, port=port, why=failure)
        else:
            del self._failures[question]
            log.info("server passes its health check again", service=name, address=address, port=port)
        self.changed.set()


def _report_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.critical("a fault of ours ends the health check of a server", exc_info=fault)
