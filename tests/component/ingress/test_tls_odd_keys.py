"""Private keys that look like the certificate's and do not work: refused by the proxy, alone."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.component.ingress.certificates import Shown, certificate_of, self_signed
from tests.component.ingress.live import Live, live
from tests.component.ingress.site import Manifest, manifest, service


@pytest.fixture
async def loop(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Live]:
    async with live(tmp_path, free_port) as found:
        yield found


def broken_pair(name: str) -> tuple[str, str]:
    """An RSA certificate, and its key with an exponent that undoes nothing."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    good = key.private_numbers()
    bad = rsa.RSAPrivateNumbers(
        p=good.p,
        q=good.q,
        d=good.d - 2,
        dmp1=good.dmp1,
        dmq1=good.dmq1,
        iqmp=good.iqmp,
        public_numbers=good.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    pem = bad.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def site(name: str, chain: str, key: str) -> list[Manifest]:
    host = f"{name}.test"
    values = {"tls.crt": chain, "tls.key": key}
    routes = [{"match": f"Host(`{host}`)", "services": [{"name": "app", "port": 80}]}]
    spec = {"routes": routes, "tls": {"secretName": name}}
    return [
        manifest("v1", "Secret", name, stringData=values, type="kubernetes.io/tls"),
        manifest("traefik.io/v1alpha1", "IngressRoute", name, spec=spec),
    ]


async def test_a_key_that_does_not_work_costs_only_its_own_host(loop: Live) -> None:
    good = self_signed("good.test")
    documents = [
        *service("app", 1),
        *site("good", good.chain.decode(), good.key.decode()),
        *site("bad", *broken_pair("bad.test")),
    ]
    await loop.serve(documents)
    assert await certificate_of(loop.port, "bad.test") is None
    assert await certificate_of(loop.port, "good.test") == Shown("good.test", 1)
    assert [rejection.names for rejection in loop.gateway.server.rejections] == [("bad.test",)]
