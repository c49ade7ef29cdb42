"""The certificate that a CA must be shown for TLS-ALPN-01 (RFC 8737 3, RFC 8738 6 for addresses). Pure."""

import hashlib
import ipaddress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hearthgate.ingress.routing.model import Proof

PROTOCOL: Final = "acme-tls/1"
IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
"""id-pe-acmeIdentifier"""
_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve's group (FIPS 186-4 D.1.2.3)."""
_OCTET_STRING, _LENGTH = 0x04, 32
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""Nobody looks at the dates; so a clock that is wrong cannot matter."""


class ProofPair(NamedTuple):
    """PEM."""

    chain: bytes
    key: bytes


def server_name(proof: Proof) -> str:
    """What the CA asks for by SNI: the host, or the name under which an address stands in DNS."""
    try:
        return ipaddress.ip_address(proof.host).reverse_pointer
    except ValueError:
        return proof.host


def proof_pair(proof: Proof) -> ProofPair:
    """The same for the same proof. The key is made from what the CA knows anyway: it guards nothing, since the
    certificate is believed for the digest in it and for nothing else."""
    seed = hashlib.sha256(b"hearthgate proof " + proof.key_authorization.encode()).digest()
    key = ec.derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, _CURVE)
    digest = hashlib.sha256(proof.key_authorization.encode()).digest()
    identifier = x509.UnrecognizedExtension(IDENTIFIER, bytes((_OCTET_STRING, _LENGTH)) + digest)
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(seed[:8]) | 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectAlternativeName([_general_name(proof.host)]), critical=True)
        .add_extension(identifier, critical=True)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return ProofPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
