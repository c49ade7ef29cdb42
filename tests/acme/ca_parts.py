"""What a CA is made of: it reads signed requests, and signs certificates.

Nothing here is Hearthgate's own code, so that a mistake there cannot hide behind the same mistake here.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256()),
    "P-384": (ec.SECP384R1(), hashes.SHA384()),
}


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Signed:
    """A request as it came: header, payload (None for POST-as-GET), and what its signature is about."""

    header: dict[str, Any]
    payload: Any
    signature: bytes
    content: bytes

    @classmethod
    def read(cls, body: bytes) -> "Signed":
        parts = json.loads(body)
        header = json.loads(unb64(parts["protected"]))
        payload = json.loads(unb64(parts["payload"])) if parts["payload"] else None
        content = f"{parts['protected']}.{parts['payload']}".encode()
        return cls(header, payload, unb64(parts["signature"]), content)

    def is_by(self, jwk: dict[str, str]) -> bool:
        numbers = {name: int.from_bytes(unb64(jwk[name]), "big") for name in "nexy" if name in jwk}
        try:
            if jwk["kty"] == "RSA":
                public = rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()
                public.verify(self.signature, self.content, padding.PKCS1v15(), hashes.SHA256())
            else:
                curve, digest = _CURVES[jwk["crv"]]
                half = len(self.signature) // 2
                pair = (int.from_bytes(self.signature[part], "big") for part in (slice(half), slice(half, None)))
                point = ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], curve).public_key()
                point.verify(encode_dss_signature(*pair), self.content, ec.ECDSA(digest))
        except (InvalidSignature, KeyError, ValueError):
            return False
        return True


def thumbprint(jwk: dict[str, str]) -> str:
    return b64(hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest())


def names_of(csr: x509.CertificateSigningRequest) -> set[str]:
    try:
        found = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return {*found.get_values_for_type(x509.DNSName), *addresses}


class Flaw(StrEnum):
    """What is wrong with the certificates that the CA gives."""

    NONE = "none"
    OTHER_KEY = "other key"
    OTHER_NAMES = "other names"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    NO_INTERMEDIATE = "no intermediate"


class Signer:
    """A root and an intermediate that signs."""

    def __init__(self, now: datetime) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root, middle = _named("Fault CA Root"), _named("Fault CA Intermediate")
        life = (now - timedelta(days=30), now + timedelta(days=3650))
        self._root = _ca(root, self._root_key, root, self._root_key, life)
        self._intermediate = _ca(middle, self._key, root, self._root_key, life)

    @property
    def root(self) -> str:
        return self._root.public_bytes(Encoding.PEM).decode()

    def issue(
        self, csr: x509.CertificateSigningRequest, *, now: datetime, life: timedelta, flaw: Flaw
    ) -> tuple[x509.Certificate, str]:
        """The leaf, and the chain as PEM. Valid from an hour ago, as Let's Encrypt does it."""
        start = now - timedelta(hours=1)
        if flaw is Flaw.EXPIRED:
            start = now - life - timedelta(hours=2)
        elif flaw is Flaw.NOT_YET_VALID:
            start = now + timedelta(hours=2)
        public = (
            ec.generate_private_key(ec.SECP256R1()).public_key() if flaw is Flaw.OTHER_KEY else csr.public_key()
        )
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if flaw is Flaw.OTHER_NAMES:
            names = x509.SubjectAlternativeName([x509.DNSName("other.invalid")])
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._intermediate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + life)
            .add_extension(names, critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        chain = [leaf] if flaw is Flaw.NO_INTERMEDIATE else [leaf, self._intermediate]
        return leaf, "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)


def cert_id(leaf: x509.Certificate) -> str:
    """Of RFC 9773, section 4.1."""
    identifier = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = leaf.serial_number
    return f"{b64(identifier or b'')}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def _ca(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    life: tuple[datetime, datetime],
) -> x509.Certificate:
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life[0])
        .not_valid_after(life[1])
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
