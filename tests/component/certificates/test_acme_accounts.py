"""Accounts at a CA, and the clients that use them."""

from collections.abc import AsyncIterator

import pytest

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.accounts import AccountAt, Accounts
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Kind, Rejected
from hearthgate.certificates.acme.jws import ExternalBinding
from hearthgate.certificates.acme.transport import Call
from hearthgate.model.errors import Permanent
from tests.acme.fault_ca import FaultCa, Refusal, run_fault_ca
from tests.acme.pebble import BINDING_KEY


@pytest.fixture
async def ca() -> AsyncIterator[FaultCa]:
    async with run_fault_ca() as running:
        yield running


@pytest.fixture
async def client(ca: FaultCa) -> AsyncIterator[AcmeClient]:
    client = AcmeClient(ca.directory, AccountKey.generate(), ca_bundle=ca.ca)
    yield client
    await client.close()


async def test_external_accounts(ca: FaultCa, client: AcmeClient) -> None:
    ca.bindings = {"kid-1": ExternalBinding.parse("kid-1", BINDING_KEY.encode()).mac_key.reveal()}
    with pytest.raises(Rejected) as unbound:
        await client.register(email="")
    assert unbound.value.kind is Kind.BINDING_REQUIRED
    with pytest.raises(Rejected) as refused:
        await client.register(email="", binding=ExternalBinding.parse("kid-1", b"AAAA"))
    assert BINDING_KEY not in str(refused.value)
    assert (await client.register(email="", binding=ExternalBinding.parse("kid-1", BINDING_KEY.encode()))).created
    assert not (await client.register(email="")).created
    assert "externalAccountBinding" not in ca.asked("newAccount")[-1]


async def test_an_account_that_was_deactivated(ca: FaultCa, client: AcmeClient) -> None:
    ca.refuse(
        "newAccount",
        Refusal(status=200, body='{"status": "revoked"}', headers={"Location": "https://ca.invalid/1"}),
    )
    with pytest.raises(Permanent, match="is revoked"):
        await client.register(email="")
    assert client.account == ""


@pytest.mark.parametrize("directory", ["http://ca.example/dir", "ca.example/dir", "https://", ""])
def test_a_directory_must_be_https(directory: str) -> None:
    with pytest.raises(Permanent, match="https"):
        AcmeClient(directory, AccountKey.generate())


def test_a_bundle_must_be_pem() -> None:
    with pytest.raises(Permanent, match="caBundle"):
        AcmeClient("https://ca.example/dir", AccountKey.generate(), ca_bundle="no certificates")


async def test_one_client_for_each_account(ca: FaultCa) -> None:
    calls: list[Call] = []
    accounts = Accounts(observe=calls.append)
    one = AccountAt(ca.directory, AccountKey.generate(), ca.ca)
    other = one._replace(key=AccountKey.generate())
    client = accounts.client(one)
    again = AccountAt(one.directory, AccountKey.parse(one.key.to_pem()), one.ca_bundle)
    try:
        assert accounts.client(again) is client
        assert accounts.client(other) is not client
        await accounts.client(other).register(email="")
        await accounts.keep([one])
        assert accounts.client(one) is client
        assert accounts.client(other).account == ""
    finally:
        await accounts.close()
    assert calls
