"""A throw-away CA for the HTTPS side of test servers: what a client must trust to speak to them."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Listener(NamedTuple):
    """PEM texts: the CA that clients trust, the server's certificate and its key."""

    ca: str
    certificate: str
    key: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Paths of certificate and key, for a server that reads files."""
        certificate, key = folder / "listener.pem", folder / "listener.key"
        certificate.write_text(self.certificate)
        key.touch(mode=0o600)
        key.write_text(self.key)
        return certificate, key

    def context(self, folder: Path) -> ssl.SSLContext:
        """For a server in this process."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.write(folder))
        return context


def make_listener(*names: str) -> Listener:
    """For localhost, 127.0.0.1 and further host names."""
    authority, authority_key = make_authority()
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in ("localhost", *names)]
    alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        _begun(_named("test listener"), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Listener(authority.public_bytes(pem).decode(), certificate.public_bytes(pem).decode(), private.decode())


def make_authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A root that may sign certificates."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("test listener CA")
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _begun(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=365))
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
