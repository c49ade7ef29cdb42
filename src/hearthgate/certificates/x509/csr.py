"""Signing requests (PKCS #10, RFC 2986): made from a Certificate, and read."""

import base64
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.x509.constraints import constraints_of
from hearthgate.certificates.x509.keys import Key
from hearthgate.certificates.x509.names import Names, found_in, general_names
from hearthgate.certificates.x509.signatures import hash_for
from hearthgate.certificates.x509.subject import common_name, subject_of
from hearthgate.model.problems import Reason
from hearthgate.resources.certmanager import usages as words
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.certmanager.request import CertificateRequest
from hearthgate.resources.walk import Mistake


class RequestFacts(NamedTuple):
    """What a request asks for. usages: words of KeyUsage and ExtendedKeyUsage; None: it names none.
    is_ca: None without BasicConstraints."""

    subject: x509.Name
    common_name: str
    names: Names
    public_key: CertificatePublicKeyTypes
    usages: frozenset[str] | None
    is_ca: bool | None
    csr: x509.CertificateSigningRequest

    @property
    def extensions(self) -> x509.Extensions:
        return self.csr.extensions


def request_of(spec: CertificateSpec, key: Key) -> bytes | Mistake:
    """A request in PEM, signed by the key."""
    subject, names = subject_of(spec), general_names(spec)
    if isinstance(subject, Mistake):
        return subject
    if isinstance(names, Mistake):
        return names
    builder = x509.CertificateSigningRequestBuilder(subject)
    if names:
        # RFC 5280, 4.2.1.6: without a subject the names are all there is.
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not subject)
    if spec.encode_usages_in_request:
        wanted = words.effective(spec.usages, is_ca=spec.is_ca)
        if half := words.half_without_agreement(wanted):
            message = f"{half!r} says nothing without 'key agreement' (add it, or drop the other)"
            return Mistake("spec.usages", Reason.INVALID_VALUE, message)
        if (bits := words.key_usage(wanted)) is not None:
            builder = builder.add_extension(bits, critical=True)
        if (purposes := words.extended(wanted)) is not None:
            builder = builder.add_extension(purposes, critical=False)
    if spec.name_constraints is not None:
        constraints = constraints_of(spec.name_constraints)
        if isinstance(constraints, Mistake):
            return constraints
        builder = builder.add_extension(constraints, critical=spec.name_constraints.critical)
    return builder.sign(key, hash_for(key, spec.signature_algorithm)).public_bytes(Encoding.PEM)


@lru_cache(maxsize=4096)
def parse_request(pem: bytes) -> RequestFacts | Mistake:
    """The facts of a request whose signature holds; otherwise a Mistake of `spec.request`."""
    try:
        csr = x509.load_pem_x509_csr(pem)
        extensions = csr.extensions
        subject, public_key, holds = csr.subject, csr.public_key(), csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return _unreadable(f"not a signing request in PEM, or one with parts that cannot be read ({error})")
    if not holds:
        return _unreadable("the signature of the signing request is wrong: it was not made with the key it names")
    usages: frozenset[str] | None = None
    names, is_ca = Names(), None
    for extension in extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as found:
                names = found_in(found)
            case x509.KeyUsage() as bits:
                usages = (usages or frozenset()) | words.words_of_key_usage(bits)
            case x509.ExtendedKeyUsage() as purposes:
                usages = (usages or frozenset()) | words.words_of_extended(purposes)
            case x509.BasicConstraints() as basic:
                is_ca = basic.ca
            case _:
                continue
    return RequestFacts(subject, common_name(subject), names, public_key, usages, is_ca, csr)


def facts_of(request: CertificateRequest) -> RequestFacts | Mistake:
    """Of a CertificateRequest, whose `spec.request` is PEM in base64."""
    try:
        return parse_request(base64.b64decode(request.spec.request, validate=True))
    except ValueError:
        return _unreadable("not in base64")


def _unreadable(message: str) -> Mistake:
    return Mistake("spec.request", Reason.INVALID_VALUE, message)
