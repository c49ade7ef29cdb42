"""The certificate that a new one follows: what the Secret of its Certificate holds now. Pure."""

from collections.abc import Mapping

from hearthgate.certificates.x509.leaf import CertificateProblem, Leaf, ari_id, parse_chain
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.core import Secret

PREFIX = "cert-manager.io/"
CERTIFICATE_NAME = f"{PREFIX}certificate-name"


def issued_by(secret: Secret, ref: IssuerRef) -> bool:
    """Whether its annotations say that this issuer has issued what is in it."""
    annotations = secret.metadata.annotations
    held = IssuerRef(
        name=annotations.get(f"{PREFIX}issuer-name", ""),
        kind=annotations.get(f"{PREFIX}issuer-kind", ""),
        group=annotations.get(f"{PREFIX}issuer-group", ""),
    )
    return held.identity == ref.identity


def leaf_of(secret: Secret) -> Leaf | None:
    """The first certificate in it; None when there is none that can be read."""
    found = secret.value("tls.crt")
    try:
        return None if found is None else parse_chain(found.reveal()).leaf
    except CertificateProblem:
        return None


def predecessor(snapshot: Snapshot, namespace: str, annotations: Mapping[str, str], ref: IssuerRef) -> Leaf | None:
    """annotations: of a CertificateRequest or Order in `namespace`; ref: the issuer that it names. None: there is
    none by that issuer."""
    certificate = snapshot.get(Certificate, namespace, annotations.get(CERTIFICATE_NAME, ""))
    secret = None if certificate is None else snapshot.get(Secret, namespace, certificate.spec.secret_name)
    return leaf_of(secret) if secret is not None and issued_by(secret, ref) else None


def replaced_by(leaf: Leaf, names: frozenset[str]) -> str:
    """How an order says that it replaces this certificate (RFC 9773, section 5); empty when it does not: the two
    must have a name in common."""
    return (ari_id(leaf) or "") if names & names_in(leaf) else ""


def names_in(leaf: Leaf) -> frozenset[str]:
    """Host names and addresses."""
    return frozenset((*(host.lower() for host in leaf.hosts), *leaf.names.ips))
