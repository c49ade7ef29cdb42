"""Orders from beginning to end, for tests of clients and servers: proofs by DNS-01, looks without a pause."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.acme.answers import Identifier, OrderAnswer, Status
from hearthgate.certificates.acme.client import AcmeClient, dns_value, key_authorization
from tests.waiting import eventually

Publish = Callable[[str, str], Awaitable[object]]
"""Name of the record and its text."""


class Issued(NamedTuple):
    pem: str
    key: ec.EllipticCurvePrivateKey
    order: OrderAnswer

    @property
    def chain(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.pem.encode())

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]


def csr_for(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> bytes:
    identifiers = [Identifier.of(name) for name in names]
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ip_address(one.value)) if one.type == "ip" else x509.DNSName(one.value)
        for one in identifiers
    ]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = request.add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


async def prove(client: AcmeClient, order: OrderAnswer, publish: Publish) -> None:
    """Gives every proof that the order lacks, and waits for the CA's verdict."""
    for url in order.authorizations:
        authorization = await client.authorization(url)
        if authorization.status == Status.VALID:
            continue
        challenge = next(one for one in authorization.challenges if one.type == "dns-01")
        text = dns_value(key_authorization(challenge.token, client.key))
        await publish(f"_acme-challenge.{authorization.identifier.value}", text)
        await client.accept(challenge.url)
        verdict = await eventually(partial(_decided, client, url), what=f"a verdict on {url}")
        assert verdict == Status.VALID, verdict


async def _decided(client: AcmeClient, url: str) -> Status | None:
    found = await client.authorization(url)
    return None if found.status == Status.PENDING else found.status


async def finish(
    client: AcmeClient, order: OrderAnswer, names: Sequence[str], *, preferred_chain: str = ""
) -> Issued:
    """Finalizes an order whose names are proved, and fetches its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    await eventually(lambda: _is(client, order.url, Status.READY), what="a ready order")
    await client.finalize(order.finalize, csr_for(key, names), order=order.url)
    await eventually(lambda: _is(client, order.url, Status.VALID), what="a certificate")
    done = await client.order(order.url)
    assert done.certificate is not None
    return Issued(await client.certificate(done.certificate, preferred_chain=preferred_chain), key, done)


async def _is(client: AcmeClient, url: str, status: Status) -> bool:
    return (await client.order(url)).status == status


async def issue(
    client: AcmeClient,
    names: Sequence[str],
    publish: Publish,
    *,
    profile: str = "",
    replaces: str = "",
    preferred_chain: str = "",
) -> Issued:
    identifiers = [Identifier.of(name) for name in names]
    order = await client.new_order(identifiers, profile=profile, replaces=replaces)
    await prove(client, order, publish)
    return await finish(client, order, names, preferred_chain=preferred_chain)
