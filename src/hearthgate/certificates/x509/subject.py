"""Subjects of requests and certificates: from the fields of a Certificate or from its `literalSubject`."""

import warnings
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import ObjectIdentifier as Oid

from hearthgate.model.problems import Reason
from hearthgate.resources.certmanager.certificate import CertificateSpec, Subject
from hearthgate.resources.certmanager.subjects import SubjectProblem, read_subject
from hearthgate.resources.walk import Mistake

LISTS: Final[Mapping[str, Oid]] = {
    "countries": NameOID.COUNTRY_NAME,
    "organizations": NameOID.ORGANIZATION_NAME,
    "organizational_units": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "localities": NameOID.LOCALITY_NAME,
    "provinces": NameOID.STATE_OR_PROVINCE_NAME,
    "street_addresses": NameOID.STREET_ADDRESS,
    "postal_codes": NameOID.POSTAL_CODE,
}
"""The lists of `spec.subject` in the order in which upstream writes them into a name."""


# Names that others made are none of our business, and a warning about them none of a log's.
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)


def subject_of(spec: CertificateSpec) -> x509.Name | Mistake:
    """The subject that a request for this Certificate has. Several values of one list make one set, as upstream's
    encoder does."""
    if spec.literal_subject:
        return literal(spec.literal_subject)
    subject = spec.subject or Subject()
    parts = [
        [attribute(oid, value) for value in dict.fromkeys(getattr(subject, field)) if value]
        for field, oid in LISTS.items()
    ]
    parts += [
        [attribute(oid, value)]
        for oid, value in ((NameOID.COMMON_NAME, spec.common_name), (NameOID.SERIAL_NUMBER, subject.serial_number))
        if value
    ]
    return x509.Name(x509.RelativeDistinguishedName(part) for part in parts if part)


def literal(text: str) -> x509.Name | Mistake:
    """RFC 4514. Not cryptography's reader: it knows no serialNumber, no lower case and no spaces after commas."""
    try:
        return x509.Name(
            x509.RelativeDistinguishedName(attribute(Oid(oid), value) for oid, value in part)
            for part in read_subject(text)
        )
    except SubjectProblem as problem:
        message = str(problem)
    except ValueError:
        message = "has an attribute that no certificate can hold"
    return Mistake("spec.literalSubject", Reason.INVALID_VALUE, message)


def attribute(oid: Oid, value: str) -> x509.NameAttribute[str]:
    """Lengths are not checked: X.520 wants two letters of a country, upstream takes what people write."""
    return x509.NameAttribute(oid, value, _validate=False)


def common_name(name: x509.Name) -> str:
    """The last one; empty without any."""
    found = values(name, NameOID.COMMON_NAME)
    return found[-1] if found else ""


def values(name: x509.Name, oid: Oid) -> tuple[str, ...]:
    return tuple(str(found.value) for found in name.get_attributes_for_oid(oid))
