"""CertificateRequest: one signing request and what became of it. The spec never changes."""

from collections.abc import Mapping

import msgspec

from hearthgate.resources.certmanager.references import IssuerRef, Usage
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict
from hearthgate.resources.scalars import Duration


class CertificateRequestSpec(Strict, frozen=True, kw_only=True):
    """One signing request. It never changes.

    request: The CSR: PEM in base64.
    issuer_ref: Who shall sign.
    duration: How long the certificate shall be valid.
    is_ca: Whether it may sign other certificates.
    usages: What the key may be used for.
    username: Who asked; the API server says it.
    uid: The uid of who asked; the API server says it.
    groups: The groups of who asked; the API server says it.
    extra: More of who asked; the API server says it.
    """

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
    """What became of the request.

    conditions: Ready, Approved, Denied, InvalidRequest.
    certificate: The certificate and its chain: PEM in base64.
    ca: The certificate of the CA, when it is known: PEM in base64.
    failure_time: When it failed.
    """

    conditions: tuple[Condition, ...] = ()
    certificate: str = ""
    ca: str = ""
    failure_time: str | None = None


class CertificateRequest(Resource, frozen=True, kw_only=True):
    """A request to an issuer to sign one certificate."""

    spec: CertificateRequestSpec
    status: CertificateRequestStatus | None = None
