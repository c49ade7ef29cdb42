"""The bad days of issuing: what a CA and its clock do to requests, and how they end all the same."""

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hearthgate.resources.certmanager import Challenge, Order
from hearthgate.resources.core import ConfigMap
from tests.acme.ca_desk import GONE
from tests.acme.ca_moods import Proof
from tests.acme.fault_ca import (
    Flaw,
    Refusal,
    dropped,
    garbage,
    rate_limited,
    unavailable,
)
from tests.component.certificates.acme_stage import acme_issuer, issuing, judged, order_with
from tests.component.certificates.acme_world import World, busy_world, idle_world, says, starts
from tests.component.certificates.requests_made import said
from tests.waiting import eventually

_ATTEMPT = "hearthgate.dev/attempt"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with busy_world(tmp_path) as world:
        yield world


class TestTheCA:
    async def test_refuses_by_a_limit_and_is_asked_again_when_it_says(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("newOrder", rate_limited("3600", "too many new orders recently"))
        await world.request()
        order = await world.order("nothing is ordered until")
        assert order.status is not None
        assert (order.status.state, order.status.url) == ("", "")
        assert "too many new orders recently" in order.status.reason
        assert f"{world.clock() + timedelta(hours=1):%Y-%m-%dT}" in order.status.reason
        assert (await said(world.api, "web-1", "nothing is ordered until")).reason == "Pending"
        await world.later(minutes=59)
        await world.request("web-2", names=("other.example.test",))  # of the same account: waits as well
        await order_with(world.api, lambda one: starts(one, "web-2") and says(one, "too many new orders"))
        assert len(world.ca.asked("newOrder")) == 1
        await world.later(minutes=2)
        await world.issued()
        await world.issued("web-2")

    async def test_forgets_no_limit_over_a_restart(self, tmp_path: Path) -> None:
        async with idle_world(tmp_path) as world:
            api, ca, records = world.api, world.ca, world.records
            ca.refuse("newOrder", rate_limited("3600", "too many new orders recently"))
            async with issuing(api, {"DNS-01": records}):
                await world.issuer()
                await world.request()
                await world.order("nothing is ordered until")
            async with issuing(api, {"DNS-01": records}):
                await world.request("web-2", names=("other.example.test",))
                await order_with(api, lambda one: starts(one, "web-2") and says(one, "too many new orders"))
                assert len(ca.asked("newOrder")) == 1
            (kept,) = [one for one in await api.all(ConfigMap) if one.metadata.name == "hearthgate-acme-ledger"]
            assert kept.metadata.namespace == "hearthgate"
            assert any("too many new orders" in text for text in kept.data.values())

    @pytest.mark.parametrize(
        "action", ["newOrder", "order", "authorization", "challenge", "finalize", "certificate"]
    )
    @pytest.mark.parametrize(
        "refusal",
        [unavailable("7200"), rate_limited("7200"), unavailable(), dropped(), garbage()],
        ids=["503 with a time", "429 with a time", "503", "dropped", "garbage"],
    )
    async def test_has_trouble_that_is_waited_for(self, world: World, action: str, refusal: Refusal) -> None:
        """Never the end of anything, at no step."""
        await world.issuer()
        world.ca.processing = 1  # so that the order is read
        world.ca.refuse(action, refusal)
        await world.request()
        if "Retry-After" in refusal.headers:
            await eventually(lambda: self._tells(world), what="words that say until when")
            await world.later(hours=2, minutes=1)
        else:
            await eventually(lambda: len(world.ca.asked(action)) >= 2, what="another try")
        await world.issued()
        assert len(world.ca.asked("newOrder")) == (2 if action == "newOrder" else 1)

    async def _tells(self, world: World) -> bool:
        reasons = [one.status.reason for one in await world.api.all(Order) if one.status is not None]
        reasons += [one.status.reason for one in await world.api.all(Challenge) if one.status is not None]
        return any("until 20" in reason or "tried again at 20" in reason for reason in reasons)

    async def test_is_down_for_a_day(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("authorization", dropped(), always=True)
        await world.request()
        await eventually(lambda: world.ca.asked("authorization"))
        for _ in range(24):
            await world.later(hours=1)
        order = await world.order("authorization at 127.0.0.1")
        assert order.status is not None
        assert order.status.state == "pending"
        assert order.status.failure_time is None
        world.ca.forgive()
        await world.later(hours=1)
        await world.issued()
        assert len(world.ca.asked("newOrder")) == 1
        await world.tidied()

    async def test_was_down_while_the_issuer_was_made(self, world: World) -> None:
        world.ca.refuse("newAccount", unavailable(), always=True)
        await acme_issuer(world.api, world.ca.directory, world.ca.ca)
        told = await judged(world.api, "ErrRegisterACMEAccount")
        assert "503" in told.message
        await world.request()
        assert "503" in (await said(world.api, "web-1", "is not ready")).message
        world.ca.forgive()
        await world.later(minutes=10)
        await world.issued()

    async def test_refuses_nonces_in_a_storm(self, world: World) -> None:
        await world.issuer()
        world.ca.bad_nonces = 8
        await world.request()
        await world.issued()

    async def test_lets_the_order_expire(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("challenge", unavailable("60"), always=True)
        await world.request()
        await eventually(lambda: self._tells(world), what="an order under way")
        world.ca.forget_orders()
        world.ca.forgive()
        await world.later(minutes=2)
        await world.issued()
        first, second = sorted(
            await world.api.all(Order), key=lambda one: one.metadata.annotations.get(_ATTEMPT, "")
        )
        assert first.status is not None
        assert first.status.state in ("expired", "invalid")
        assert second.metadata.annotations[_ATTEMPT] == "2"
        await world.tidied()

    async def test_lets_every_order_expire(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("authorization", Refusal(status=404, detail="no such authorization"), always=True)
        await world.request()
        await world.failed("is expired")
        assert len(world.ca.asked("newOrder")) == 3

    async def test_lets_the_authorization_expire(self, world: World) -> None:
        """Then the order is invalid for the CA; but nobody has found anything wrong with it."""
        await world.issuer()
        world.ca.refuse("challenge", unavailable("60"), always=True)
        await world.request()
        await eventually(lambda: self._tells(world), what="an order under way")
        world.ca.forgive()
        (order,) = world.ca.orders.values()
        order.status = "invalid"
        for authorization in order.authorizations:
            authorization.status = GONE
        await world.later(minutes=2)
        await world.issued()
        assert len(world.ca.asked("newOrder")) == 2

    async def test_is_not_ready_for_the_csr_after_all(self, world: World) -> None:
        await world.issuer()
        world.ca.refuse("finalize", Refusal(status=403, type="orderNotReady", detail="not yet"))
        await world.request()
        await world.issued()
        assert len(world.ca.asked("newOrder")) == 1

    async def test_forgets_the_account(self, world: World) -> None:
        await world.issuer()
        world.ca.forget_accounts()
        await world.request()
        await world.issued()

    async def test_does_not_accept_a_proof(self, world: World) -> None:
        async def judge(proof: Proof) -> str | None:
            return "Incorrect TXT record found"

        world.ca.judge = judge
        await world.issuer()
        await world.request(names=("home.test", "*.home.test"))
        await world.failed("home.test: ")
        order = await world.order("Incorrect TXT record found", "invalid")
        assert order.status is not None
        assert order.status.failure_time
        challenge = await world.challenge("Incorrect TXT record found")
        assert challenge.status is not None
        assert challenge.status.state == "invalid"
        await world.tidied()

    async def test_what_is_not_decided_ends_with_its_order(self, world: World) -> None:
        async def judge(proof: Proof) -> str | None:
            return "Incorrect TXT record found" if proof.name == "a.test" else None

        world.ca.judge = judge
        world.records.unseen = {"b.test"}
        await world.issuer()
        await world.request(names=("a.test", "b.test"))
        await world.failed("a.test: ")
        challenge = await world.challenge("given up: Order web-1-")
        assert challenge.status is not None
        assert (challenge.spec.dns_name, challenge.status.state) == ("b.test", "errored")
        await world.tidied()

    @pytest.mark.parametrize(
        ("action", "refusal", "words"),
        [
            ("newOrder", Refusal(type="rejectedIdentifier", detail="policy forbids it"), "policy forbids it"),
            ("finalize", Refusal(status=403, type="unauthorized", detail="CAA says no"), "CAA says no"),
            ("finalize", Refusal(type="badCSR", detail="weak key"), "weak key"),
        ],
        ids=["name refused", "CAA", "CSR"],
    )
    async def test_gives_a_verdict(self, world: World, action: str, refusal: Refusal, words: str) -> None:
        await world.issuer()
        world.ca.refuse(action, refusal, always=True)
        await world.request()
        await world.failed(words)
        await world.order(words, "errored")
        await world.tidied()

    async def test_has_no_such_profile(self, world: World) -> None:
        world.ca.profiles = {"classic": timedelta(days=90)}
        await world.issuer(profile="shortlived")
        await world.request()
        await world.failed("the CA has no profile 'shortlived' (it has classic)")
        assert not world.ca.asked("newOrder")

    async def test_takes_its_time_with_the_certificate(self, world: World) -> None:
        world.ca.processing = 3
        await world.issuer()
        await world.request()
        await world.issued()

    async def test_never_gets_done(self, world: World) -> None:
        world.ca.processing = math.inf
        await world.issuer()
        await world.request()
        await order_with(world.api, lambda one: one.status is not None and one.status.state == "processing")
        await world.later(hours=1)
        looks = len(world.ca.asked("order"))
        await eventually(lambda: len(world.ca.asked("order")) > looks)
        world.ca.processing = 0
        await world.later(hours=1)
        await world.issued()

    async def test_says_when_to_look_again(self, world: World) -> None:
        world.ca.processing, world.ca.pause = 1, "3600"
        await world.issuer()
        await world.request()
        await order_with(world.api, lambda one: one.status is not None and one.status.state == "processing")
        looks = len(world.ca.asked("order"))
        await world.poke()
        await world.poke()
        assert len(world.ca.asked("order")) <= looks + 1
        await world.later(hours=1, minutes=1)
        await world.later(hours=1, minutes=1)
        await world.issued()

    async def test_sends_a_certificate_for_another_key(self, world: World) -> None:
        world.ca.flaw = Flaw.OTHER_KEY
        await world.issuer()
        await world.request()
        await world.failed("a certificate for another key")
        assert len(world.ca.asked("newOrder")) == 1  # another attempt would bring the same

    async def test_has_a_clock_that_is_an_hour_ahead(self, world: World) -> None:
        world.ca.clock_offset = 3600.0
        await acme_issuer(world.api, world.ca.directory, world.ca.ca)
        told = await judged(world.api, "ACMEAccountRegistered")
        assert "the clock of this machine is 60 min behind the CA's" in told.message
        await world.request()
        await world.issued()
