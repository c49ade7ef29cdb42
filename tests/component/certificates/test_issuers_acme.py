"""ACME issuers: keys, accounts, e-mail addresses, and what is wrong with them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.x509.keys import generate
from hearthgate.resources.certmanager import ClusterIssuer, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.acme.fault_ca import FaultCa, Refusal, rate_limited, run_fault_ca
from tests.component.certificates.acme_stage import acme_issuer, issuing, judged
from tests.component.certificates.clock import Clock
from tests.component.certificates.requests_made import EC, b64, condition, key_pem, secret
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually


@pytest.fixture
async def ca() -> AsyncIterator[FaultCa]:
    async with run_fault_ca() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(tmp_path: Path, clock: Clock) -> AsyncIterator[Stage]:
    async with stage(tmp_path, now=clock) as played:
        await secret(played, "token", token=b"t")
        yield played


@pytest.fixture
async def work(api: Stage) -> AsyncIterator[None]:
    async with issuing(api, {}):
        yield


async def change(api: Stage, **acme: Any) -> None:
    await api.client.merge_patch(BY_TYPE[Issuer], "default", "acme", {"spec": {"acme": acme}})


async def touch(api: Stage, number: int) -> None:
    mark = {"metadata": {"annotations": {"touched": str(number)}}}
    await api.client.merge_patch(BY_TYPE[Issuer], "default", "acme", mark)


@pytest.mark.usefixtures("work")
class TestAccount:
    async def test_a_new_address_is_told_to_the_ca(self, api: Stage, ca: FaultCa) -> None:
        await acme_issuer(api, ca.directory, ca.ca, email="one@example.test")
        await judged(api, "ACMEAccountRegistered")
        await change(api, email="Two@example.test")
        await eventually(lambda: ca.accounts[1]["contact"] == ["mailto:two@example.test"], what="a new contact")

        async def told() -> bool:
            found = await api.get(Issuer, "default", "acme")
            assert found is not None
            account = found.status.acme if found.status is not None else None
            return account is not None and account.last_registered_email == "two@example.test"

        await eventually(told)
        assert len(ca.accounts) == 1

    async def test_an_address_that_the_ca_does_not_take(self, api: Stage, ca: FaultCa) -> None:
        await acme_issuer(api, ca.directory, ca.ca)
        await judged(api, "ACMEAccountRegistered")
        ca.refuse("account", Refusal(type="invalidContact", detail="no such domain"), always=True)
        await change(api, email="two@example.test")
        told = await judged(api, "ErrUpdateACMEAccount")
        assert "no such domain" in told.message

    async def test_what_the_ca_refuses_is_tried_again_slowly(self, api: Stage, ca: FaultCa, clock: Clock) -> None:
        """cert-manager waits for an edit, for ever."""
        ca.refuse("newAccount", Refusal(status=403, type="unauthorized", detail="not today"), always=True)
        await acme_issuer(api, ca.directory, ca.ca)
        told = await judged(api, "ErrRegisterACMEAccount")
        assert "not today" in told.message
        asked = len(ca.asked("newAccount"))
        clock.move(minutes=5)
        await touch(api, 1)
        await change(api, preferredChain="x")  # an edit is tried at once
        await eventually(lambda: len(ca.asked("newAccount")) == asked + 1)
        ca.forgive()
        clock.move(minutes=16)
        await touch(api, 2)
        await judged(api, "ACMEAccountRegistered")

    async def test_a_limit_of_new_accounts(self, api: Stage, ca: FaultCa, clock: Clock) -> None:
        ca.refuse("newAccount", rate_limited("3600", "too many registrations"), rate_limited("3600"))
        await acme_issuer(api, ca.directory, ca.ca)
        told = await judged(api, "ErrRegisterACMEAccount")
        assert f"tried again at {clock():%Y-%m-%dT}" in told.message
        # Another issuer of the same CA asks for no account either.
        asked = len(ca.asked("newAccount"))
        await acme_issuer(api, ca.directory, ca.ca, name="other")
        held = await judged(api, "ErrRegisterACMEAccount", name="other")
        assert "no account is asked for until" in held.message
        assert len(ca.asked("newAccount")) == asked

    async def test_two_issuers_with_one_key_have_one_account(self, api: Stage, ca: FaultCa) -> None:
        shared: dict[str, Any] = {"privateKeySecretRef": {"name": "shared"}}
        await acme_issuer(api, ca.directory, ca.ca, **shared)
        await acme_issuer(api, ca.directory, ca.ca, name="other", **shared)
        await judged(api, "ACMEAccountRegistered")
        await judged(api, "ACMEAccountRegistered", name="other")
        assert len(ca.accounts) == 1

    async def test_a_cluster_issuer_keeps_its_key_in_the_namespace_of_the_program(
        self, api: Stage, ca: FaultCa
    ) -> None:
        acme = {
            "server": ca.directory,
            "caBundle": b64(ca.ca.encode()),
            "privateKeySecretRef": {"name": "account", "key": "key.pem"},
        }
        await api.create(ClusterIssuer, {"metadata": {"name": "acme"}, "spec": {"acme": acme}})

        async def ready() -> bool:
            found = await api.get(ClusterIssuer, "", "acme")
            said = None if found is None else condition(found, "Ready")
            return said is not None and said.status == "True"

        await eventually(ready)  # the namespace was made as well
        held = await api.get(Secret, "hearthgate", "account")
        assert held is not None
        assert held.keys() == ("key.pem",)


@pytest.mark.usefixtures("work")
class TestMistakes:
    @pytest.mark.parametrize(
        ("acme", "reason", "words"),
        [
            (
                {"server": "https://acme-v01.api.letsencrypt.org/directory"},
                "InvalidConfig",
                "use https://acme-v02.api.letsencrypt.org/directory",
            ),
            ({"disableAccountKeyGeneration": True}, "ErrVerifyACMEAccount", "disableAccountKeyGeneration"),
        ],
        ids=["ACME v1", "no key"],
    )
    async def test_in_the_spec(
        self, api: Stage, ca: FaultCa, acme: dict[str, Any], reason: str, words: str
    ) -> None:
        await acme_issuer(api, acme.pop("server", ca.directory), ca.ca, **acme)
        told = await judged(api, reason)
        assert (told.status, words in told.message) == ("False", True), told
        assert not ca.requests

    async def test_a_ca_that_this_machine_does_not_trust(self, api: Stage, ca: FaultCa) -> None:
        other = await self._other()
        await acme_issuer(api, ca.directory, other)
        told = await judged(api, "ErrRegisterACMEAccount")
        assert "not trusted" in told.message
        assert "caBundle" in told.message
        await change(api, caBundle=b64(ca.ca.encode()))
        await judged(api, "ACMEAccountRegistered")

    async def _other(self) -> str:
        async with run_fault_ca() as other:
            return other.ca

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"tls_key": b"not a key"}, "it is not a private key in PEM"),
            ({"other": b"x"}, "has no key 'tls.key' (it has other)"),
        ],
        ids=["no key", "another key of the Secret"],
    )
    async def test_in_the_key(self, api: Stage, ca: FaultCa, data: Any, words: str) -> None:
        await secret(api, "acme-account", **data)
        await acme_issuer(api, ca.directory, ca.ca)
        told = await judged(api, "ErrVerifyACMEAccount")
        assert words in told.message
        assert "not a key" not in told.message.replace("it is not a private key", "")
        held = await api.get(Secret, "default", "acme-account")
        assert held is not None
        assert len(held.keys()) == 1  # whatever it is, it is left alone

    async def test_a_key_that_no_account_can_have(self, api: Stage, ca: FaultCa) -> None:
        await secret(api, "acme-account", tls_key=key_pem(generate(EC._replace(size=521))))
        await acme_issuer(api, ca.directory, ca.ca)
        assert "use P-256 or P-384" in (await judged(api, "ErrVerifyACMEAccount")).message


async def test_what_is_registered_needs_no_ca(api: Stage, ca: FaultCa) -> None:
    async with issuing(api, {}):
        await acme_issuer(api, ca.directory, ca.ca)
        await judged(api, "ACMEAccountRegistered")
    asked = len(ca.requests)
    ca.refuse("directory", Refusal(drop=True), always=True)
    async with issuing(api, {}):
        await acme_issuer(api, ca.directory, ca.ca, name="later", disableAccountKeyGeneration=True)
        await judged(api, "ErrVerifyACMEAccount", name="later")  # so that both have been looked at
        assert (await judged(api, "ACMEAccountRegistered")).status == "True"
    assert len(ca.requests) == asked


async def test_another_key_makes_another_account(api: Stage, ca: FaultCa) -> None:
    async with issuing(api, {}):
        await acme_issuer(api, ca.directory, ca.ca)
        await judged(api, "ACMEAccountRegistered")
        await api.client.delete(BY_TYPE[Secret], "default", "acme-account")
        await eventually(lambda: len(ca.accounts) == 2, what="another account")

        async def told() -> bool:
            found = await api.get(Issuer, "default", "acme")
            assert found is not None
            account = found.status.acme if found.status is not None else None
            return account is not None and account.uri.endswith("/account/2")

        await eventually(told)
