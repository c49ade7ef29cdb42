"""The Order that a CertificateRequest needs. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hearthgate.certificates.copied import copied_annotations, copied_labels
from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.orders.names import derived_name
from hearthgate.certificates.requests.verdict import Failed
from hearthgate.certificates.x509.csr import RequestFacts
from hearthgate.resources.certmanager import CertificateRequest, Order
from hearthgate.resources.registry import BY_TYPE

ATTEMPT: Final = "hearthgate.dev/attempt"
"""Annotation of an Order that follows one which the CA has let expire."""
MOST_ATTEMPTS: Final = 3


def why_no_order(facts: RequestFacts) -> Failed | None:
    """What ACME has no words for."""
    names = facts.names
    common_name = facts.common_name
    if common_name and common_name not in (*names.dns, *names.ips):
        message = f"the common name {common_name!r} is none of the host names and addresses: add it to dnsNames"
        return Failed("InvalidOrder", message)
    others = (*names.uris, *names.emails, *(f"{oid}={text}" for oid, text in names.others))
    if others:
        return Failed("InvalidOrder", f"ACME knows host names and addresses only, not {', '.join(others)}")
    if not (names.dns or names.ips):
        return Failed("InvalidOrder", "the request has no host name and no address")
    return None


def order_of(
    request: CertificateRequest,
    facts: RequestFacts,
    issuer: AnyIssuer,
    *,
    replaces: str,
    attempt: int,
    copied: Iterable[str],
) -> Mapping[str, Any]:
    """The whole object. copied: `copied_annotation_prefixes` of the settings.

    Its name comes from what is ordered, without the CSR and without `replaces`, which may be seen a moment later.
    """
    acme = issuer.spec.acme
    assert acme is not None  # noqa: S101 - only ACME issuers get here
    ref = request.spec.issuer_ref
    group, kind, name = ref.identity
    spec: dict[str, Any] = {"issuerRef": {"name": name, "kind": kind, "group": group}}
    if facts.common_name:
        spec["commonName"] = facts.common_name
    if facts.names.dns:
        spec["dnsNames"] = list(facts.names.dns)
    if facts.names.ips:
        spec["ipAddresses"] = list(facts.names.ips)
    if acme.enable_duration_feature and request.spec.duration:
        spec["duration"] = request.spec.duration
    if acme.profile:
        spec["profile"] = acme.profile
    order_name = derived_name(request.metadata.name, {**spec, "attempt": attempt, "uid": request.metadata.uid})
    if replaces:
        spec["replaces"] = replaces
    annotations = copied_annotations(request.metadata.annotations, copied)
    if attempt > 1:
        annotations[ATTEMPT] = str(attempt)
    owner = BY_TYPE[CertificateRequest]
    metadata = {
        "name": order_name,
        "namespace": request.metadata.namespace,
        "labels": copied_labels(request.metadata.labels),
        "annotations": annotations,
        "ownerReferences": [
            {
                "apiVersion": owner.api_version,
                "kind": owner.kind,
                "name": request.metadata.name,
                "uid": request.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    kind_ = BY_TYPE[Order]
    return {
        "apiVersion": kind_.api_version,
        "kind": kind_.kind,
        "metadata": metadata,
        "spec": {"request": request.spec.request, **spec},
    }


def attempt_of(order: Order) -> int:
    text = order.metadata.annotations.get(ATTEMPT, "")
    return int(text) if text.isdecimal() and len(text) < 4 else 1
