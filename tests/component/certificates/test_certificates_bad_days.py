"""The bad days of issuing: what a CA, its limits, DNS and clocks do to requests, and how they end all the same."""

import contextlib
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.certificates.acme.errors import NetworkTrouble
from hearthgate.certificates.acme.limits import PRODUCTION
from hearthgate.certificates.issuance import Issuance
from hearthgate.certificates.issuers import ledgers
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import Conflict, NotFound
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import CertificateRequest, Challenge, Issuer, Order
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.meta import Condition, Resource
from hearthgate.resources.registry import BY_TYPE
from tests.acme.ca_moods import Proof
from tests.acme.fault_ca import (
    FaultCa,
    Flaw,
    Refusal,
    dropped,
    garbage,
    rate_limited,
    run_fault_ca,
    unavailable,
)
from tests.component.certificates.acme_stage import Records, acme_issuer, issuing, judged, order_with
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import ended, request, said, secret
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


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, records = Clock(), Records()
    async with run_fault_ca() as ca, stage(tmp_path, now=clock) as api:
        await secret(api, "token", token=b"t")
        async with issuing(api, {"DNS-01": records}):
            yield World(api, ca, records, clock)


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
        await order_with(world.api, lambda one: _starts(one, "web-2") and _says(one, "too many new orders"))
        assert len(world.ca.asked("newOrder")) == 1
        await world.later(minutes=2)
        await world.issued()
        await world.issued("web-2")

    async def test_forgets_no_limit_over_a_restart(self, tmp_path: Path) -> None:
        clock, records = Clock(), Records()
        async with run_fault_ca() as ca, stage(tmp_path, now=clock) as api:
            world = World(api, ca, records, clock)
            await secret(api, "token", token=b"t")
            ca.refuse("newOrder", rate_limited("3600", "too many new orders recently"))
            async with issuing(api, {"DNS-01": records}):
                await world.issuer()
                await world.request()
                await world.order("nothing is ordered until")
            async with issuing(api, {"DNS-01": records}):
                await world.request("web-2", names=("other.example.test",))
                await order_with(api, lambda one: _starts(one, "web-2") and _says(one, "too many new orders"))
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
    clock, records = Clock(), Records()
    async with run_fault_ca() as ca, stage(tmp_path, now=clock) as api:
        world = World(api, ca, records, clock)
        await secret(api, "token", token=b"t")
        ca.refuse("newOrder", unavailable("3600"))
        async with issuing(api, {"DNS-01": records}):
            await world.issuer()
            await world.request()
            await world.order("nothing is ordered until")
        clock.move(hours=2)
        stale = Snapshot.of([*await api.all(Order), *await api.all(Issuer), *await api.all(Secret)])
        (order,) = stale.all(Order)
        issuance = Issuance(api.tools)
        (reconciler,) = [one for one in issuance.reconcilers if one.kind is Order]
        await reconciler.reconcile(stale, *order.key)
        with pytest.raises(Conflict):
            await reconciler.reconcile(stale, *order.key)
        assert len(ca.asked("newOrder")) == 2
        await issuance.close()


class TestDNS:
    async def test_refuses_the_record(self, world: World) -> None:
        """Wrong token, missing scope, no such zone: tried again at once when the Secret changes."""
        await world.issuer()
        world.records.fails = Permanent("Cloudflare refuses the token (9109): make a new one")
        await world.request()
        challenge = await world.challenge("Cloudflare refuses the token (9109)")
        assert challenge.status is not None
        assert (challenge.status.state, challenge.status.presented) == ("", False)
        assert await eventually(lambda: _told(world.api, challenge, "PresentError"))
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
        from hearthgate.certificates.settings import CertificateSettings

        clock, records = Clock(), Records()
        settings = CertificateSettings(max_concurrent_challenges=2)
        async with run_fault_ca() as ca, stage(tmp_path, settings, now=clock) as api:
            world = World(api, ca, records, clock)
            await secret(api, "token", token=b"t")
            records.seen = Seen(False, "not yet")
            async with issuing(api, {"DNS-01": records}):
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


_ATTEMPT = "hearthgate.dev/attempt"
_SOLVER = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "token", "key": "token"}}}}


def _starts(order: Order, name: str) -> bool:
    return order.metadata.name.startswith(name)


def _says(order: Order, words: str) -> bool:
    return order.status is not None and words in order.status.reason


async def _told(api: Stage, about: Resource, reason: str) -> bool:
    return any(event.startswith(reason) for event in await api.events_of(about.metadata.name))
