"""Requests to ACME issuers, ordered from Pebble: what a CA that nobody has tamed accepts."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.x509.keys import generate, same_public_key
from hearthgate.resources.certmanager import CertificateRequest, Challenge, Issuer, Order
from hearthgate.resources.core import Secret
from tests.acme.pebble import BINDING_KEY, Pebble, run_pebble
from tests.component.certificates.acme_stage import Records, acme_issuer, issuing, judged, order_with
from tests.component.certificates.requests_made import EC, chain_of, ended, request, secret
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    with run_pebble() as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as played:
        await secret(played, "token", token=b"t")
        yield played


@pytest.fixture
async def records(api: Stage, pebble: Pebble) -> AsyncIterator[Records]:
    async def remove(name: str, value: str) -> None:
        await pebble.clear_txt(name)

    written = Records(pebble.set_txt, remove)
    async with issuing(api, {"DNS-01": written}):
        yield written


async def gone(api: Stage) -> bool:
    return not await api.all(Challenge)


async def test_a_domain_and_its_wildcard(api: Stage, records: Records, pebble: Pebble) -> None:
    await acme_issuer(api, pebble.directory, pebble.ca, email="Me@example.test")
    key = generate(EC)
    names = ["home.test", "*.home.test"]
    await request(api, "web-1", issuer="acme", key=key, dnsNames=names, labels={"app": "web"})
    ready = await ended(api, "web-1")
    assert (ready.status, ready.reason) == ("True", "Issued"), ready
    chain = await chain_of(api, "web-1")
    assert sorted(chain.leaf.names.dns) == sorted(names)
    assert same_public_key(chain.leaf.public_key, key)
    found = await api.get(CertificateRequest, "default", "web-1")
    assert found is not None
    assert found.status is not None
    assert not found.status.ca  # an ACME CA's root is nobody's business
    (order,) = await api.all(Order)
    assert order.status is not None
    assert (order.status.state, order.status.reason) == ("valid", "")
    assert order.metadata.labels == {"app": "web"}
    assert order.metadata.name.startswith("web-1-")
    assert {(one.identifier, one.wildcard) for one in order.status.authorizations} == {
        ("home.test", False),
        ("home.test", True),
    }
    assert base64.b64decode(order.status.certificate).startswith(b"-----BEGIN CERTIFICATE")
    await eventually(lambda: gone(api), what="the Challenges to be gone")
    await eventually(lambda: not records.records, what="the records to be gone")


async def test_the_account_of_an_issuer(api: Stage, records: Records, pebble: Pebble) -> None:
    await acme_issuer(api, pebble.directory, pebble.ca, email="Me@example.test")
    ready = await judged(api, "ACMEAccountRegistered")
    assert ready.status == "True"
    found = await api.get(Issuer, "default", "acme")
    assert found is not None
    assert found.status is not None
    assert found.status.acme is not None
    assert found.status.acme.uri.startswith("https://127.0.0.1:")
    assert found.status.acme.last_registered_email == "me@example.test"
    held = await api.get(Secret, "default", "acme-account")
    assert held is not None
    value = held.value("tls.key")
    assert value is not None
    assert b"EC PRIVATE KEY" in value.reveal()
    assert len(base64.b64decode(found.status.acme.last_private_key_hash)) == 32


async def test_what_is_proved_already_needs_no_proof(api: Stage) -> None:
    with run_pebble(authz_reuse=100) as pebble:
        records = Records(pebble.set_txt)
        async with issuing(api, {"DNS-01": records}):
            await acme_issuer(api, pebble.directory, pebble.ca)
            for number in range(3):
                await request(api, f"web-{number}", issuer="acme", dnsNames=["reused.test"])
                assert (await ended(api, f"web-{number}")).reason == "Issued"
        assert records.presented == ["_acme-challenge.reused.test"]


async def test_a_name_that_the_ca_does_not_find_proved(api: Stage, records: Records, pebble: Pebble) -> None:
    async def nothing(name: str, value: str) -> None:
        pass

    records.write = nothing
    await acme_issuer(api, pebble.directory, pebble.ca)
    await request(api, "web-1", issuer="acme", dnsNames=["unproved.test"])
    ready = await ended(api, "web-1")
    assert (ready.reason, "unproved.test" in ready.message) == ("Failed", True)
    order = await order_with(api, lambda one: one.status is not None and one.status.state == "invalid")
    assert order.status is not None
    assert order.status.failure_time
    (challenge,) = await api.all(Challenge)
    assert challenge.status is not None
    assert (challenge.status.state, challenge.status.processing) == ("invalid", False)
    assert "unauthorized" in challenge.status.reason
    await eventually(lambda: not records.records, what="the record to be gone")


async def test_an_external_account(api: Stage) -> None:
    bindings = {"kid-1": BINDING_KEY}
    with run_pebble(bindings=bindings) as pebble:
        records = Records(pebble.set_txt)
        async with issuing(api, {"DNS-01": records}):
            binding = {"keyID": "kid-1", "keySecretRef": {"name": "eab", "key": "hmac"}}
            await acme_issuer(api, pebble.directory, pebble.ca, externalAccountBinding=binding)
            said = await judged(api, "ErrRegisterACMEAccount", words="default/eab does not exist")
            assert "externalAccountBinding.keySecretRef" in said.message
            await secret(api, "eab", hmac=BINDING_KEY.encode())
            await judged(api, "ACMEAccountRegistered")
            await acme_issuer(api, pebble.directory, pebble.ca, name="bare")
            told = await judged(api, "ErrRegisterACMEAccount", name="bare")
            assert "externalAccountRequired" in told.message
            assert "get a key id and a MAC key" in told.message


async def test_a_key_of_cert_manager_goes_on_working(api: Stage, records: Records, pebble: Pebble) -> None:
    await secret(api, "acme-account", tls_key=AccountKey.generate("RSA").to_pem())
    await acme_issuer(api, pebble.directory, pebble.ca)
    await judged(api, "ACMEAccountRegistered")
    await request(api, "web-1", issuer="acme", dnsNames=["rsa.test"])
    assert (await ended(api, "web-1")).reason == "Issued"
