"""passTLSClientCert through the real proxy, with certificates of every shape."""

import base64
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.component.ingress.site import Answer, Site, Spec, manifest, site

ALL = dict.fromkeys(
    ("commonName", "country", "domainComponent", "locality", "organization", "province", "serialNumber"), True
)
SUBJECT = {**ALL, "organizationalUnit": True}
EVERYTHING = dict.fromkeys(("notAfter", "notBefore", "sans", "serialNumber"), True)
CERT, INFO = "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info"
START, END = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2052, 2, 29, 12, 0, 1, tzinfo=UTC)
SERIAL = 2**158 + 12345678901234567890


def name(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


RICH = name(
    (NameOID.COMMON_NAME, 'Ada "L", Ltd; é'),
    (NameOID.ORGANIZATION_NAME, "One"),
    (NameOID.ORGANIZATION_NAME, "Two & co"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Unit"),
    (NameOID.COUNTRY_NAME, "FR"),
    (NameOID.STATE_OR_PROVINCE_NAME, "Some State"),
    (NameOID.LOCALITY_NAME, "Town"),
    (NameOID.SERIAL_NUMBER, "007"),
    (NameOID.DOMAIN_COMPONENT, "org"),
    (NameOID.DOMAIN_COMPONENT, "example"),
    (NameOID.EMAIL_ADDRESS, "not@told"),
)
SANS = [
    x509.UniformResourceIdentifier("spiffe://lab/ada"),
    x509.IPAddress(ip_address("2001:db8::1")),
    x509.RFC822Name("ada@example.org"),
    x509.DNSName("b.example.org"),
    x509.IPAddress(ip_address("192.0.2.7")),
    x509.DNSName("*.example.org"),
]


def identity(folder: Path, subject: x509.Name, *sans: x509.GeneralName) -> tuple[ssl.SSLContext, bytes]:
    """A client that shows a certificate, and the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(name((NameOID.COMMON_NAME, "Home CA"), (NameOID.ORGANIZATION_NAME, "Home")))
        .public_key(key.public_key())
        .serial_number(SERIAL)
        .not_valid_before(START)
        .not_valid_after(END)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "client.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(path)
    return context, certificate.public_bytes(serialization.Encoding.DER)


def anonymous() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    options = manifest(
        "traefik.io/v1alpha1", "TLSOption", "ask", spec={"clientAuth": {"clientAuthType": "RequestClientCert"}}
    )
    info: Spec = {**EVERYTHING, "subject": SUBJECT, "issuer": ALL}
    routes: dict[str, list[Spec]] = {
        "pem": [{"passTLSClientCert": {"pem": True}}],
        "info": [{"passTLSClientCert": {"info": info}}],
        "both": [{"passTLSClientCert": {"pem": True, "info": {"sans": True}}}],
        "few": [{"passTLSClientCert": {"info": {"subject": {"commonName": True}, "notAfter": True}}}],
        "dates": [{"passTLSClientCert": {"info": {"notBefore": True, "issuer": {"organization": True}}}}],
    }
    async with site(tmp_path, free_port) as one:
        one.trusted = ("127.0.0.0/8",)
        assert await one.serve(routes, options, tls_options="ask") == []
        yield one


def told(answer: Answer) -> str:
    return unquote_plus(answer.sent(INFO) or "")


async def test_the_certificate(running: Site, tmp_path: Path) -> None:
    context, der = identity(tmp_path, RICH, *SANS)
    answer = await running.get("pem", tls=context)
    assert answer.sent(CERT) == base64.b64encode(der).decode()
    assert answer.sent(INFO) is None
    answer = await running.get("both", tls=context)
    assert answer.sent(CERT) == base64.b64encode(der).decode()
    assert answer.sent(INFO) is not None


async def test_everything_in_upstreams_order(running: Site, tmp_path: Path) -> None:
    context, _ = identity(tmp_path, RICH, *SANS)
    answer = await running.get("info", tls=context)
    assert told(answer) == (
        'Subject="DC=org,DC=example,C=FR,ST=Some State,L=Town,O=One,O=Two & co,OU=Unit,SN=007,CN=Ada "L", Ltd; é"'
        ';Issuer="O=Home,CN=Home CA"'
        f';SerialNumber="{SERIAL}"'
        f';NB="{int(START.timestamp())}";NA="{int(END.timestamp())}"'
        ';SAN="b.example.org,*.example.org,ada@example.org,2001:db8::1,192.0.2.7,spiffe://lab/ada"'
    )
    raw = answer.sent(INFO) or ""
    assert "+%26+co" in raw
    assert "%C3%A9" in raw
    assert "*" not in raw
    assert (await running.get("info", tls=context)).sent(INFO) == raw


async def test_parts(running: Site, tmp_path: Path) -> None:
    context, _ = identity(tmp_path, RICH)
    few = await running.get("few", tls=context)
    assert told(few) == f'Subject="CN=Ada "L", Ltd; é";NA="{int(END.timestamp())}"'
    dates = await running.get("dates", tls=context)
    assert told(dates) == f'Issuer="O=Home";NB="{int(START.timestamp())}"'


async def test_empty_parts_are_left_out(running: Site, tmp_path: Path) -> None:
    context, _ = identity(tmp_path, name())
    assert told(await running.get("both", tls=context)) == ""
    assert told(await running.get("few", tls=context)) == f'NA="{int(END.timestamp())}"'


@pytest.mark.parametrize("host", ["pem", "info"])
async def test_what_a_client_says_itself_never_passes(running: Site, host: str) -> None:
    spelt = CERT.replace("-", "_")
    said = {CERT: "forged", INFO: "forged", spelt: "forged"}
    for tls in (anonymous(), None):
        answer = await running.get(host, headers=said, tls=tls)
        assert answer.status == 200
        assert answer.sent(CERT) is None
        assert answer.sent(INFO) is None
        assert answer.sent(spelt) is None
