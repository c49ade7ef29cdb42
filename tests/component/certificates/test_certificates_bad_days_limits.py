"""What must not happen twice, and what a CA's limits do: the ledger asked before each order, stale snapshots."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.acme.limits import PRODUCTION
from hearthgate.certificates.issuance import KINDS, Issuance
from hearthgate.certificates.issuers import ledgers
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Issuer, Order
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource
from tests.acme.ca_moods import Proof
from tests.acme.fault_ca import (
    Refusal,
    unavailable,
)
from tests.component.certificates.acme_stage import but_the_sweeper, issuing
from tests.component.certificates.acme_world import World, busy_world, idle_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with busy_world(tmp_path) as world:
        yield world


class TestTheLedger:
    """With the limits of Let's Encrypt, which are known here."""

    @pytest.fixture(autouse=True)
    def limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledgers, "limits_of", lambda _: PRODUCTION)

    async def test_failed_proofs_are_counted(self, world: World) -> None:
        async def judge(proof: Proof) -> str | None:
            return "Incorrect TXT record found"

        world.ca.judge = judge
        await world.issuer()
        for number in range(5):
            await world.request(f"web-{number}", names=("www.example.test", f"n{number}.test"))
            await world.failed("Incorrect TXT record found", f"web-{number}")
        await world.request("web-6")
        await world.order("the CA's limit is 5 failed proofs of www.example.test in 1 h")
        assert len(world.ca.asked("newOrder")) == 5
        world.ca.judge = None
        await world.later(minutes=13)
        await world.issued("web-6")

    async def test_what_brings_no_certificate_is_given_back(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("finalize", *[Refusal(type="badCSR", detail="weak key")] * 5)
        for number in range(5):
            await world.request(f"web-{number}")
            await world.failed("weak key", f"web-{number}")
        for number in range(5, 10):
            await world.request(f"web-{number}")
            await world.issued(f"web-{number}")
        await world.request("web-10")
        await world.order("the CA's limit is 5 certificates for exactly the same names in 7 days")
        assert len(world.ca.asked("newOrder")) == 10


async def test_a_snapshot_that_lags_orders_nothing_twice(tmp_path: Path) -> None:
    async with idle_world(tmp_path) as world:
        api, ca, records = world.api, world.ca, world.records
        ca.refuse("newOrder", unavailable("3600"))
        async with issuing(api, {"DNS-01": records}):
            await world.issuer()
            await world.request()
            await world.order("nothing is ordered until")
        world.clock.move(hours=2)
        stale = Snapshot.of([*await api.all(Order), *await api.all(Issuer), *await api.all(Secret)])
        (order,) = stale.all(Order)
        issuance = Issuance(api.tools)
        (reconciler,) = [one for one in issuance.reconcilers if one.kind is Order]
        await reconciler.reconcile(stale, *order.key)
        with pytest.raises(Conflict):
            await reconciler.reconcile(stale, *order.key)
        assert len(ca.asked("newOrder")) == 2
        await issuance.close()


async def test_an_order_that_cannot_be_noted_at_once_is_not_made_twice(tmp_path: Path) -> None:
    """Somebody changes the Order, its annotations for instance, while the CA makes it."""
    async with idle_world(tmp_path) as world:
        tools = Meddled(world)
        issuance = Issuance(tools, proofs={"DNS-01": world.records})
        async with world.api.running(but_the_sweeper(issuance), KINDS):
            await world.issuer()
            await world.request()
            await world.issued()
        await issuance.close()
        assert tools.meddled
        assert len(world.ca.asked("newOrder")) == 1


class Meddled(Tools):
    """Somebody else is faster when the status of an Order is written for the first time."""

    def __init__(self, world: World) -> None:
        tools = world.api.tools
        super().__init__(tools.client, tools.events, tools.settings, tools.now)
        self._world = world
        self.meddled = False

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        if isinstance(resource, Order) and "url" in status and not self.meddled:
            self.meddled = True
            await self._world.touch(resource)
        await super().patch_status(resource, status)
