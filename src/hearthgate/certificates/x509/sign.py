"""Certificates signed here: by a CA issuer, by their own key, and for the time until the real one is there.

Names are taken from the request; what the key may be used for from `usages` and `isCA` of the
CertificateRequest, as upstream does.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from hearthgate.certificates.x509.csr import RequestFacts, parse_request, request_of
from hearthgate.certificates.x509.keys import Key, PrivateKeySpec, generate
from hearthgate.certificates.x509.leaf import pem_of
from hearthgate.certificates.x509.signatures import hash_for
from hearthgate.certificates.x509.subject import attribute, common_name
from hearthgate.resources.certmanager import usages as words
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.walk import Mistake

DEFAULT_DURATION: Final = timedelta(days=90)
TEMPORARY_SERIAL: Final = "1234567890"
"""serialNumber in the subject of a temporary certificate: upstream's, by which people know it."""
_TEMPORARY_CA: Final = "cert-manager.local"


class Terms(NamedTuple):
    """What the CertificateRequest and the issuer add to a request. usages: as in the spec; none: the default."""

    usages: tuple[str, ...] = ()
    is_ca: bool = False
    duration: timedelta = DEFAULT_DURATION
    crl_distribution_points: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()
    issuing_certificate_urls: tuple[str, ...] = ()


class CA(NamedTuple):
    """Who signs: a certificate and its key."""

    certificate: x509.Certificate
    key: Key


def sign(request: RequestFacts, terms: Terms, ca: CA, now: datetime) -> x509.Certificate:
    """Valid from now on. Unlike upstream's, it does not outlive its CA: nobody would take it then."""
    builder = _builder(request, terms, now, latest=ca.certificate.not_valid_after_utc)
    builder = builder.issuer_name(ca.certificate.subject).add_extension(_authority(ca.certificate), critical=False)
    return builder.sign(ca.key, hash_for(ca.key))


def self_sign(request: RequestFacts, terms: Terms, key: Key, now: datetime) -> x509.Certificate:
    """Signed by its own key, which must be the request's."""
    builder = _builder(request, terms, now).issuer_name(request.subject)
    return builder.sign(key, hash_for(key))


def temporary(spec: CertificateSpec, key: Key, now: datetime) -> bytes | Mistake:
    """A certificate in PEM with all names, signed by a CA that is thrown away: something to serve until the real
    one is there."""
    made = request_of(spec, key)
    request = made if isinstance(made, Mistake) else parse_request(made)
    if isinstance(request, Mistake):
        return request
    marked = x509.RelativeDistinguishedName([attribute(NameOID.SERIAL_NUMBER, TEMPORARY_SERIAL)])
    kept = [part for part in request.subject.rdns if not part.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    request = request._replace(subject=x509.Name([*kept, marked]))
    terms = Terms(usages=spec.usages, is_ca=spec.is_ca)
    certificate = sign(request, terms, _throw_away_ca(now), now)
    return pem_of((certificate,))


def is_temporary(certificate: x509.Certificate) -> bool:
    serials = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return common_name(certificate.issuer) == _TEMPORARY_CA and any(s.value == TEMPORARY_SERIAL for s in serials)


def why_no_ca(certificate: x509.Certificate) -> str | None:
    """Why a certificate may not sign others; None when it may."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "the certificate is not that of a CA: its basic constraints say so (set isCA: true)"
    except x509.ExtensionNotFound:
        return "the certificate is not that of a CA: it has no basic constraints (set isCA: true)"
    except ValueError:
        return "the extensions of the certificate cannot be read"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return None if usage.key_cert_sign else "the certificate may not sign others: it lacks the usage 'cert sign'"


def _throw_away_ca(now: datetime) -> CA:
    key = generate(PrivateKeySpec("ECDSA", 256))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _TEMPORARY_CA)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + DEFAULT_DURATION)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hash_for(key))
    )
    return CA(certificate, key)


def _builder(
    request: RequestFacts, terms: Terms, now: datetime, latest: datetime | None = None
) -> x509.CertificateBuilder:
    end = now + terms.duration
    wanted = words.effective(terms.usages, is_ca=terms.is_ca)
    builder = (
        x509.CertificateBuilder(subject_name=request.subject, public_key=request.public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(end if latest is None else min(end, latest))
        .add_extension(x509.BasicConstraints(ca=terms.is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key), critical=False)
    )
    for kind in (x509.SubjectAlternativeName, x509.NameConstraints):
        try:
            extension = request.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            continue
        critical = extension.critical if kind is x509.NameConstraints else not request.subject
        builder = builder.add_extension(extension.value, critical=critical)
    if (bits := words.key_usage(wanted)) is not None:
        builder = builder.add_extension(bits, critical=True)
    if (purposes := words.extended(wanted)) is not None:
        builder = builder.add_extension(purposes, critical=False)
    return _with_addresses(builder, terms)


def _with_addresses(builder: x509.CertificateBuilder, terms: Terms) -> x509.CertificateBuilder:
    if terms.crl_distribution_points:
        points = [
            x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
            for url in terms.crl_distribution_points
        ]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    accesses = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, urls in (
            (AuthorityInformationAccessOID.OCSP, terms.ocsp_servers),
            (AuthorityInformationAccessOID.CA_ISSUERS, terms.issuing_certificate_urls),
        )
        for url in urls
    ]
    if accesses:
        builder = builder.add_extension(x509.AuthorityInformationAccess(accesses), critical=False)
    return builder


def _authority(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(certificate.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)
