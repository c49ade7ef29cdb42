"""CertificateRequest: one signing request and what became of it. The spec never changes."""

from collections.abc import Mapping

import msgspec

from hearthgate.resources.certmanager.references import IssuerRef, Usage
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict
from hearthgate.resources.scalars import Duration


class CertificateRequestSpec(Strict, frozen=True, kw_only=True):
    """request: the PEM of the CSR in base64. username, uid, groups, extra: who asked; the API server says it."""

    request: str
    issuer_ref: IssuerRef
    duration: Duration | None = None
    is_ca: bool = msgspec.field(default=False, name="isCA")
    usages: tuple[Usage, ...] = ()
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}


class CertificateRequestStatus(Lenient, frozen=True, kw_only=True):
    """Conditions Ready, InvalidRequest, Approved, Denied. certificate, ca: PEM in base64."""

    conditions: tuple[Condition, ...] = ()
    certificate: str = ""
    ca: str = ""
    failure_time: str | None = None


class CertificateRequest(Resource, frozen=True, kw_only=True):
    spec: CertificateRequestSpec
    status: CertificateRequestStatus | None = None
