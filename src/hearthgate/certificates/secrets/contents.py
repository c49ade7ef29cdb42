"""What the Secret of a Certificate holds and how it is marked, as cert-manager writes it.

`applied` is the whole of what our field manager applies: keys that others put there stay, and what is not wanted
any more goes by itself.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.x509.oid import NameOID

from hearthgate.certificates.secrets.formats import NO_PASSWORDS, Pair, Passwords, keystores, output_formats
from hearthgate.certificates.x509.chains import ordered, strip_root
from hearthgate.certificates.x509.keys import encode_key, parse_key
from hearthgate.certificates.x509.leaf import Leaf, parse_chain, pem_of
from hearthgate.certificates.x509.subject import values
from hearthgate.resources.certmanager.certificate import Certificate, CertificateSpec
from hearthgate.resources.certmanager.references import IssuerRef

PREFIX: Final = "cert-manager.io/"
CERTIFICATE_NAME: Final = "cert-manager.io/certificate-name"
ISSUER_NAME: Final = "cert-manager.io/issuer-name"
ISSUER_KIND: Final = "cert-manager.io/issuer-kind"
ISSUER_GROUP: Final = "cert-manager.io/issuer-group"
LABELS: Final[Mapping[str, str]] = {"controller.cert-manager.io/fao": "true"}
TYPE: Final = "kubernetes.io/tls"

_SUBJECT: Final = {
    "subject-organizations": NameOID.ORGANIZATION_NAME,
    "subject-organizationalunits": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "subject-countries": NameOID.COUNTRY_NAME,
    "subject-provinces": NameOID.STATE_OR_PROVINCE_NAME,
    "subject-localities": NameOID.LOCALITY_NAME,
    "subject-postalcodes": NameOID.POSTAL_CODE,
    "subject-streetaddresses": NameOID.STREET_ADDRESS,
    "subject-serialnumber": NameOID.SERIAL_NUMBER,
}


def secret_data(
    spec: CertificateSpec,
    key_pem: bytes,
    chain_pem: bytes,
    ca_pem: bytes = b"",
    passwords: Passwords = NO_PASSWORDS,
) -> dict[str, bytes]:
    """The data of the Secret. The key is written anew in the encoding of the spec, the chain without its root.
    Raises KeyProblem and CertificateProblem: who calls has looked at both before."""
    key = parse_key(key_pem)
    chain = strip_root(ordered(parse_chain(chain_pem).certificates))
    ca = parse_chain(ca_pem) if ca_pem.strip() else None
    written = encode_key(key, _encoding(spec))
    data = {"tls.crt": pem_of(chain), "tls.key": written}
    if ca is not None:
        data["ca.crt"] = ca.pem
    pair = Pair(
        key=key,
        key_pem=written,
        chain_pem=data["tls.crt"],
        chain=chain,
        ca=ca.certificates[0] if ca is not None else None,
        created=parse_chain(chain_pem).leaf.not_before,
    )
    return data | output_formats(spec, written, data["tls.crt"]) | keystores(spec, pair, passwords)


def annotations(certificate_name: str, issuer: IssuerRef | None, leaf: Leaf | None) -> dict[str, str]:
    """Those of cert-manager. issuer: as the CertificateRequest names it; None for a temporary certificate, which
    shall be taken for nobody's. leaf: None when what the Secret holds cannot be read."""
    found = {CERTIFICATE_NAME: certificate_name}
    if issuer is not None:
        found |= {ISSUER_NAME: issuer.name, ISSUER_KIND: issuer.kind, ISSUER_GROUP: issuer.group}
    return found | details(leaf) if leaf is not None else found


def details(leaf: Leaf) -> dict[str, str]:
    """What the certificate says. The first four are there even when they are empty."""
    found = {
        f"{PREFIX}common-name": leaf.common_name,
        f"{PREFIX}alt-names": csv(leaf.names.dns),
        f"{PREFIX}ip-sans": csv(leaf.names.ips),
        f"{PREFIX}uri-sans": csv(leaf.names.uris),
    }
    if leaf.names.emails:
        found[f"{PREFIX}email-sans"] = csv(leaf.names.emails)
    for name, oid in _SUBJECT.items():
        if held := values(leaf.subject, oid):
            found[PREFIX + name] = held[-1] if oid == NameOID.SERIAL_NUMBER else csv(held)
    return found


def template(spec: CertificateSpec) -> tuple[dict[str, str], dict[str, str]]:
    """(annotations, labels) of `spec.secretTemplate`."""
    wanted = spec.secret_template
    return (dict(wanted.annotations), dict(wanted.labels)) if wanted is not None else ({}, {})


def applied(
    certificate: Certificate,
    data: Mapping[str, bytes],
    issuer: IssuerRef | None,
    *,
    owned: bool = False,
    existing_type: str = TYPE,
) -> dict[str, Any]:
    """The body of the server-side apply. owned: the Secret shall go with the Certificate.
    existing_type: of the Secret that is there, since a type never changes."""
    of_template, labels = template(certificate.spec)
    own = annotations(certificate.metadata.name, issuer, parse_chain(data["tls.crt"]).leaf)
    metadata: dict[str, Any] = {
        "name": certificate.spec.secret_name,
        "namespace": certificate.metadata.namespace,
        "annotations": dict(sorted((of_template | own).items())),
        "labels": dict(sorted({**labels, **LABELS}.items())),
    }
    if owned:
        metadata["ownerReferences"] = [owner_reference(certificate)]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": existing_type,
        "metadata": metadata,
        "data": {name: base64.b64encode(value).decode("ascii") for name, value in sorted(data.items())},
    }


def owner_reference(certificate: Certificate) -> dict[str, Any]:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "name": certificate.metadata.name,
        "uid": certificate.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def literal_passwords(spec: CertificateSpec) -> Passwords:
    """Those that stand in the spec itself."""
    wanted = spec.keystores
    if wanted is None:
        return NO_PASSWORDS
    return Passwords(
        jks=wanted.jks.password if wanted.jks is not None else None,
        pkcs12=wanted.pkcs12.password if wanted.pkcs12 is not None else None,
    )


def csv(values: Iterable[str]) -> str:
    """One line, quoted as Go's encoding/csv does: other programs read it with that."""
    return ",".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    needs = value == r"\." or value[:1].isspace() or any(mark in value for mark in ',"\r\n')
    return '"' + value.replace('"', '""') + '"' if needs else value


def _encoding(spec: CertificateSpec) -> str:
    return (spec.private_key.encoding if spec.private_key is not None else "") or "PKCS1"
