"""Whether a certificate is wanted, and whether the one that is there will do: upstream's chains of checks, in
their order, with their reasons. The first that fails counts.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from hearthgate.certificates.life.matching import certificate_differs, request_differs
from hearthgate.certificates.life.renewal import renewal_of
from hearthgate.certificates.secrets.contents import (
    CERTIFICATE_NAME,
    ISSUER_GROUP,
    ISSUER_KIND,
    ISSUER_NAME,
)
from hearthgate.certificates.x509.csr import RequestFacts, facts_of
from hearthgate.certificates.x509.keys import Key, KeyProblem, PrivateKeySpec, fits, parse_key, same_public_key
from hearthgate.certificates.x509.leaf import CertificateProblem, Chain, parse_chain
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.certificate import Certificate
from hearthgate.resources.certmanager.references import ISSUER_GROUP as DEFAULT_GROUP
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.certmanager.request import CertificateRequest
from hearthgate.resources.core import Secret

DOES_NOT_EXIST: Final = "DoesNotExist"
MISSING_DATA: Final = "MissingData"
INVALID_KEY_PAIR: Final = "InvalidKeyPair"
INVALID_CERTIFICATE: Final = "InvalidCertificate"
INCORRECT_ISSUER: Final = "IncorrectIssuer"
INCORRECT_CERTIFICATE: Final = "IncorrectCertificate"
SECRET_MISMATCH: Final = "SecretMismatch"  # noqa: S105 - a reason
INVALID_REQUEST: Final = "InvalidCertificateRequest"
REQUEST_CHANGED: Final = "RequestChanged"
RENEWING: Final = "Renewing"
EXPIRED: Final = "Expired"


class Violation(NamedTuple):
    """The reason and the message of a condition or an Event."""

    reason: str
    message: str


class Inputs(NamedTuple):
    """What the checks look at.

    secret: `spec.secretName`, None when there is none. current_request: that of `status.revision`.
    next_request: that of the revision after it.
    """

    certificate: Certificate
    secret: Secret | None = None
    current_request: CertificateRequest | None = None
    next_request: CertificateRequest | None = None


Check = Callable[[Inputs], Violation | None]


def trigger(inputs: Inputs, now: datetime) -> Violation | None:
    """Why a certificate is to be issued; None when there is no need. Backoff does not count here."""
    return _first((*_MATCHES, partial(_due, now=now)), inputs)


def readiness(inputs: Inputs, now: datetime) -> Violation | None:
    """Why the Certificate is not ready; None when it is."""
    return _first((*_MATCHES, partial(_expired, now=now)), inputs)


def temporary(inputs: Inputs) -> Violation | None:
    """Why there is nothing in the Secret that could be served meanwhile."""
    return _first(_USABLE, inputs)


def pair_of(secret: Secret) -> tuple[Key, Chain] | Violation:
    """Key and chain of a TLS Secret, which belong together."""
    key_pem, chain_pem = secret.value("tls.key"), secret.value("tls.crt")
    missing = [name for name, value in (("tls.key", key_pem), ("tls.crt", chain_pem)) if not value]
    if missing or key_pem is None or chain_pem is None:
        return Violation(
            MISSING_DATA, f"Secret {secret.metadata.name!r} has nothing under {' and '.join(missing)}"
        )
    return _pair(secret.metadata.name, key_pem, chain_pem)


def _pair(name: str, key_pem: SecretBytes, chain_pem: SecretBytes) -> tuple[Key, Chain] | Violation:
    try:
        key = parse_key(key_pem.reveal())
    except KeyProblem as problem:
        return Violation(INVALID_KEY_PAIR, f"tls.key of Secret {name!r}: {problem}")
    try:
        chain = parse_chain(chain_pem.reveal())
    except CertificateProblem as problem:
        return Violation(INVALID_CERTIFICATE, f"tls.crt of Secret {name!r}: {problem}")
    if not same_public_key(chain.leaf.public_key, key):
        return Violation(
            INVALID_KEY_PAIR, f"the certificate in Secret {name!r} is for another key than the one there"
        )
    return key, chain


def _first(checks: Iterable[Check], inputs: Inputs) -> Violation | None:
    return next((found for check in checks if (found := check(inputs)) is not None), None)


def _absent(inputs: Inputs) -> Violation | None:
    if inputs.secret is None:
        return Violation(DOES_NOT_EXIST, f"there is no Secret {inputs.certificate.spec.secret_name!r} yet")
    return None


def _no_pair(inputs: Inputs) -> Violation | None:
    held = _held(inputs)
    return held if isinstance(held, Violation) else None


def _other_issuer(inputs: Inputs) -> Violation | None:
    marks = _marks(inputs)
    wanted = inputs.certificate.spec.issuer_ref.identity
    found = IssuerRef(
        name=marks.get(ISSUER_NAME, ""),
        kind=marks.get(ISSUER_KIND, "") or "Issuer",
        group=marks.get(ISSUER_GROUP, "") or DEFAULT_GROUP,
    ).identity
    if found == wanted:
        return None
    said = _issuer(found) if ISSUER_NAME in marks else "an issuer that it does not name"
    return Violation(INCORRECT_ISSUER, f"the certificate in the Secret is from {said}, not from {_issuer(wanted)}")


def _other_certificate(inputs: Inputs) -> Violation | None:
    found = _marks(inputs).get(CERTIFICATE_NAME)
    if found is None or found == inputs.certificate.metadata.name:
        return None
    return Violation(INCORRECT_CERTIFICATE, f"the Secret was written for Certificate {found!r}")


def _other_key(inputs: Inputs) -> Violation | None:
    held = _held(inputs)
    if isinstance(held, Violation):
        return None
    why = fits(held[0], PrivateKeySpec.of(inputs.certificate.spec.private_key))
    return None if why is None else Violation(SECRET_MISMATCH, f"{why} (spec.privateKey)")


def _other_key_than_requested(inputs: Inputs) -> Violation | None:
    held, request = _held(inputs), inputs.current_request
    if isinstance(held, Violation) or request is None:
        return None
    facts = facts_of(request)
    if not isinstance(facts, RequestFacts):
        name = request.metadata.name
        return Violation(INVALID_REQUEST, f"CertificateRequest {name!r}: {facts}")
    if same_public_key(facts.public_key, held[0]):
        return None
    name = request.metadata.name
    return Violation(
        SECRET_MISMATCH, f"the private key in the Secret is not the one of CertificateRequest {name!r}"
    )


def _changed(inputs: Inputs) -> Violation | None:
    spec, request, held = inputs.certificate.spec, inputs.current_request, _held(inputs)
    if request is not None:
        differing = request_differs(spec, request)
        if not differing:
            return None
        return Violation(REQUEST_CHANGED, f"changed since the certificate was requested: {_fields(differing)}")
    differing = () if isinstance(held, Violation) else certificate_differs(spec, held[1].leaf)
    if not differing:
        return None
    return Violation(SECRET_MISMATCH, f"the certificate in the Secret differs in {_fields(differing)}")


def _due(inputs: Inputs, *, now: datetime) -> Violation | None:
    held = _held(inputs)
    if isinstance(held, Violation):
        return None
    status = inputs.certificate.status
    ari = status.acme.ari if status is not None and status.acme is not None else None
    leaf = held[1].leaf
    at = renewal_of(inputs.certificate.spec, leaf, ari).at
    if at is None or now < at:
        return None
    if leaf.not_after <= now:
        return Violation(RENEWING, f"the certificate ended at {_text(leaf.not_after)}")
    return Violation(
        RENEWING, f"the certificate ends at {_text(leaf.not_after)}; its renewal is due since {_text(at)}"
    )


def _expired(inputs: Inputs, *, now: datetime) -> Violation | None:
    held = _held(inputs)
    if isinstance(held, Violation) or now < held[1].leaf.not_after:
        return None
    return Violation(EXPIRED, f"the certificate ended at {_text(held[1].leaf.not_after)}")


_USABLE: Final[tuple[Check, ...]] = (_absent, _no_pair)
_MATCHES: Final[tuple[Check, ...]] = (
    *_USABLE,
    _other_issuer,
    _other_certificate,
    _other_key,
    _other_key_than_requested,
    _changed,
)


def _held(inputs: Inputs) -> tuple[Key, Chain] | Violation:
    return pair_of(inputs.secret) if inputs.secret is not None else Violation(DOES_NOT_EXIST, "")


def _marks(inputs: Inputs) -> Mapping[str, str]:
    return inputs.secret.metadata.annotations if inputs.secret is not None else {}


def _issuer(identity: tuple[str, str, str]) -> str:
    group, kind, name = identity
    return f"{kind} {name!r}" if group == DEFAULT_GROUP else f"{kind}.{group} {name!r}"


def _fields(fields: Iterable[str]) -> str:
    return ", ".join(f"spec.{field}" for field in fields)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
