"""The bad days of DNS-01 with Cloudflare: the whole way to Pebble, by a stand-in for Cloudflare's API."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hearthgate.certificates.dns01 import asking
from hearthgate.certificates.issuance import KINDS, Issuance
from hearthgate.certificates.settings import ACMEDNS01Config, CertificateSettings
from hearthgate.resources.certmanager import Challenge
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.acme.cloudflare import Cloudflare, refusal, run_cloudflare, to_pebble
from tests.acme.pebble import Pebble, run_pebble
from tests.component.certificates.acme_stage import acme_issuer, judged
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import chain_of, ended, request, secret
from tests.component.certificates.stage import Stage, stage
from tests.ports import free_port
from tests.waiting import eventually

DOMAIN = "my-homelab.party"


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    with run_pebble() as running:
        yield running


class World(NamedTuple):
    api: Stage
    cloudflare: Cloudflare
    zone: str
    clock: Clock

    async def begin(self, pebble: Pebble, token: str = "") -> None:
        """An issuer whose token is in a Secret, with a newline at its end as `echo` makes it; and a request."""
        token = token or self.cloudflare.add_token(zones=[self.zone])
        await secret(self.api, "token", token=f"{token}\n".encode())
        await acme_issuer(self.api, pebble.directory, pebble.ca)
        await judged(self.api, "ACMEAccountRegistered")
        await request(self.api, "web-1", issuer="acme", dnsNames=[DOMAIN, f"*.{DOMAIN}"])

    async def new_token(self, token: str) -> None:
        await self.api.client.merge_patch(BY_TYPE[Secret], "default", "token", {"stringData": {"token": token}})

    async def says(self, *words: str) -> str:
        """The reason of a Challenge that has all these words."""

        async def found() -> str | None:
            for one in await self.api.all(Challenge):
                if one.status is not None and all(word in one.status.reason for word in words):
                    return one.status.reason
            return None

        reason = await eventually(found, what=f"a Challenge that says {words}")
        assert reason is not None
        return reason

    async def later(self, **by: float) -> None:
        self.clock.move(**by)
        for one in await self.api.all(Challenge):
            mark = {"metadata": {"annotations": {"touched": str(self.clock.ahead)}}}
            await self.api.client.merge_patch(BY_TYPE[Challenge], *one.key, mark)

    async def issued(self) -> None:
        ready = await ended(self.api, "web-1", within=20.0)
        assert ready.reason == "Issued", ready
        await eventually(lambda: not self.cloudflare.records(self.zone), what="the zone to be clean")


@contextlib.asynccontextmanager
async def playing(tmp_path: Path, pebble: Pebble, *nameservers: str) -> AsyncIterator[World]:
    settings = CertificateSettings(
        acme_dns01_config=ACMEDNS01Config(
            recursive_nameservers=nameservers or (pebble.dns,), recursive_nameservers_only=True
        )
    )
    clock = Clock()
    async with (
        run_cloudflare(to_pebble(pebble)) as cloudflare,
        stage(tmp_path, settings, namespaces=["hearthgate"], now=clock) as api,
    ):
        zone = cloudflare.add_zone(DOMAIN)
        issuance = Issuance(api.tools, cloudflare_url=cloudflare.url)
        try:
            async with api.running(issuance.reconcilers, KINDS):
                yield World(api, cloudflare, zone, clock)
        finally:
            await issuance.close()


@pytest.fixture
async def world(tmp_path: Path, pebble: Pebble) -> AsyncIterator[World]:
    async with playing(tmp_path, pebble) as world:
        yield world


async def test_a_good_day(world: World, pebble: Pebble) -> None:
    await world.begin(pebble)
    await world.issued()
    chain = await chain_of(world.api, "web-1")
    assert sorted(chain.leaf.names.dns) == [f"*.{DOMAIN}", DOMAIN]


async def test_a_wrong_token(world: World, pebble: Pebble) -> None:
    good, bad = world.cloudflare.add_token(zones=[world.zone]), world.cloudflare.add_token()
    world.cloudflare.drop_token(bad)
    await world.begin(pebble, bad)
    reason = await world.says("token")
    assert bad not in reason
    await world.new_token(good)
    await world.issued()


async def test_a_token_that_may_not_edit(world: World, pebble: Pebble) -> None:
    token = world.cloudflare.add_token(zones=[world.zone], permissions=["zone:read", "dns:read"])
    await world.begin(pebble, token)
    await world.says("10000", "DNS", "Edit")
    await world.new_token(world.cloudflare.add_token(zones=[world.zone]))
    await world.issued()


async def test_a_zone_that_is_not_there(world: World, pebble: Pebble) -> None:
    other = world.cloudflare.add_zone("other.test")
    token = world.cloudflare.add_token(zones=[other])
    await world.begin(pebble, token)
    await world.says(DOMAIN, "Zone")
    await world.new_token(world.cloudflare.add_token())
    await world.issued()


async def test_too_many_requests(world: World, pebble: Pebble) -> None:
    limited = refusal(429, 10429, "slow down", headers={"Retry-After": "2"})
    world.cloudflare.refuse("GET /zones", limited, always=True)
    await world.begin(pebble)
    await world.says("429")
    world.cloudflare.forgive()
    await world.later(seconds=3)
    await world.issued()


async def test_cloudflare_is_down(world: World, pebble: Pebble) -> None:
    world.cloudflare.refuse("POST /zones", refusal(502, 0, "bad gateway"), always=True)
    await world.begin(pebble)
    await world.says("502")
    world.cloudflare.forgive()
    await world.later(minutes=6)
    await world.issued()


async def test_cloudflare_is_down_when_records_are_to_go(world: World, pebble: Pebble) -> None:
    world.cloudflare.refuse("DELETE /zones", refusal(502, 0, "bad gateway"), always=True)
    await world.begin(pebble)
    ready = await ended(world.api, "web-1", within=20.0)
    assert ready.reason == "Issued", ready
    await eventually(lambda: any(asked.method == "DELETE" for asked in world.cloudflare.asked))
    assert world.cloudflare.records(world.zone)
    world.cloudflare.forgive()
    world.clock.move(minutes=6)
    await world.issued()


async def test_resolvers_that_do_not_answer(
    tmp_path: Path, pebble: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be seen from here is for the CA to see."""
    monkeypatch.setattr(asking, "UDP_TRIES", (0.1,))
    monkeypatch.setattr(asking, "TCP_TRY", 0.1)
    async with playing(tmp_path, pebble, f"127.0.0.1:{free_port()}") as world:
        await world.begin(pebble)
        await world.says("not to be seen yet", "127.0.0.1")
        await world.later(minutes=3)
        await world.issued()
