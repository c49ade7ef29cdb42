"""The certificate for names that no other covers: made once per state folder, so that it stays the same."""

import datetime
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hearthgate.disk.atomic import write_atomically
from hearthgate.ingress.routing.certificates import InvalidPairError, read_pair
from hearthgate.ingress.routing.model import Certificate
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes

COMMON_NAME = "HEARTHGATE DEFAULT CERT"
LIFETIME = datetime.timedelta(days=3650)


def self_signed_certificate(folder: Path) -> Certificate:
    """The pair in `folder`, made new when there is none that can be read."""
    path = folder / "default-certificate.pem"
    ref = ObjectRef("Settings", "", path.name)
    try:
        pem = path.read_bytes()
        return read_pair(ref, pem, SecretBytes(pem))
    except (OSError, InvalidPairError):
        pem = _new_pair(datetime.datetime.now(datetime.UTC))
        write_atomically(path, pem, mode=0o600)
        return read_pair(ref, pem, SecretBytes(pem))


def _new_pair(now: datetime.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(socket.gethostname()[:60])]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
