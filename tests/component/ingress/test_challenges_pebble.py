"""Pebble looks for proofs through Envoy, as a CA does: on port 80 and 443, for names and for addresses."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.answers import Identifier, Status
from hearthgate.certificates.acme.client import AcmeClient, key_authorization
from tests.acme.pebble import Pebble, run_pebble
from tests.component.certificates.acme_flow import Issued, finish
from tests.component.ingress.certificates import certificate_of
from tests.component.ingress.challenges import HTTP, TLS_ALPN, Stage, challenge, route, staged
from tests.component.ingress.site import Manifest, manifest, middleware
from tests.waiting import eventually

NAMES = {HTTP: ("web.test", "127.0.0.1"), TLS_ALPN: ("handshake.test", "127.0.0.1")}
GUARDS = [
    middleware("nobody", {"ipAllowList": {"sourceRange": ["192.0.2.1"]}}),
    middleware("away", {"redirectScheme": {"scheme": "https"}}),
    route("everything", "PathPrefix(`/`)", "away", "nobody"),
    route("secure", "PathPrefix(`/`)", "nobody", entrypoint="websecure"),
]
"""What everybody else meets."""


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with staged(tmp_path, free_port) as found:
        yield found


@pytest.fixture
def pebble(stage: Stage) -> Iterator[Pebble]:
    with run_pebble(http_port=stage.site.plain, tls_port=stage.site.secure) as running:
        yield running


@pytest.fixture
async def client(pebble: Pebble) -> AsyncIterator[AcmeClient]:
    found = AcmeClient(pebble.directory, AccountKey.generate(), ca_bundle=pebble.ca)
    await found.register(email="ops@example.test")
    yield found
    await found.close()


async def verdict(client: AcmeClient, url: str) -> Status | None:
    found = await client.authorization(url)
    return None if found.status == Status.PENDING else found.status


async def issue(client: AcmeClient, stage: Stage, kind: str, *documents: Manifest) -> Issued:
    """One order for all names, each proof a Challenge, which is there for as long as it takes."""
    order = await client.new_order([Identifier.of(name) for name in NAMES[kind]])
    proofs: list[Manifest] = []
    urls: list[str] = []
    for number, url in enumerate(order.authorizations):
        authorization = await client.authorization(url)
        offered = next(one for one in authorization.challenges if one.type == kind.lower())
        proof = challenge(f"proof-{number}", authorization.identifier.value, kind, offered.token)
        proof["spec"]["key"] = key_authorization(offered.token, client.key)
        proofs.append(proof)
        urls.append(offered.url)
    await stage.apply(*documents, *proofs)
    for url in urls:
        await client.accept(url)
    for url in order.authorizations:
        assert await eventually(partial(verdict, client, url), what=f"a verdict on {url}") == Status.VALID
    await stage.apply(*documents)
    return await finish(client, order, NAMES[kind])


@pytest.mark.parametrize("kind", [HTTP, TLS_ALPN])
async def test_names_and_addresses_are_proved(kind: str, stage: Stage, client: AcmeClient, pebble: Pebble) -> None:
    issued = await issue(client, stage, kind, *GUARDS)
    name = NAMES[kind][0]
    private = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    values = {"tls.crt": issued.pem, "tls.key": private}
    secret = manifest("v1", "Secret", "issued", stringData=values, type="kubernetes.io/tls")
    filled = manifest(
        "cert-manager.io/v1",
        "Certificate",
        "issued",
        spec={"secretName": "issued", "issuerRef": {"name": "ca"}, "dnsNames": [name]},
    )
    await stage.apply(secret, filled, route("site", f"Host(`{name}`)", entrypoint="websecure"))
    shown = await certificate_of(stage.site.secure, name)
    assert shown is not None
    assert shown.serial == issued.leaf.serial_number, "it is served though no route names its Secret"
    root = x509.load_pem_x509_certificate(pebble.root().encode())
    issued.chain[-1].verify_directly_issued_by(root)


@pytest.mark.parametrize("kind", [HTTP, TLS_ALPN])
async def test_without_a_challenge_nothing_is_proved(kind: str, stage: Stage, client: AcmeClient) -> None:
    await stage.apply(*GUARDS)
    order = await client.new_order([Identifier.of("other.test")])
    (url,) = order.authorizations
    offered = next(one for one in (await client.authorization(url)).challenges if one.type == kind.lower())
    await client.accept(offered.url)
    assert await eventually(partial(verdict, client, url), what="a verdict") == Status.INVALID
