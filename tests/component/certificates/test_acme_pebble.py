"""The ACME client against Pebble, which refuses one good nonce in ten."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hearthgate.certificates.acme.account_key import AccountKey, Algorithm
from hearthgate.certificates.acme.answers import Identifier, Status
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Kind, NetworkTrouble, Rejected
from hearthgate.certificates.acme.jws import ExternalBinding
from hearthgate.certificates.acme.proofs import key_authorization
from hearthgate.certificates.acme.transport import Call
from tests.acme.pebble import BINDING_KEY, Pebble, run_pebble
from tests.component.certificates.acme_flow import finish, issue
from tests.waiting import eventually

EMAIL = "Ops@Example.org"


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    with run_pebble(bindings=None, blocked=["blocked.test"]) as running:
        yield running


@asynccontextmanager
async def registered(
    pebble: Pebble, *, algorithm: Algorithm = "ECDSA", calls: list[Call] | None = None
) -> AsyncIterator[AcmeClient]:
    client = AcmeClient(
        pebble.directory,
        AccountKey.generate(algorithm),
        ca_bundle=pebble.ca,
        observe=(lambda _: None) if calls is None else calls.append,
    )
    try:
        await client.register(email=EMAIL)
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize("algorithm", ["ECDSA", "RSA"])
async def test_apex_and_wildcard(pebble: Pebble, algorithm: Algorithm) -> None:
    names = [f"{algorithm.lower()}.test", f"*.{algorithm.lower()}.test"]
    async with registered(pebble, algorithm=algorithm) as client:
        issued = await issue(client, names, pebble.set_txt)
    found = issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(found.get_values_for_type(x509.DNSName)) == sorted(names)
    assert issued.leaf.public_key() == issued.key.public_key()
    issued.leaf.verify_directly_issued_by(issued.chain[1])
    root = x509.load_pem_x509_certificate(pebble.root().encode())
    issued.chain[-1].verify_directly_issued_by(root)


async def test_a_key_finds_its_account_again(pebble: Pebble) -> None:
    key = AccountKey.generate()
    first = AcmeClient(pebble.directory, key, ca_bundle=pebble.ca)
    second = AcmeClient(pebble.directory, AccountKey.parse(key.to_pem()), ca_bundle=pebble.ca)
    try:
        made = await first.register(email=EMAIL)
        found = await second.register(email="other@example.org")
    finally:
        await first.close()
        await second.close()
    assert made.created
    assert (made.email, found.email) == (EMAIL.lower(), EMAIL.lower())
    assert (found.uri, found.created) == (made.uri, False)


async def test_the_contact_changes(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        await client.update_contact("new@example.org")
        assert (await client.register(email="")).email == "new@example.org"


async def test_an_account_may_be_given(pebble: Pebble) -> None:
    calls: list[Call] = []
    async with registered(pebble) as client:
        other = AcmeClient(pebble.directory, client.key, ca_bundle=pebble.ca, observe=calls.append)
        other.account = client.account
        try:
            order = await other.new_order([Identifier.of("given.test")])
        finally:
            await other.close()
    assert order.status == Status.PENDING
    assert {call.action for call in calls} == {"discover", "new_nonce", "authorize_order"}


async def test_an_unknown_account_is_missing(pebble: Pebble) -> None:
    client = AcmeClient(pebble.directory, AccountKey.generate(), ca_bundle=pebble.ca)
    client.account = pebble.directory.replace("/dir", "/my-account/4711")
    try:
        with pytest.raises(Rejected) as raised:
            await client.new_order([Identifier.of("nobody.test")])
    finally:
        await client.close()
    assert raised.value.kind is Kind.ACCOUNT_MISSING


async def test_an_ip_address(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order([Identifier.of("127.0.0.1")])
        authorization = await client.authorization(order.authorizations[0])
        challenge = next(one for one in authorization.challenges if one.type == "http-01")
        await pebble.add_http01(challenge.token, key_authorization(challenge.token, client.key))
        await client.accept(challenge.url)

        async def verdict() -> bool:
            return (await client.authorization(order.authorizations[0])).status != Status.PENDING

        await eventually(verdict, what="a verdict")
        found = await client.challenge(challenge.url)
        issued = await finish(client, order, ["127.0.0.1"])
    names = issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [IPv4Address("127.0.0.1")]
    assert authorization.identifier == Identifier(type="ip", value="127.0.0.1")
    assert found.status == Status.VALID, found.error


async def test_chains_to_choose_from(pebble: Pebble) -> None:
    wanted = x509.load_pem_x509_certificate(pebble.root(2).encode()).subject
    name = str(wanted.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    async with registered(pebble) as client:
        chosen = await issue(client, ["chosen.test"], pebble.set_txt, preferred_chain=name)
        default = await issue(client, ["default.test"], pebble.set_txt, preferred_chain="No Such Root")
    assert chosen.chain[-1].issuer == wanted
    assert default.chain[-1].issuer == x509.load_pem_x509_certificate(pebble.root(0).encode()).subject


async def test_revoke(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        issued = await issue(client, ["revoked.test"], pebble.set_txt)
        before = pebble.certificate_status(issued.leaf.serial_number)
        await client.revoke(issued.leaf.public_bytes(Encoding.DER), reason=4)
    assert (before, pebble.certificate_status(issued.leaf.serial_number)) == ("Valid", "Revoked")


async def test_a_wrong_proof_is_named(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order([Identifier.of("wrong.test")])
        authorization = await client.authorization(order.authorizations[0])
        challenge = next(one for one in authorization.challenges if one.type == "dns-01")
        await pebble.set_txt("_acme-challenge.wrong.test", "something-else")
        await client.accept(challenge.url)

        async def invalid() -> bool:
            return (await client.authorization(order.authorizations[0])).status == Status.INVALID

        await eventually(invalid, what="the refusal")
        refused = await client.authorization(order.authorizations[0])
        failed = await client.order(order.url)
    assert refused.error is not None
    assert refused.error.word == "unauthorized"
    assert failed.status == Status.INVALID


async def test_an_authorization_is_given_up(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order([Identifier.of("given-up.test")])
        await client.deactivate_authorization(order.authorizations[0])
        found = await client.authorization(order.authorizations[0])
    assert found.status == Status.DEACTIVATED


async def test_finalize_too_early_and_twice(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        early = await client.new_order([Identifier.of("early.test")])
        with pytest.raises(Rejected) as raised:
            await client.finalize(early.finalize, b"\x30\x00", order=early.url)
        issued = await issue(client, ["twice.test"], pebble.set_txt)
        again = await client.finalize(issued.order.finalize, b"\x30\x00", order=issued.order.url)
    assert raised.value.kind is Kind.NOT_READY
    assert again.certificate == issued.order.certificate


async def test_a_blocked_name(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        with pytest.raises(Rejected) as raised:
            await client.new_order([Identifier.of("www.blocked.test"), Identifier.of("fine.test")])
    assert raised.value.kind is Kind.NAME_REFUSED
    assert "www.blocked.test" in str(raised.value)


async def test_what_is_gone(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order([Identifier.of("gone.test")])
        with pytest.raises(Rejected) as raised:
            await client.order(order.url + "0")
    assert raised.value.kind is Kind.GONE


async def test_no_ari_is_none(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        assert await client.renewal_info("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") is None
        assert abs(client.clock_offset or 99) < 3


async def test_an_untrusted_ca(pebble: Pebble) -> None:
    client = AcmeClient(pebble.directory, AccountKey.generate())
    try:
        with pytest.raises(NetworkTrouble, match="caBundle"):
            await client.directory_info()
    finally:
        await client.close()


async def test_skip_tls_verify(pebble: Pebble) -> None:
    client = AcmeClient(pebble.directory, AccountKey.generate(), skip_tls_verify=True)
    try:
        assert (await client.directory_info()).new_order.startswith("https://")
    finally:
        await client.close()


async def test_every_request_is_observed(pebble: Pebble) -> None:
    calls: list[Call] = []
    async with registered(pebble, calls=calls) as client:
        await issue(client, ["observed.test"], pebble.set_txt)
    good = {(call.action, call.method) for call in calls if call.status < 300}
    assert good >= {
        ("discover", "GET"),
        ("new_nonce", "HEAD"),
        ("register_account", "POST"),
        ("authorize_order", "POST"),
        ("get_authorization", "POST"),
        ("accept_challenge", "POST"),
        ("get_order", "POST"),
        ("create_order_cert", "POST"),
        ("fetch_cert", "POST"),
    }
    assert {(call.scheme, call.host) for call in calls} == {("https", pebble.directory.split("/")[2])}


async def test_external_accounts() -> None:
    with run_pebble(bindings={"kid-1": BINDING_KEY}) as pebble:
        client = AcmeClient(pebble.directory, AccountKey.generate(), ca_bundle=pebble.ca)
        wrong = ExternalBinding.parse("kid-1", b"c29tZXRoaW5nLWVsc2U")
        right = ExternalBinding.parse("kid-1", f" {BINDING_KEY}\n".encode())
        try:
            with pytest.raises(Rejected) as unbound:
                await client.register(email="")
            with pytest.raises(Rejected) as refused:
                await client.register(email="", binding=wrong)
            made = await client.register(email="", binding=right)
            found = await client.register(email="")
        finally:
            await client.close()
    assert unbound.value.kind is Kind.BINDING_REQUIRED
    assert refused.value.kind is Kind.UNAUTHORIZED
    assert (made.created, found.created, found.uri) == (True, False, made.uri)


async def test_a_storm_of_refused_nonces() -> None:
    with run_pebble(nonce_reject=40) as pebble:
        async with registered(pebble) as client:
            issued = await issue(client, ["storm.test"], pebble.set_txt)
    assert issued.leaf.public_key() == issued.key.public_key()
