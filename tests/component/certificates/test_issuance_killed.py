"""kill -9 between any two steps: whatever was written last, the next start goes on from there."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from hearthgate.certificates.acme.transport import Call
from hearthgate.certificates.issuance import KINDS, Issuance
from hearthgate.certificates.orders.dns01 import DNS01Proofs, RecordSweeper
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.events import EventWriter
from hearthgate.resources.certmanager import CertificateRequest, Order
from tests.acme.fault_ca import FaultCa, run_fault_ca
from tests.component.certificates.acme_stage import acme_issuer, but_the_sweeper
from tests.component.certificates.mortal import Fate, MortalClient, deadly
from tests.component.certificates.requests_made import ended, request, secret
from tests.component.certificates.stage import Stage, stage
from tests.component.certificates.zone import SeenAtOnce, Zone
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def life(api: Stage, fate: Fate, zone: Zone) -> AsyncIterator[None]:
    """One process, with its own memory."""
    async with MortalClient(api, fate) as client:
        tools = Tools(client, EventWriter(client), api.tools.settings)
        mortal = Stage(api.server, api.client, tools)
        proofs = DNS01Proofs(tools, zone, SeenAtOnce())
        issuance = Issuance(tools, observe=partial(_called, fate), proofs={"DNS-01": proofs})
        try:
            async with mortal.running((*but_the_sweeper(issuance), RecordSweeper(tools, proofs)), KINDS):
                yield
        finally:
            await issuance.close()


def _called(fate: Fate, call: Call) -> None:
    if call.method == "POST":
        fate.step(call.action)


async def _issue(api: Stage, ca: FaultCa, number: int, fate: Fate, zone: Zone) -> None:
    """Lives until the request is issued and cleaned up, or until its fate."""
    async with life(api, fate, zone):
        await ended(api, f"web-{number}")
        await eventually(lambda: not zone.records, what="the records to be gone")


async def test_every_step(tmp_path: Path) -> None:
    async with run_fault_ca() as ca, stage(tmp_path) as api:
        await secret(api, "token", token=b"t")
        fate = Fate()
        await _begin(api, ca, 0)
        await _issue(api, ca, 0, fate, _mortal_zone(fate))
        steps = fate.steps
        assert {"create Secret", "register_account", "authorize_order", "create Challenge"} <= set(steps)
        assert len(steps) > 20
        for number in range(1, len(steps) + 1):
            await _try_once(api, ca, number)


def _mortal_zone(fate: Fate) -> Zone:
    async def step(name: str) -> None:
        fate.step(f"{name} a record")

    return Zone(step)


async def _begin(api: Stage, ca: FaultCa, number: int) -> None:
    """An issuer and a request of their own."""
    await acme_issuer(api, ca.directory, ca.ca, name=f"acme-{number}")
    names = [f"home{number}.test", f"*.home{number}.test"]
    await request(api, f"web-{number}", issuer=f"acme-{number}", dnsNames=names)


async def _try_once(api: Stage, ca: FaultCa, number: int) -> None:
    """Dies after the step of this number, and goes on."""
    orders, accounts = len(ca.asked("newOrder")), len(ca.accounts)
    fate = Fate(after=number)
    zone = _mortal_zone(fate)
    await _begin(api, ca, number)
    with deadly():
        await _issue(api, ca, number, fate, zone)
    where = f"killed after step {number}, {fate.steps[-1]}"
    # What the CA has made but nobody has written down is lost; everything else is gone on with.
    noted = sum(one.status is not None and bool(one.status.url) for one in await _orders(api, number))
    lost = len(ca.asked("newOrder")) - orders - noted
    survivor = Zone()
    survivor.records = zone.records
    await _issue(api, ca, number, Fate(), survivor)
    ready = await ended(api, f"web-{number}")
    assert ready.reason == "Issued", where
    assert len(ca.accounts) == accounts + 1, where
    # A write that was on its way at the end may still have arrived: then nothing is lost after all.
    assert 1 <= len(ca.asked("newOrder")) - orders <= 1 + lost, where
    assert len(await _orders(api, number)) == 1, where
    found = await api.get(CertificateRequest, "default", f"web-{number}")
    assert found is not None
    assert found.status is not None
    assert found.status.failure_time is None, where
    assert not survivor.records, where


async def _orders(api: Stage, number: int) -> list[Order]:
    return [one for one in await api.all(Order) if one.metadata.name.startswith(f"web-{number}-")]
