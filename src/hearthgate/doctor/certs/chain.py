"""The way of a certificate, from its issuer to the proofs that a CA wants, and what is in its way. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.certs.table import condition, moment, span, state_of
from hearthgate.resources.certmanager import (
    Certificate,
    CertificateRequest,
    Challenge,
    ClusterIssuer,
    Issuer,
    Order,
)
from hearthgate.resources.certmanager.references import ISSUER_GROUP
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)

REVISION: Final = "cert-manager.io/certificate-revision"
_FINAL_FAILURES: Final = frozenset({"invalid", "expired", "errored"})


class Step(NamedTuple):
    """subject: kind and name. state: ok, waiting, failed or missing. text: what there is to say. way_out: what a
    person can do, when the step is in the way."""

    subject: str
    state: str
    text: str
    way_out: str = ""


class Chain(NamedTuple):
    """blocker: the first step that is in the way; None when all is well, or only a matter of seconds."""

    steps: tuple[Step, ...]
    blocker: Step | None


def chain_of(certificate: Certificate, snapshot: Snapshot, now: datetime) -> Chain:
    """From the certificate down to its challenges."""
    steps = tuple(_steps(certificate, snapshot, now))
    failed = next((step for step in steps if step.state in {"failed", "missing"}), None)
    waiting = [step for step in steps if step.state == "waiting"]
    return Chain(steps, failed or (waiting[-1] if waiting else None))


def _steps(certificate: Certificate, snapshot: Snapshot, now: datetime) -> Iterator[Step]:
    yield from _issuer(certificate, snapshot)
    yield from _rival(certificate, snapshot)
    state = state_of(certificate)
    if state == "Ready":
        yield _in_order(certificate, now)
        return
    yield from _failures(certificate, now)
    request = _request(certificate, snapshot)
    if request is None:
        if state != "Failed":
            yield Step("CertificateRequest", "waiting", "none yet: it is made within seconds")
        return
    yield _of_request(request)
    for order in _owned(snapshot.all(Order), request):
        yield _of_order(order)
        for challenge in _owned(snapshot.all(Challenge), order):
            yield _of_challenge(challenge)


def _issuer(certificate: Certificate, snapshot: Snapshot) -> Iterator[Step]:
    reference = certificate.spec.issuer_ref
    subject = f"{reference.kind} {reference.name}"
    if reference.group not in ("", ISSUER_GROUP):
        yield Step(subject, "waiting", f"is of {reference.group}: another program issues", "look into its log")
        return
    issuer: Issuer | ClusterIssuer | None
    if reference.kind == "ClusterIssuer":
        issuer = snapshot.get(ClusterIssuer, "", reference.name)
    else:
        issuer = snapshot.get(Issuer, certificate.metadata.namespace, reference.name)
    if issuer is None:
        where = "" if reference.kind == "ClusterIssuer" else f" in namespace {certificate.metadata.namespace}"
        way_out = f"create it, or correct spec.issuerRef of Certificate {certificate.metadata.name}"
        yield Step(subject, "missing", f"there is none{where}", way_out)
        return
    ready = condition(issuer.status.conditions if issuer.status is not None else (), "Ready")
    if ready is None:
        yield Step(subject, "waiting", "is being set up")
    elif ready.status != "True":
        describe = f"kubectl describe {subject.lower()}"
        yield Step(subject, "failed", f"{ready.reason}: {ready.message}", f"correct it; {describe} shows more")
    else:
        yield Step(subject, "ok", "ready")


def _rival(certificate: Certificate, snapshot: Snapshot) -> Iterator[Step]:
    """Two Certificates with one Secret: only one of them can have it."""
    for other in snapshot.all(Certificate):
        same = (other.metadata.namespace, other.spec.secret_name) == (
            certificate.metadata.namespace,
            certificate.spec.secret_name,
        )
        if same and other.key != certificate.key:
            yield Step(
                f"Certificate {other.metadata.name}",
                "waiting" if state_of(certificate) == "Ready" else "failed",
                f"has the same spec.secretName {other.spec.secret_name}",
                "give one of the two another spec.secretName",
            )


def _in_order(certificate: Certificate, now: datetime) -> Step:
    status = certificate.status
    renewal = moment(status.renewal_time) if status is not None else None
    text = "in order"
    if status is not None and (end := moment(status.not_after)) is not None:
        text += f", valid for {span((end - now).total_seconds())}"
    if renewal is not None:
        text += f", to be renewed in {span((renewal - now).total_seconds())}"
    return Step(f"Secret {certificate.spec.secret_name}", "ok", text)


def _failures(certificate: Certificate, now: datetime) -> Iterator[Step]:
    status = certificate.status
    if status is None or not status.failed_issuance_attempts:
        return
    told = condition(status.conditions, "Issuing")
    when = moment(status.last_failure_time)
    ago = f", the last {span((when - now).total_seconds())}" if when is not None else ""
    times = status.failed_issuance_attempts
    text = f"{times} attempt{'s' if times > 1 else ''} failed{ago}"
    if told is not None and told.message:
        text = f"{text}: {told.message}"
    renew = f"hearthgate certs renew {certificate.metadata.name} -n {certificate.metadata.namespace}"
    subject = f"Certificate {certificate.metadata.name}"
    yield Step(subject, "failed", text, f"mend what it names; to try at once: {renew}")


def _request(certificate: Certificate, snapshot: Snapshot) -> CertificateRequest | None:
    """The newest of the certificate, by revision."""
    owned = _owned(snapshot.all(CertificateRequest), certificate)

    def revision(request: CertificateRequest) -> int:
        text = request.metadata.annotations.get(REVISION, "")
        return int(text) if text.isdecimal() else 0

    return max(owned, key=revision, default=None)


def _of_request(request: CertificateRequest) -> Step:
    subject = f"CertificateRequest {request.metadata.name}"
    conditions = request.status.conditions if request.status is not None else ()
    denied, ready = condition(conditions, "Denied"), condition(conditions, "Ready")
    if denied is not None and denied.status == "True":
        return Step(subject, "failed", f"denied: {denied.message}", "ask who denied it")
    approved = condition(conditions, "Approved")
    if approved is None or approved.status != "True":
        return Step(subject, "waiting", "nobody has approved it yet", f"cmctl approve {request.metadata.name}")
    if ready is None:
        return Step(subject, "waiting", "approved")
    if ready.status == "True":
        return Step(subject, "ok", "issued")
    state = "failed" if ready.reason == "Failed" else "waiting"
    return Step(subject, state, f"{ready.reason}: {ready.message}")


def _of_order(order: Order) -> Step:
    status = order.status
    state = status.state if status is not None else ""
    reason = status.reason if status is not None else ""
    subject = f"Order {order.metadata.name}"
    if state == "valid":
        return Step(subject, "ok", "the CA has issued")
    if state in _FINAL_FAILURES:
        return Step(subject, "failed", f"{state}: {reason}" if reason else state)
    return Step(subject, "waiting", f"{state or 'to be made at the CA'}{f': {reason}' if reason else ''}")


def _of_challenge(challenge: Challenge) -> Step:
    status, spec = challenge.status, challenge.spec
    host = f"*.{spec.dns_name}" if spec.wildcard else spec.dns_name
    subject = f"Challenge {challenge.metadata.name}"
    what = f"{spec.type} for {host}"
    state = status.state if status is not None else ""
    reason = status.reason if status is not None else ""
    if state == "valid":
        return Step(subject, "ok", f"{what}: proved")
    if state in _FINAL_FAILURES:
        return Step(subject, "failed", f"{what}: {reason or state}", _proof_help(challenge, host))
    place = "in place" if status is not None and status.presented else "not in place yet"
    return Step(
        subject, "waiting", f"{what}, {place}{f': {reason}' if reason else ''}", _proof_help(challenge, host)
    )


def _proof_help(challenge: Challenge, host: str) -> str:
    issuer = challenge.spec.issuer_ref
    match challenge.spec.type:
        case "DNS-01":
            return f"hearthgate certs preflight {issuer.name} tries the provider, and shows who sees the record"
        case "HTTP-01":
            return f"http://{host}/.well-known/acme-challenge/ must reach this proxy on port 80 from outside"
        case _:
            return f"port 443 of {host} must reach this proxy from outside, with TLS unbroken"


def _owned(resources: tuple[R, ...], owner: Resource) -> tuple[R, ...]:
    uid = owner.metadata.uid
    return tuple(
        resource for resource in resources if any(one.uid == uid for one in resource.metadata.owner_references)
    )
