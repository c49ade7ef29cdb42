"""A stage with the CA of bad days, an issuer that asks it, a clock that moves, and words to wait for."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import NotFound
from hearthgate.resources.certmanager import CertificateRequest, Challenge, Issuer, Order
from hearthgate.resources.meta import Condition, Resource
from hearthgate.resources.registry import BY_TYPE
from tests.acme.fault_ca import FaultCa, run_fault_ca
from tests.component.certificates.acme_stage import Records, acme_issuer, issuing, judged, order_with
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import ended, request, secret
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually


class World(NamedTuple):
    api: Stage
    ca: FaultCa
    records: Records
    clock: Clock

    async def poke(self) -> None:
        """Lets everything be looked at again, as after the time that the clock was moved by."""
        for kind in (Issuer, CertificateRequest, Order, Challenge):
            for one in await self.api.all(kind):
                await self.touch(one)

    async def touch(self, resource: Resource) -> None:
        mark = {"metadata": {"annotations": {"touched": rfc3339(datetime.now(UTC)) + str(self.clock.ahead)}}}
        with contextlib.suppress(NotFound):  # gone meanwhile
            await self.api.client.merge_patch(BY_TYPE[type(resource)], *resource.key, mark)

    async def later(self, **by: float) -> None:
        self.clock.move(**by)
        await self.poke()

    async def issuer(self, **acme: Any) -> None:
        await acme_issuer(self.api, self.ca.directory, self.ca.ca, **acme)
        await judged(self.api, "ACMEAccountRegistered")

    async def request(self, name: str = "web-1", *, names: tuple[str, ...] = ("www.example.test",)) -> None:
        await request(self.api, name, issuer="acme", dnsNames=list(names))

    async def issued(self, name: str = "web-1", *, within: float = 10.0) -> None:
        ready = await ended(self.api, name, within=within)
        assert ready.reason == "Issued", ready

    async def failed(self, words: str, name: str = "web-1") -> Condition:
        ready = await ended(self.api, name)
        assert (ready.reason, words in ready.message) == ("Failed", True), ready
        return ready

    async def order(self, words: str, state: str | None = None) -> Order:
        """The Order whose reason has these words."""

        def is_it(one: Order) -> bool:
            status = one.status
            return status is not None and words in status.reason and state in (None, status.state)

        return await order_with(self.api, is_it)

    async def challenge(self, words: str) -> Challenge:
        async def found() -> Challenge | None:
            every = await self.api.all(Challenge)
            return next((one for one in every if one.status is not None and words in one.status.reason), None)

        challenge = await eventually(found, what=f"a Challenge that says {words!r}")
        assert challenge is not None
        return challenge

    async def tidied(self) -> None:
        await eventually(lambda: not self.records.records, what="all records to be gone")


@contextlib.asynccontextmanager
async def idle_world(tmp_path: Path, settings: CertificateSettings | None = None) -> AsyncIterator[World]:
    """Nobody issues yet."""
    clock, records = Clock(), Records()
    async with run_fault_ca() as ca, stage(tmp_path, settings, now=clock) as api:
        await secret(api, "token", token=b"t")
        yield World(api, ca, records, clock)


@contextlib.asynccontextmanager
async def busy_world(tmp_path: Path, settings: CertificateSettings | None = None) -> AsyncIterator[World]:
    async with idle_world(tmp_path, settings) as world, issuing(world.api, {"DNS-01": world.records}):
        yield world


def starts(order: Order, name: str) -> bool:
    return order.metadata.name.startswith(name)


def says(order: Order, words: str) -> bool:
    return order.status is not None and words in order.status.reason


async def told(api: Stage, about: Resource, reason: str) -> bool:
    """Whether there is an Event of this reason."""
    return any(event.startswith(reason) for event in await api.events_of(about.metadata.name))
