"""What CAs say about renewal, as it gets into the status of Certificates and into the orders that follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.issuance import KINDS, Issuance
from hearthgate.certificates.life.certificates import CertificateReconciler
from hearthgate.cluster.conditions import rfc3339
from hearthgate.resources.certmanager import Certificate, Issuer
from hearthgate.resources.certmanager.certificate import RenewalInformation
from hearthgate.resources.registry import BY_TYPE
from tests.acme.ca_parts import cert_id
from tests.acme.fault_ca import FaultCa, rate_limited, run_fault_ca
from tests.component.certificates.acme_stage import Records, acme_issuer, but_the_sweeper
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import condition, secret
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually


@asynccontextmanager
async def world(tmp_path: Path, **moods: Any) -> AsyncIterator[tuple[Stage, FaultCa, Clock]]:
    clock = Clock()
    async with run_fault_ca() as ca, stage(tmp_path, now=clock) as api:
        for mood, value in moods.items():
            setattr(ca, mood, value)
        await secret(api, "token", token=b"t")
        async with life(api):
            yield api, ca, clock


@asynccontextmanager
async def life(api: Stage) -> AsyncIterator[None]:
    """One process."""
    issuance = Issuance(api.tools, proofs={"DNS-01": Records()})
    try:
        async with api.running((CertificateReconciler(api.tools), *but_the_sweeper(issuance)), KINDS):
            yield
    finally:
        await issuance.close()


async def certificate(api: Stage, ca: FaultCa, **acme: Any) -> None:
    await acme_issuer(api, ca.directory, ca.ca, **acme)
    await another(api, "web")


async def another(api: Stage, name: str) -> None:
    spec = {
        "secretName": name,
        "dnsNames": [f"{name}.example.test"],
        "issuerRef": {"name": "acme"},
        "privateKey": {"algorithm": "ECDSA"},
    }
    await api.create(Certificate, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})


async def read(api: Stage, name: str = "web") -> Certificate:
    found = await api.get(Certificate, "default", name)
    assert found is not None
    return found


async def info(api: Stage, name: str = "web") -> RenewalInformation | None:
    status = (await read(api, name)).status
    return status.acme.ari if status is not None and status.acme is not None else None


async def ready(api: Stage) -> bool:
    found = condition(await read(api), "Ready")
    return found is not None and found.status == "True"


async def known(api: Stage, name: str = "web") -> RenewalInformation:
    found = await eventually(lambda: info(api, name), what="what the CA says")
    assert found is not None
    return found


async def touch(api: Stage, number: int) -> None:
    mark = {"metadata": {"annotations": {"touched": str(number)}}}
    await api.client.merge_patch(BY_TYPE[Certificate], "default", "web", mark)


async def test_the_window_stands_in_the_status_and_is_asked_for_in_time(tmp_path: Path) -> None:
    window = (datetime.now(UTC) + timedelta(days=50), datetime.now(UTC) + timedelta(days=52))
    async with world(tmp_path, window=window) as (api, ca, clock):
        await certificate(api, ca)
        found = await known(api)
        assert found.suggested_window is not None
        assert found.suggested_window.start == rfc3339(window[0])
        assert found.suggested_window.end == rfc3339(window[1])
        due = datetime.fromisoformat(found.next_check or "")
        assert timedelta(hours=5) < due - clock() < timedelta(hours=7)
        await eventually(lambda: ready(api))
        await touch(api, 1)
        await another(api, "later")
        await known(api, "later")  # so that the touched one has been looked at
        assert len(ca.asked("renewalInfo")) == 2
        ca.window = (window[0] + timedelta(days=1), window[1] + timedelta(days=1))
        clock.move(hours=7)
        await touch(api, 2)

        async def moved() -> bool:
            again = await info(api)
            assert again is not None
            return again.suggested_window is not None and again.suggested_window.start != rfc3339(window[0])

        await eventually(moved)


async def test_a_renewal_names_the_certificate_that_it_replaces(tmp_path: Path) -> None:
    async with world(tmp_path) as (api, ca, clock):
        await certificate(api, ca)
        await known(api)
        await eventually(lambda: ready(api))
        (first,) = ca.orders.values()
        assert first.leaf is not None
        now = clock()
        ca.window = (now + timedelta(hours=12), now + timedelta(hours=13))
        clock.move(hours=24)
        await touch(api, 1)
        await eventually(lambda: len(ca.orders) == 2, what="a renewal")
        second = ca.orders[2]
        assert second.replaces == cert_id(first.leaf)


async def test_the_ca_has_trouble(tmp_path: Path) -> None:
    async with world(tmp_path) as (api, ca, clock):
        ca.refuse("renewalInfo", rate_limited("7200"), always=True)
        await certificate(api, ca)
        found = await known(api)
        assert "429" in found.last_error
        assert found.suggested_window is None
        due = datetime.fromisoformat(found.next_check or "")
        assert timedelta(hours=1.7) < due - clock() < timedelta(hours=2.3)
        await eventually(lambda: ready(api))
        await touch(api, 1)
        await another(api, "later")
        await known(api, "later")
        assert len(ca.asked("renewalInfo")) == 2
        ca.forgive()
        clock.move(hours=3)
        await touch(api, 2)

        async def heard() -> bool:
            again = await info(api)
            return again is not None and again.suggested_window is not None and not again.last_error

        await eventually(heard)


@pytest.mark.parametrize("how", ["issuer", "CA"])
async def test_without_ari(tmp_path: Path, how: str) -> None:
    async with world(tmp_path, ari=how != "CA") as (api, ca, _):
        await certificate(api, ca, **({"renewalInformationSource": "None"} if how == "issuer" else {}))
        await eventually(lambda: ready(api))
        assert await info(api) is None
        assert not ca.asked("renewalInfo")


async def test_switched_off_it_goes_out_of_the_status(tmp_path: Path) -> None:
    async with world(tmp_path) as (api, ca, _):
        await certificate(api, ca)
        await known(api)
        off = {"spec": {"acme": {"renewalInformationSource": "None"}}}
        await api.client.merge_patch(BY_TYPE[Issuer], "default", "acme", off)

        async def cleared() -> bool:
            return await info(api) is None

        await eventually(cleared)


async def test_a_restart_asks_for_nothing_anew(tmp_path: Path) -> None:
    async with run_fault_ca() as ca, stage(tmp_path) as api:
        await secret(api, "token", token=b"t")
        async with life(api):
            await certificate(api, ca)
            await known(api)
            await eventually(lambda: ready(api))
        async with life(api):
            await another(api, "later")
            await known(api, "later")
        assert len(ca.asked("renewalInfo")) == 2
