"""Whether a request, or a certificate, still says what its Certificate asks for: the fields that differ."""

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID

from hearthgate.certificates.x509.constraints import constraints_of
from hearthgate.certificates.x509.csr import RequestFacts, facts_of
from hearthgate.certificates.x509.leaf import Leaf
from hearthgate.certificates.x509.names import names_of
from hearthgate.certificates.x509.subject import LISTS, common_name, literal, values
from hearthgate.model.durations import parse_duration
from hearthgate.resources.certmanager.certificate import CertificateSpec, Subject
from hearthgate.resources.certmanager.request import CertificateRequest
from hearthgate.resources.certmanager.usages import effective
from hearthgate.resources.walk import Mistake

_ATTRIBUTES = {
    "countries": "countries",
    "organizations": "organizations",
    "organizational_units": "organizationalUnits",
    "localities": "localities",
    "provinces": "provinces",
    "street_addresses": "streetAddresses",
    "postal_codes": "postalCodes",
}


def request_differs(spec: CertificateSpec, request: CertificateRequest) -> tuple[str, ...]:
    """Fields of the spec that the request says otherwise. Strict; order and repetition do not count. Nothing for a
    signing request that cannot be read: another reason tells of that.

    A literal subject is compared by its parts, not by its bytes: a request that cert-manager has made says the
    same in another type of string. Unlike there, changed name constraints are seen.
    """
    facts = facts_of(request)
    if isinstance(facts, Mistake):
        return ()
    return tuple(
        dict.fromkeys(
            (
                *_names(spec, facts),
                *_subject(spec, facts.subject),
                *_terms(spec, request),
                *_constraints(spec, facts),
            )
        )
    )


def certificate_differs(spec: CertificateSpec, leaf: Leaf) -> tuple[str, ...]:
    """Names of the spec that the certificate has not, or beyond. Lenient: a CA may move host names between common
    name and alternative names, and write them in lower case."""
    asked = names_of(spec)
    hosts = {*asked.dns, _common_name(spec)} - {""}
    # A certificate's common name may be one of its addresses, too.
    found = leaf.hosts - (set(leaf.names.ips) if leaf.common_name in leaf.names.ips else set())
    hosts -= set(asked.ips)
    differing = ["dnsNames"] if _lower(hosts) != _lower(found) else []
    for field, wanted, held in (
        ("ipAddresses", asked.ips, leaf.names.ips),
        ("uris", asked.uris, leaf.names.uris),
        ("emailAddresses", asked.emails, leaf.names.emails),
    ):
        if set(wanted) != set(held):
            differing.append(field)
    return tuple(differing)


def _names(spec: CertificateSpec, facts: RequestFacts) -> Iterator[str]:
    asked = names_of(spec)
    for field, wanted, held in (
        ("ipAddresses", asked.ips, facts.names.ips),
        ("uris", asked.uris, facts.names.uris),
        ("emailAddresses", asked.emails, facts.names.emails),
        ("dnsNames", asked.dns, facts.names.dns),
    ):
        if set(wanted) != set(held):
            yield field
    if set(asked.others) != set(facts.names.others):
        yield "otherNames"


def _subject(spec: CertificateSpec, found: x509.Name) -> Iterator[str]:
    if spec.literal_subject:
        if literal(spec.literal_subject) != found:
            yield "literalSubject"
        return
    asked = spec.subject or Subject()
    if spec.common_name != common_name(found):
        yield "commonName"
    for attribute, oid in LISTS.items():
        if {value for value in getattr(asked, attribute) if value} != set(values(found, oid)):
            yield f"subject.{_ATTRIBUTES[attribute]}"
    if {asked.serial_number} - {""} != set(values(found, NameOID.SERIAL_NUMBER)):
        yield "subject.serialNumber"


def _terms(spec: CertificateSpec, request: CertificateRequest) -> Iterator[str]:
    asked = request.spec
    if asked.is_ca != spec.is_ca:
        yield "isCA"
    if effective(asked.usages, is_ca=asked.is_ca) != effective(spec.usages, is_ca=spec.is_ca):
        yield "usages"
    durations = {parse_duration(text) for text in (spec.duration, asked.duration) if text is not None}
    if len(durations) > 1:
        yield "duration"
    if asked.issuer_ref.identity != spec.issuer_ref.identity:
        yield "issuerRef"


def _constraints(spec: CertificateSpec, facts: RequestFacts) -> Iterator[str]:
    try:
        found = facts.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        found = None
    wanted = None if spec.name_constraints is None else constraints_of(spec.name_constraints)
    if not isinstance(wanted, Mistake) and _trees(wanted) != _trees(found):
        yield "nameConstraints"


def _trees(constraints: x509.NameConstraints | None) -> tuple[frozenset[x509.GeneralName], ...]:
    if constraints is None:
        return (frozenset(), frozenset())
    return (
        frozenset(constraints.permitted_subtrees or ()),
        frozenset(constraints.excluded_subtrees or ()),
    )


def _common_name(spec: CertificateSpec) -> str:
    if not spec.literal_subject:
        return spec.common_name
    subject = literal(spec.literal_subject)
    return "" if isinstance(subject, Mistake) else common_name(subject)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}
