"""The next key and the next CertificateRequest, as objects to be created. Pure."""

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from hearthgate.certificates.copied import copied_annotations, copied_labels
from hearthgate.certificates.life.matching import request_differs
from hearthgate.certificates.life.renewal import read_time
from hearthgate.certificates.life.situation import (
    ISSUING,
    NEXT_KEY,
    REVISION,
    Situation,
    condition_of,
    next_key_name,
    request_name,
    revision_of,
)
from hearthgate.certificates.requests.states import DENIED, INVALID, READY, has
from hearthgate.certificates.requests.states import condition_of as state_of
from hearthgate.certificates.secrets.contents import CERTIFICATE_NAME, LABELS, owner_reference
from hearthgate.certificates.x509.csr import RequestFacts, facts_of
from hearthgate.certificates.x509.keys import (
    Key,
    KeyProblem,
    PrivateKeySpec,
    encode_key,
    fits,
    generate,
    parse_key,
    same_public_key,
)
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition

KEY_SECRET: Final = "cert-manager.io/private-key-secret-name"  # noqa: S105 - an annotation
TLS_KEY: Final = "tls.key"


class NextKey(NamedTuple):
    """A key and where it came from. event: reason and message for people."""

    key: Key
    event: tuple[str, str]


class Stuck(NamedTuple):
    """Why there can be no key."""

    message: str


class Verdict(NamedTuple):
    """That a request came to a bad end. at: when, as far as that was noted."""

    reason: str
    message: str
    at: datetime | None


def key_in(secret: Secret | None) -> Key | None:
    """The key of a Secret, if it can be read."""
    value = secret.value(TLS_KEY) if secret is not None else None
    try:
        return parse_key(value.reveal()) if value else None
    except KeyProblem:
        return None


def make_key(situation: Situation) -> NextKey | Stuck:
    """A new one, or with rotationPolicy Never the one that is in the Secret. RSA of 8192 bits takes many seconds:
    not for the event loop."""
    stays = key_that_stays(situation)
    if isinstance(stays, Stuck):
        return stays
    if stays is not None:
        return NextKey(stays, ("Reused", "the private key stays: spec.privateKey.rotationPolicy is Never"))
    spec = PrivateKeySpec.of(situation.certificate.spec.private_key)
    return NextKey(generate(spec), ("Generated", f"a new private key was made: {spec}"))


def key_that_stays(situation: Situation) -> Key | Stuck | None:
    """The present one, when the spec pins it; None when there is none that could stay, or a new one is wanted."""
    wanted = situation.certificate.spec.private_key
    held = key_in(situation.secret) if wanted is not None and wanted.rotation_policy == "Never" else None
    if held is None or (why := fits(held, PrivateKeySpec.of(wanted))) is None:
        return held
    return Stuck(
        f"the private key in Secret {situation.certificate.spec.secret_name!r} must stay "
        f"(rotationPolicy: Never), but {why}: delete the Secret, or set rotationPolicy: Always"
    )


def usable_key(situation: Situation) -> Secret | None:
    """The Secret with the key for the next certificate, if it is there and is what the spec wants."""
    name = next_key_name(situation.certificate, situation.revision + 1)
    found = next((one for one in situation.next_keys if one.metadata.name == name), None)
    key = key_in(found)
    if key is None or fits(key, PrivateKeySpec.of(situation.certificate.spec.private_key)) is not None:
        return None
    return found


def key_secret(situation: Situation, key: Key) -> dict[str, Any]:
    """The Secret that keeps a key until its certificate is there."""
    certificate = situation.certificate
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": next_key_name(certificate, situation.revision + 1),
            "namespace": certificate.metadata.namespace,
            "labels": {NEXT_KEY: "true", **LABELS},
            "ownerReferences": [owner_reference(certificate)],
        },
        "type": "Opaque",
        "data": {TLS_KEY: base64.b64encode(encode_key(key, "PKCS8")).decode("ascii")},
    }


def request_content(situation: Situation, csr: bytes, prefixes: Iterable[str]) -> dict[str, Any]:
    """The CertificateRequest of the next revision."""
    certificate, revision = situation.certificate, situation.revision + 1
    spec = certificate.spec
    issuer = spec.issuer_ref
    wanted: dict[str, Any] = {
        "request": base64.b64encode(csr).decode("ascii"),
        "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
        "isCA": spec.is_ca,
        "usages": list(spec.usages),
        "duration": spec.duration,
    }
    annotations = {
        **copied_annotations(certificate.metadata.annotations, prefixes),
        REVISION: str(revision),
        KEY_SECRET: next_key_name(certificate, revision),
        CERTIFICATE_NAME: certificate.metadata.name,
    }
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {
            "name": request_name(certificate, revision),
            "namespace": certificate.metadata.namespace,
            "labels": copied_labels(certificate.metadata.labels),
            "annotations": annotations,
            "ownerReferences": [owner_reference(certificate)],
        },
        "spec": {name: value for name, value in wanted.items() if value},
    }


def in_the_way(situation: Situation, found: CertificateRequest | None) -> str | None:
    """Why the next request cannot be made; None when it can, or will in a moment. found: what has its name."""
    certificate = situation.certificate
    if found is None or any(one.name == certificate.metadata.name for one in found.metadata.owner_references):
        return None  # what belonged to a Certificate of this name before goes with it
    return f"there is a CertificateRequest {found.metadata.name!r} that is not of this Certificate: delete it"


def outdated(situation: Situation, key: Key) -> tuple[CertificateRequest, ...]:
    """Requests that cannot become the next certificate: of no revision, of another spec or key, or from an attempt
    before this one."""
    began = _began(situation.certificate)
    return tuple(request for request in situation.requests if _is_outdated(request, situation, key, began))


def surplus(situation: Situation) -> tuple[CertificateRequest, ...]:
    """The oldest beyond revisionHistoryLimit."""
    numbered = [one for one in situation.requests if revision_of(one) is not None]
    newest_first = sorted(numbered, key=lambda one: revision_of(one) or 0, reverse=True)
    return tuple(newest_first[situation.certificate.spec.revision_history_limit :])


def verdict_of(request: CertificateRequest) -> Verdict | None:
    """None while it may still be issued, or is."""
    for type_ in (DENIED, INVALID):
        found = state_of(request, type_)
        if found is not None and has(request, type_):
            return _verdict(request, type_, found)
    ready = state_of(request, READY)
    if ready is not None and ready.reason in {"Failed", "Denied"}:
        return _verdict(request, ready.reason, ready)
    return None


def _verdict(request: CertificateRequest, reason: str, told: Condition) -> Verdict:
    """Not every program that signs requests notes `failureTime`."""
    failed = read_time(request.status.failure_time) if request.status is not None else None
    return Verdict(reason, told.message, failed or read_time(told.last_transition_time))


def _is_outdated(request: CertificateRequest, situation: Situation, key: Key, began: datetime | None) -> bool:
    revision = revision_of(request)
    if revision is None:
        return True
    if revision <= situation.revision:
        return False
    facts = facts_of(request)
    if revision > situation.revision + 1 or request_differs(situation.certificate.spec, request):
        return True
    if isinstance(facts, RequestFacts) and not same_public_key(facts.public_key, key):
        return True
    verdict = verdict_of(request)
    return verdict is not None and verdict.at is not None and began is not None and verdict.at < began


def _began(certificate: Certificate) -> datetime | None:
    found = condition_of(certificate, ISSUING)
    return read_time(found.last_transition_time) if found is not None else None
