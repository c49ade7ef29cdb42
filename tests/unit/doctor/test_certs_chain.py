"""The first thing that is in a certificate's way, and the table of all."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.certs.chain import Chain, chain_of
from hearthgate.doctor.certs.table import as_json, rows, span
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource

NOW = datetime(2026, 7, 1, tzinfo=UTC)
REVISION = {"cert-manager.io/certificate-revision": "1"}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
APPROVED = {"type": "Approved", "status": "True"}


def made(
    kind: str, name: str, spec: Mapping[str, Any], status: Mapping[str, Any], owner: str = "", **meta: Any
) -> Any:
    acme = kind in {"Order", "Challenge"}
    group = "acme.cert-manager.io" if acme else "cert-manager.io"
    owners = [{"apiVersion": "x", "kind": "y", "name": owner, "uid": owner, "controller": True}] if owner else []
    namespace = {} if kind == "ClusterIssuer" else {"namespace": "infra"}
    metadata = {"name": name, "uid": name, "ownerReferences": owners, **namespace, **meta}
    content = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status}
    decoded = decode_mapping(content)
    assert decoded.resource is not None, decoded.problems
    return decoded.resource


def certificate(status: Mapping[str, Any], name: str = "wild") -> Certificate:
    spec = {
        "secretName": "wild",
        "dnsNames": ["*.home.test"],
        "issuerRef": {"name": "le", "kind": "ClusterIssuer"},
    }
    found: Certificate = made("Certificate", name, spec, status)
    return found


def issuer(status: Mapping[str, Any] = READY) -> Resource:
    found: Resource = made("ClusterIssuer", "le", {"selfSigned": {}}, status)
    return found


def request(status: Mapping[str, Any]) -> Resource:
    spec = {"request": "x", "issuerRef": {"name": "le", "kind": "ClusterIssuer"}}
    found: Resource = made("CertificateRequest", "wild-1", spec, status, "wild", annotations=REVISION)
    return found


def order(status: Mapping[str, Any]) -> Resource:
    found: Resource = made("Order", "wild-1-7", {"request": "x", "issuerRef": {"name": "le"}}, status, "wild-1")
    return found


def challenge(status: Mapping[str, Any], type_: str = "DNS-01") -> Resource:
    spec = {
        "url": "u",
        "authorizationURL": "a",
        "dnsName": "home.test",
        "wildcard": True,
        "type": type_,
        "token": "t",
        "key": "k",
        "solver": {},
        "issuerRef": {"name": "le"},
    }
    found: Resource = made("Challenge", "wild-1-7-9", spec, status, "wild-1-7")
    return found


ISSUING = {"conditions": [{"type": "Issuing", "status": "True"}, {"type": "Ready", "status": "False"}]}
PENDING = {"conditions": [APPROVED, {"type": "Ready", "status": "False", "reason": "Pending", "message": "waits"}]}
FAILED = {
    "conditions": [{"type": "Issuing", "status": "False", "reason": "Failed", "message": "the CA says no"}],
    "failedIssuanceAttempts": 2,
    "lastFailureTime": "2026-06-30T22:00:00Z",
}


def chain(subject: Certificate, *others: Resource) -> Chain:
    return chain_of(subject, Snapshot.of([subject, *others]), NOW)


CASES: Mapping[str, tuple[tuple[Resource, ...], str, str]] = {
    "no issuer": ((certificate(ISSUING),), "ClusterIssuer le", "there is none"),
    "issuer not ready": (
        (
            certificate(ISSUING),
            issuer(
                {
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "ErrRegisterACMEAccount", "message": "401"}
                    ]
                }
            ),
        ),
        "ClusterIssuer le",
        "ErrRegisterACMEAccount: 401",
    ),
    "no request yet": ((certificate(ISSUING), issuer()), "CertificateRequest", "none yet"),
    "not approved": (
        (certificate(ISSUING), issuer(), request({"conditions": []})),
        "CertificateRequest wild-1",
        "nobody has approved it",
    ),
    "denied": (
        (
            certificate(ISSUING),
            issuer(),
            request({"conditions": [{"type": "Denied", "status": "True", "message": "no"}]}),
        ),
        "CertificateRequest wild-1",
        "denied: no",
    ),
    "order failed": (
        (
            certificate(ISSUING),
            issuer(),
            request(PENDING),
            order({"state": "errored", "reason": "429 until 12:00"}),
        ),
        "Order wild-1-7",
        "errored: 429 until 12:00",
    ),
    "record not seen": (
        (
            certificate(ISSUING),
            issuer(),
            request(PENDING),
            order({"state": "pending"}),
            challenge({"state": "pending", "presented": True, "reason": "ns1 says NXDOMAIN"}),
        ),
        "Challenge wild-1-7-9",
        "DNS-01 for *.home.test, in place: ns1 says NXDOMAIN",
    ),
    "proof refused": (
        (
            certificate(ISSUING),
            issuer(),
            request(PENDING),
            order({"state": "pending"}),
            challenge({"state": "invalid", "reason": "wrong value"}),
        ),
        "Challenge wild-1-7-9",
        "wrong value",
    ),
    "failed and waits": (
        (certificate(FAILED), issuer()),
        "Certificate wild",
        "2 attempts failed, the last 2h ago: the CA says no",
    ),
    "one Secret for two": (
        (certificate(ISSUING), issuer(), certificate(READY, "other")),
        "Certificate other",
        "the same spec.secretName",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_thing_in_the_way(case: str) -> None:
    resources, subject, words = CASES[case]
    assert isinstance(resources[0], Certificate)
    blocker = chain(resources[0], *resources[1:]).blocker
    assert blocker is not None
    assert blocker.subject == subject
    assert words in blocker.text


def test_nothing_is_in_the_way_of_what_is_in_order() -> None:
    status = {**READY, "notAfter": "2026-08-30T00:00:00Z", "renewalTime": "2026-07-31T00:00:00Z"}
    found = chain(certificate(status), issuer())
    assert found.blocker is None
    assert found.steps[-1].text == "in order, valid for 60d, to be renewed in 30d"


@pytest.mark.parametrize("type_", ["DNS-01", "HTTP-01", "TLS-ALPN-01"])
def test_every_proof_has_a_way_out(type_: str) -> None:
    found = chain(
        certificate(ISSUING),
        issuer(),
        request(PENDING),
        order({"state": "pending"}),
        challenge({"state": "pending"}, type_),
    )
    assert found.blocker is not None
    assert found.blocker.way_out


def test_the_table_knows_who_serves_a_certificate_and_its_copies() -> None:
    prefix = "reflector.v1.k8s.emberstack.com/"
    copy = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wild", "namespace": "media", "annotations": {f"{prefix}reflects": "infra/wild"}},
    }
    routes = [
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"routes": [{"match": "Host(`a.home.test`)"}], "tls": {"secretName": "wild"}},
        }
        for name, namespace in (("dash", "infra"), ("film", "media"), ("other", "utils"))
    ]
    decoded = [decode_mapping(content).resource for content in (copy, *routes)]
    resources = [resource for resource in decoded if resource is not None]
    (row,) = rows(Snapshot.of([certificate(READY), *resources]))
    assert row.used_by == ("IngressRoute infra/dash", "IngressRoute media/film")
    assert (row.state, row.names, row.issuer) == ("Ready", ("*.home.test",), "ClusterIssuer/le")
    assert as_json(row)["state"] == "Ready"
    assert rows(Snapshot.of([certificate(READY)]), "media") == ()


@pytest.mark.parametrize(
    ("status", "state"), [(ISSUING, "Issuing"), (FAILED, "Failed"), (READY, "Ready"), ({}, "NotReady")]
)
def test_states(status: Mapping[str, Any], state: str) -> None:
    (row,) = rows(Snapshot.of([certificate(status)]))
    assert row.state == state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30s"), (119, "119s"), (600, "10m"), (90000, "25h"), (86400 * 59, "59d"), (-7300, "2h ago")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text
