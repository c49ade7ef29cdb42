"""Facts of a certificate chain in PEM: all that a controller asks of what a Secret holds."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.acme import base64url
from hearthgate.certificates.x509.names import Names, found_in
from hearthgate.certificates.x509.subject import common_name
from hearthgate.resources.certmanager import usages as words

_WRONG = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class CertificateProblem(ValueError):
    """Why bytes are no certificate chain."""


class Leaf(NamedTuple):
    """The first certificate. Times are aware, in UTC. aki, ski: key identifiers; None without the extension."""

    serial: int
    subject: x509.Name
    issuer: x509.Name
    common_name: str
    names: Names
    not_before: datetime
    not_after: datetime
    public_key: CertificatePublicKeyTypes
    aki: bytes | None
    ski: bytes | None
    is_ca: bool
    usages: frozenset[str]

    @property
    def lifetime(self) -> timedelta:
        return self.not_after - self.not_before

    @property
    def serial_text(self) -> str:
        """Bytes in hexadecimal with colons, as openssl and browsers show it."""
        return serial_bytes(self.serial).hex(":")

    @property
    def hosts(self) -> frozenset[str]:
        """Common name and host names as one set: a CA may move a name from one to the other."""
        return frozenset((*self.names.dns, *((self.common_name,) if self.common_name else ())))


class Chain(NamedTuple):
    """certificates: as they are in the file, the leaf first."""

    leaf: Leaf
    certificates: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> bytes:
        return pem_of(self.certificates)


@lru_cache(maxsize=8192)
def parse_chain(pem: bytes) -> Chain:
    """Raises CertificateProblem: without a certificate, or with one that cannot be read."""
    try:
        certificates = tuple(x509.load_pem_x509_certificates(pem))
        return Chain(_facts(certificates[0]), certificates)
    except _WRONG:
        raise CertificateProblem("not a certificate in PEM") from None


def pem_of(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def serial_bytes(serial: int) -> bytes:
    """The content octets of the serial number in DER: signed, so that a leading zero may be there."""
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)


def ari_id(leaf: Leaf) -> str | None:
    """How RFC 9773, section 4.1, names a certificate; None when it does not name the key of its issuer."""
    if leaf.aki is None:
        return None
    return f"{base64url.encode(leaf.aki)}.{base64url.encode(serial_bytes(leaf.serial))}"


def _facts(certificate: x509.Certificate) -> Leaf:
    names, usages = Names(), frozenset[str]()
    aki, ski, is_ca = None, None, False
    for extension in certificate.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as found:
                names = found_in(found)
            case x509.KeyUsage() as bits:
                usages |= words.words_of_key_usage(bits)
            case x509.ExtendedKeyUsage() as purposes:
                usages |= words.words_of_extended(purposes)
            case x509.BasicConstraints() as basic:
                is_ca = basic.ca
            case x509.AuthorityKeyIdentifier() as authority:
                aki = authority.key_identifier
            case x509.SubjectKeyIdentifier() as identifier:
                ski = identifier.digest
            case _:
                continue
    return Leaf(
        serial=certificate.serial_number,
        subject=certificate.subject,
        issuer=certificate.issuer,
        common_name=common_name(certificate.subject),
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=certificate.public_key(),
        aki=aki,
        ski=ski,
        is_ca=is_ca,
        usages=usages,
    )
