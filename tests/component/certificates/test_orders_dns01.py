"""Records of DNS-01: journaled before they are written, and gone in the end whatever happens."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.journal import from_json
from hearthgate.certificates.dns01.logbook import CONFIG_MAP
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import ProviderProblem
from hearthgate.certificates.orders.dns01 import GIVEN_UP_AFTER, DNS01Proofs, RecordSweeper
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.certificates.settings import ACMEDNS01Config, CertificateSettings
from hearthgate.resources.certmanager import CertificateRequest, Challenge, Order
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.registry import BY_TYPE
from tests.acme.fault_ca import FaultCa, run_fault_ca
from tests.acme.pebble import run_pebble
from tests.component.certificates.acme_stage import DNS, acme_issuer, issuing, judged
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import ended, request, secret
from tests.component.certificates.stage import Stage, stage
from tests.component.certificates.zone import SeenAtOnce, Zone
from tests.waiting import eventually


class NeverSeen(SeenAtOnce):
    async def seen(self, *_: object, **__: object) -> Seen:
        return Seen(False, "nothing there")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ca() -> AsyncIterator[FaultCa]:
    async with run_fault_ca() as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path, clock: Clock) -> AsyncIterator[Stage]:
    async with stage(tmp_path, now=clock) as played:
        await secret(played, "token", token=b"t")
        yield played


@contextlib.asynccontextmanager
async def life(api: Stage, zone: Zone, propagation: Propagation | None = None) -> AsyncIterator[None]:
    """One process."""
    proofs = DNS01Proofs(api.tools, zone, propagation or SeenAtOnce())
    async with issuing(api, {"DNS-01": proofs}, RecordSweeper(api.tools, proofs)):
        yield


async def journal(api: Stage) -> list[tuple[str, str]]:
    """What stands in the journal."""
    found = await api.get(ConfigMap, "hearthgate", CONFIG_MAP)
    if found is None:
        return []
    read, lost = from_json(found.data["journal.json"].encode())
    assert not lost
    return [(entry.name, entry.value) for entry in read.entries]


async def emptied(api: Stage, zone: Zone) -> None:
    async def is_empty() -> bool:
        return not zone.records and not await journal(api)

    await eventually(is_empty, what="all records to be gone, and the journal empty")


async def test_a_domain_and_its_wildcard_together(api: Stage, ca: FaultCa) -> None:
    zone = Zone()
    async with life(api, zone):
        await acme_issuer(api, ca.directory, ca.ca)
        await request(api, "web-1", issuer="acme", dnsNames=["home.test", "*.home.test"])
        assert (await ended(api, "web-1")).reason == "Issued"
        assert zone.written == 2
        await emptied(api, zone)


async def test_a_record_is_journaled_before_it_is_written(api: Stage, ca: FaultCa) -> None:
    seen: list[bool] = []

    async def step(name: str) -> None:
        if name == "present":
            seen.append(bool(zone.records <= set(await journal(api))))

    zone = Zone(step)
    async with life(api, zone):
        await acme_issuer(api, ca.directory, ca.ca)
        await request(api, "web-1", issuer="acme", dnsNames=["home.test"])
        assert (await ended(api, "web-1")).reason == "Issued"
    assert seen == [True]


async def test_what_goes_while_nobody_looks_leaves_nothing_behind(api: Stage, ca: FaultCa) -> None:
    zone = Zone()
    async with life(api, zone, NeverSeen()):
        await acme_issuer(api, ca.directory, ca.ca)
        await request(api, "web-1", issuer="acme", dnsNames=["home.test"])
        await eventually(lambda: zone.records)
    for kind in (CertificateRequest, Order, Challenge):
        for one in await api.all(kind):
            await api.tools.delete(one)
    assert await journal(api) == list(zone.records)
    async with life(api, zone):
        await emptied(api, zone)


async def test_a_secret_that_is_gone_is_waited_for(api: Stage, ca: FaultCa, clock: Clock) -> None:
    zone = Zone()
    async with life(api, zone, NeverSeen()):
        await acme_issuer(api, ca.directory, ca.ca)
        await request(api, "web-1", issuer="acme", dnsNames=["home.test"])
        await eventually(lambda: zone.records)
        await api.client.delete(BY_TYPE[Secret], "default", "token")
        await judged(api, "InvalidSolver")
        for one in await api.all(CertificateRequest):
            await api.tools.delete(one)

        async def gone() -> bool:
            return not await api.all(Challenge)

        await eventually(gone, what="the Challenge to be gone: nothing holds it")
    assert zone.records
    await secret(api, "token", token=b"t")
    async with life(api, zone):
        await emptied(api, zone)


async def test_a_zone_that_is_gone_is_given_up_in_the_end(api: Stage, ca: FaultCa, clock: Clock) -> None:
    zone = Zone()
    async with life(api, zone, NeverSeen()):
        await acme_issuer(api, ca.directory, ca.ca)
        await request(api, "web-1", issuer="acme", dnsNames=["home.test"])
        await eventually(lambda: zone.records)
    for one in (*await api.all(CertificateRequest), *await api.all(Order), *await api.all(Challenge)):
        await api.tools.delete(one)
    zone.fails = ProviderProblem("cloudflare", "there is no such zone")
    clock.ahead += GIVEN_UP_AFTER - timedelta(hours=1)
    async with life(api, zone):
        await acme_issuer(api, ca.directory, ca.ca, name="later")
        await judged(api, "ACMEAccountRegistered", name="later")  # so that a round is over
        assert await journal(api)
    clock.move(hours=2)
    async with life(api, zone):

        async def given_up() -> bool:
            return not await journal(api)

        await eventually(given_up)
    assert zone.records


async def test_the_end_of_a_cname_where_the_solver_follows(tmp_path: Path) -> None:
    with run_pebble() as pebble:
        await pebble.set_cname("_acme-challenge.home.test", "proofs.other.test")
        settings = CertificateSettings(
            acme_dns01_config=ACMEDNS01Config(recursive_nameservers=(pebble.dns,), recursive_nameservers_only=True)
        )

        async def step(name: str) -> None:
            for record in zone.records:
                await pebble.set_txt(*record)

        zone = Zone(step)
        async with stage(tmp_path, settings) as api:
            await secret(api, "token", token=b"t")
            asker = Asker()
            async with life(api, zone, Propagation(asker)):
                solver = {"dns01": {**DNS["dns01"], "cnameStrategy": "Follow"}}
                await acme_issuer(api, pebble.directory, pebble.ca, solvers=[solver])
                await request(api, "web-1", issuer="acme", dnsNames=["home.test"])
                await eventually(lambda: zone.records)
                assert {name for name, _ in zone.records} == {"proofs.other.test"}
                assert (await ended(api, "web-1")).reason == "Issued"
                await emptied(api, zone)
            await asker.close()
