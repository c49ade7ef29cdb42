"""The certificate authority of one state folder, and the leaf certificates it gives (RFC 5280).

Subject and authority key identifiers and key usage are set because strict verifiers, such as Python 3.13's
default, insist on them.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

_AUTHORITY_LIFE: Final = timedelta(days=3650)
_LEAF_LIFE: Final = timedelta(days=1095)
_RENEW_BEFORE: Final = timedelta(days=365)
_CLOCK_SKEW: Final = timedelta(minutes=5)
_LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""This program is not older. A clock that says so was wrong, and what it gave must still hold when it is right;
one that is set back must not make what was given before invalid."""


class KeyPair(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: SecretBytes


class Authority:
    """Gives certificates that clients of this state folder trust."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def load(cls, folder: Path, now: datetime) -> Self:
        """The authority kept in `folder`, created when there is none or it ends within a year."""
        pair = _read_pair(folder, "ca")
        if pair is not None and _certificate(pair, folder).not_valid_after_utc - now > _RENEW_BEFORE:
            return cls(_certificate(pair, folder), _private_key(pair, folder))
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("hearthgate-ca")
        builder = _builder(name, name, public=key.public_key(), signer=key, now=now, life=_AUTHORITY_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.add_extension(_usage(authority=True), critical=True).sign(key, hashes.SHA256())
        authority = cls(certificate, key)
        _write_pair(folder, "ca", _pair(certificate, key))
        return authority

    @classmethod
    def kept(cls, folder: Path) -> Self:
        """The authority in `folder`. Raises Permanent when there is none that is whole."""
        pair = _read_pair(folder, "ca")
        if pair is None:
            raise Permanent(f"{folder}: the authority is not complete: start `hearthgate up` to have it renewed")
        return cls(_certificate(pair, folder), _private_key(pair, folder))

    @property
    def certificate(self) -> bytes:
        """PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, folder: Path, names: Sequence[str], now: datetime) -> KeyPair:
        """The server certificate for these host names and addresses, kept in `folder` and renewed in time."""
        kept = _read_pair(folder, "server")
        if kept is not None and self._still_good(_certificate(kept, folder), names, now):
            return kept
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        pair = self._leaf(_name("hearthgate-api"), ExtendedKeyUsageOID.SERVER_AUTH, alternatives, now)
        _write_pair(folder, "server", pair)
        return pair

    def client(self, user: str, group: str, now: datetime) -> KeyPair:
        """A client certificate: the API takes the common name for the user, the organisation for the group."""
        return self._leaf(_name(user, group), ExtendedKeyUsageOID.CLIENT_AUTH, None, now)

    def is_current(self, certificate: bytes, now: datetime) -> bool:
        """Whether a PEM certificate was given by this authority and need not be renewed."""
        try:
            parsed = x509.load_pem_x509_certificate(certificate)
        except ValueError:
            return False
        return self._gave(parsed) and parsed.not_valid_after_utc - now > _RENEW_BEFORE

    def _still_good(self, certificate: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        same = set(held) == {_general_name(name) for name in names}
        return same and self._gave(certificate) and certificate.not_valid_after_utc - now > _RENEW_BEFORE

    def _gave(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:
            return False
        return True

    def _leaf(
        self,
        name: x509.Name,
        purpose: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
        now: datetime,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(
            name,
            self._certificate.subject,
            public=key.public_key(),
            signer=self._key,
            now=now,
            life=_LEAF_LIFE,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return _pair(builder.sign(self._key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    *,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now - _CLOCK_SKEW, _LONG_AGO))
        .not_valid_after(max(now, _LONG_AGO) + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, organisation: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), SecretBytes(private))


def _read_pair(folder: Path, name: str) -> KeyPair | None:
    """None when there is none, or when a renewal was cut off between the two files."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not certificate.exists() or not key.exists():
        return None
    pair = KeyPair(certificate.read_bytes(), SecretBytes(key.read_bytes()))
    own = _private_key(pair, folder).public_key().public_numbers()
    public = _certificate(pair, folder).public_key()
    fits = isinstance(public, ec.EllipticCurvePublicKey) and public.public_numbers() == own
    return pair if fits else None


def _write_pair(folder: Path, name: str, pair: KeyPair) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    write_atomically(folder / f"{name}.key", pair.key.reveal())
    write_atomically(folder / f"{name}.crt", pair.certificate)


def _certificate(pair: KeyPair, folder: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pair.certificate)
    except ValueError as error:
        raise Permanent(
            f"{folder}: a certificate cannot be read ({error}); remove it to have it renewed"
        ) from error


def _private_key(pair: KeyPair, folder: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pair.key.reveal(), None)
    except (ValueError, TypeError) as error:
        raise Permanent(f"{folder}: the key of the authority cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Permanent(f"{folder}: the key of the authority is of an unexpected kind")
    return key
