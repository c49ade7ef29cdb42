"""The ACME client against acme2certifier: ARI and profiles by another hand than ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.answers import Identifier
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Kind, Rejected
from tests.acme.a2c import PROFILES, A2c, run_a2c
from tests.acme.ca_parts import cert_id
from tests.component.certificates.acme_flow import issue


@pytest.fixture(scope="module")
def server() -> Iterator[A2c]:
    with run_a2c() as running:
        yield running


@asynccontextmanager
async def registered(server: A2c) -> AsyncIterator[AcmeClient]:
    client = AcmeClient(server.directory, AccountKey.generate(), ca_bundle=server.ca)
    try:
        await client.register(email="ops@example.org")
        yield client
    finally:
        await client.close()


async def nowhere(name: str, text: str) -> None:
    """The server believes every proof."""


async def test_renewal_by_ari(server: A2c) -> None:
    names = ["ari.test", "*.ari.test"]
    async with registered(server) as client:
        first = await issue(client, names, nowhere)
        found = await client.renewal_info(cert_id(first.leaf))
        assert found is not None
        window = found.suggested_window
        assert window.end - window.start == timedelta(hours=24)
        assert first.leaf.not_valid_before_utc < window.start < window.end < first.leaf.not_valid_after_utc
        assert found.retry_after == 21600
        order = await client.new_order([Identifier.of(name) for name in names], replaces=cert_id(first.leaf))
        second = await issue(client, names, nowhere, replaces=cert_id(first.leaf))
    assert order.replaces == cert_id(first.leaf)
    assert second.leaf.serial_number != first.leaf.serial_number
    second.leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(server.root.encode()))


async def test_a_certificate_that_the_server_does_not_know(server: A2c) -> None:
    async with registered(server) as client:
        with pytest.raises(Rejected):
            await client.renewal_info("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")


async def test_profiles(server: A2c) -> None:
    async with registered(server) as client:
        assert dict((await client.directory_info()).profiles) == PROFILES
        assert (await issue(client, ["short.test"], nowhere, profile="short")).chain
        with pytest.raises(Rejected) as raised:
            await client.new_order([Identifier.of("short.test")], profile="unknown")
    assert raised.value.kind is Kind.BAD_PROFILE


async def test_accounts_and_revocation(server: A2c) -> None:
    async with registered(server) as client:
        await client.update_contact("New@example.org")
        found = await client.register(email="")
        assert (found.email, found.created) == ("new@example.org", False)
        issued = await issue(client, ["revoked.test"], nowhere)
        await client.revoke(issued.leaf.public_bytes(Encoding.DER), reason=4)
        with pytest.raises(Rejected, match="alreadyRevoked"):
            await client.revoke(issued.leaf.public_bytes(Encoding.DER), reason=4)
