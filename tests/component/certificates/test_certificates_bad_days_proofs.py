"""The bad days of proofs: records refused, unseen, left over, deleted by hand; solvers that do not fit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hearthgate.certificates.acme.errors import NetworkTrouble
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import Issuer, Order
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.acme.ca_moods import Proof
from tests.component.certificates.acme_stage import acme_issuer, issuing, judged
from tests.component.certificates.acme_world import World, busy_world, idle_world, told
from tests.component.certificates.requests_made import secret
from tests.waiting import eventually

_SOLVER = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "token", "key": "token"}}}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with busy_world(tmp_path) as world:
        yield world


class TestDNS:
    async def test_refuses_the_record(self, world: World) -> None:
        """Wrong token, missing scope, no such zone: tried again at once when the Secret changes."""
        await world.issuer()
        world.records.fails = Permanent("Cloudflare refuses the token (9109): make a new one")
        await world.request()
        challenge = await world.challenge("Cloudflare refuses the token (9109)")
        assert challenge.status is not None
        assert (challenge.status.state, challenge.status.presented) == ("", False)
        assert await eventually(lambda: told(world.api, challenge, "PresentError"))
        world.records.fails = None
        kind = BY_TYPE[Secret]
        await world.api.client.merge_patch(kind, "default", "token", {"stringData": {"token": "better"}})
        await world.issued(within=4.0)  # not at the next try, which is later

    async def test_is_out_of_reach(self, world: World) -> None:
        await world.issuer()
        world.records.fails = NetworkTrouble("no answer in time")
        await world.request()
        await world.challenge("no answer in time")
        world.records.fails = None
        await world.later(minutes=6)
        await world.issued()

    async def test_does_not_show_the_record_yet(self, world: World) -> None:
        await world.issuer()
        world.records.seen = Seen(False, "ns1.test: NXDOMAIN")
        await world.request()
        await world.challenge("not to be seen yet: ns1.test: NXDOMAIN")
        assert not world.ca.asked("challenge")
        world.records.seen = Seen(True, "")
        await world.issued()

    async def test_never_shows_the_record_so_the_ca_decides(self, world: World) -> None:
        async def judge(proof: Proof) -> str | None:
            return "no TXT record found"

        world.ca.judge = judge
        await world.issuer()
        world.records.seen = Seen(False, "ns1.test: no answer")
        await world.request()
        await world.challenge("not to be seen yet")
        await world.later(minutes=3)
        ready = await world.failed("no TXT record found")
        assert "the proof was not seen from here, so the CA decides: ns1.test: no answer" in ready.message

    async def test_cannot_take_the_record_back_at_first(self, world: World) -> None:
        await world.issuer()
        failing = True

        async def remove(name: str, value: str) -> None:
            if failing:
                raise NetworkTrouble("no answer in time")

        world.records.remove = remove
        await world.request()
        await world.issued()
        assert world.records.records
        failing = False
        world.clock.move(minutes=10)
        await world.tidied()

    async def test_a_challenge_deleted_by_hand_takes_its_record_along(self, world: World) -> None:
        await world.issuer()
        world.records.seen = Seen(False, "not yet")
        await world.request()
        challenge = await world.challenge("not to be seen yet")
        await world.api.tools.delete(challenge)
        await eventually(lambda: len(world.records.presented) >= 2, what="the Order to make it anew")
        world.records.seen = Seen(True, "")
        await world.later(minutes=1)
        await world.issued()
        await world.tidied()

    async def test_an_order_deleted_by_hand_is_made_anew(self, world: World) -> None:
        await world.issuer()
        world.records.seen = Seen(False, "not yet")
        await world.request()
        await world.challenge("not to be seen yet")
        for order in await world.api.all(Order):
            await world.api.tools.delete(order)
        world.records.seen = Seen(True, "")
        await world.later(minutes=1)
        await world.issued()
        await world.tidied()


class TestSolvers:
    async def test_none_for_the_name(self, world: World) -> None:
        solver = {**_SOLVER, "selector": {"dnsZones": ["other.test"]}}
        await world.issuer(solvers=[solver])
        await world.request()
        await world.order("no solver of the issuer is for www.example.test", "pending")
        found = {**_SOLVER, "selector": {"dnsZones": ["example.test"]}}
        patch = {"spec": {"acme": {"solvers": [found]}}}
        await world.api.client.merge_patch(BY_TYPE[Issuer], "default", "acme", patch)
        await world.issued()

    async def test_a_missing_secret_is_named(self, world: World) -> None:
        solver = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "absent", "key": "token"}}}}
        await acme_issuer(world.api, world.ca.directory, world.ca.ca, solvers=[solver])
        told = await judged(world.api, "InvalidSolver", words="Secret default/absent does not exist")
        assert told.message.startswith("spec.acme.solvers[0].dns01.cloudflare.apiTokenSecretRef: ")
        await secret(world.api, "absent", token=b"t")
        await judged(world.api, "ACMEAccountRegistered")

    async def test_not_more_challenges_at_once_than_allowed(self, tmp_path: Path) -> None:
        async with idle_world(tmp_path, CertificateSettings(max_concurrent_challenges=2)) as world:
            records = world.records
            records.seen = Seen(False, "not yet")
            async with issuing(world.api, {"DNS-01": records}):
                await world.issuer()
                await world.request(names=tuple(f"n{number}.test" for number in range(5)))
                await world.challenge("not to be seen yet")
                await eventually(lambda: len(records.presented) == 2)
                await world.poke()
                assert len(records.presented) == 2
                records.seen = Seen(True, "")
                await world.later(minutes=1)
                await world.issued()
                assert len(records.presented) == 5
                await world.tidied()
