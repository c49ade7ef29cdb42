"""What there is of one Certificate at one moment. Pure."""

from hashlib import sha256
from typing import Final, NamedTuple

from hearthgate.certificates.life.triggers import Inputs, Violation, pair_of
from hearthgate.certificates.x509.leaf import Leaf
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition

REVISION: Final = "cert-manager.io/certificate-revision"
NEXT_KEY: Final = "cert-manager.io/next-private-key"
ISSUING: Final = "Issuing"
READY: Final = "Ready"
_LONGEST_NAME: Final = 253


class Situation(NamedTuple):
    """secret: that of spec.secretName. requests: all that the Certificate owns. next_keys: Secrets with keys for
    certificates to come. rivals: other Certificates that want the same Secret."""

    certificate: Certificate
    secret: Secret | None
    requests: tuple[CertificateRequest, ...]
    next_keys: tuple[Secret, ...]
    rivals: tuple[Certificate, ...] = ()

    @property
    def revision(self) -> int:
        """Of the certificate that was issued last; 0 for none."""
        status = self.certificate.status
        return (status.revision or 0) if status is not None else 0

    @property
    def inputs(self) -> Inputs:
        revision = self.revision
        return Inputs(self.certificate, self.secret, self.request(revision), self.request(revision + 1))

    @property
    def leaf(self) -> Leaf | None:
        """Of what the Secret holds, whoever wrote it; None when it cannot be read."""
        held = pair_of(self.secret) if self.secret is not None else None
        return None if held is None or isinstance(held, Violation) else held[1].leaf

    def request(self, revision: int) -> CertificateRequest | None:
        return next((one for one in self.requests if revision_of(one) == revision), None)

    @property
    def owner(self) -> Certificate:
        """Of all that want the Secret the one that may have it: the one that the Secret names, else the oldest."""
        all_ = sorted((self.certificate, *self.rivals), key=_age)
        named = self.secret.metadata.annotations.get("cert-manager.io/certificate-name") if self.secret else None
        return next((one for one in all_ if one.metadata.name == named), all_[0])


def condition_of(certificate: Certificate, type_: str) -> Condition | None:
    conditions = certificate.status.conditions if certificate.status is not None else ()
    return next((one for one in conditions if one.type == type_), None)


def is_issuing(certificate: Certificate) -> bool:
    found = condition_of(certificate, ISSUING)
    return found is not None and found.status == "True"


def revision_of(request: CertificateRequest) -> int | None:
    """None when its annotation is none or no number."""
    text = request.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else None


def next_key_name(certificate: Certificate, revision: int) -> str:
    """Of the Secret with the key for this revision: always the same, so that it is never made twice."""
    seed = f"{certificate.metadata.uid}/{revision}"
    return _with_hash(certificate.metadata.name, seed, 5)


def request_name(certificate: Certificate, revision: int) -> str:
    """`<name>-<revision>`, shortened with a hash where that is too long."""
    name = f"{certificate.metadata.name}-{revision}"
    if len(name) <= _LONGEST_NAME - 20:  # the names of Order and Challenge are longer by that
        return name
    return f"{_with_hash(certificate.metadata.name, certificate.metadata.uid, 8)}-{revision}"


def _with_hash(name: str, seed: str, length: int) -> str:
    digest = sha256(seed.encode()).hexdigest()[:length]
    return f"{name[: _LONGEST_NAME - 40].rstrip('-.')}-{digest}"


def _age(certificate: Certificate) -> tuple[str, str]:
    return (certificate.metadata.creation_timestamp or "", certificate.metadata.name)
