"""cert-manager's metrics from objects, in Prometheus' text."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hearthgate.certificates import metrics
from hearthgate.certificates.acme.transport import Call
from hearthgate.certificates.metrics import CallCounts, exposition
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate, Challenge, ClusterIssuer
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def decoded(kind: str, group: str, spec: Mapping[str, object], status: Mapping[str, object]) -> Resource:
    metadata = {"name": "wild", "namespace": "infra"} if kind != "ClusterIssuer" else {"name": "wild"}
    content = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status}
    resource = decode_mapping(content).resource
    assert resource is not None
    return resource


CERTIFICATE = decoded(
    "Certificate",
    "cert-manager.io",
    {"secretName": "wild", "dnsNames": ["*.home.test"], "issuerRef": {"name": "le", "kind": "ClusterIssuer"}},
    {
        "conditions": [{"type": "Ready", "status": "True"}],
        "notBefore": "2026-06-01T00:00:00Z",
        "notAfter": "2026-08-30T00:00:00Z",
        "renewalTime": "2026-07-31T00:00:00Z",
    },
)
CHALLENGE = decoded(
    "Challenge",
    "acme.cert-manager.io",
    {
        "url": "https://ca.test/c",
        "authorizationURL": "https://ca.test/a",
        "dnsName": "home.test",
        "type": "DNS-01",
        "token": "t",
        "key": "k",
        "solver": {"dns01": {}},
        "issuerRef": {"name": "le"},
    },
    {"state": "pending", "processing": True, "reason": "not seen yet\nat ns1"},
)
ISSUER = decoded(
    "ClusterIssuer",
    "cert-manager.io",
    {"selfSigned": {}},
    {"conditions": [{"type": "Ready", "status": "False"}]},
)


def lines(*resources: Resource) -> list[str]:
    return "".join(exposition(Snapshot.of(resources), NOW)).splitlines()


def test_a_certificate() -> None:
    assert isinstance(CERTIFICATE, Certificate)
    found = lines(CERTIFICATE)
    issuer = 'issuer_name="le",issuer_kind="ClusterIssuer",issuer_group="cert-manager.io"'
    named = 'name="wild",namespace="infra"'
    assert f'certmanager_certificate_ready_status{{{named},condition="True",{issuer}}} 1.0' in found
    assert f'certmanager_certificate_ready_status{{{named},condition="False",{issuer}}} 0.0' in found
    for metric, day in (
        ("expiration", "2026-08-30"),
        ("not_after", "2026-08-30"),
        ("not_before", "2026-06-01"),
        ("renewal", "2026-07-31"),
    ):
        seconds = datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
        assert f"certmanager_certificate_{metric}_timestamp_seconds{{{named},{issuer}}} {seconds}" in found
    assert f"hearthgate_certificate_lifetime_left_ratio{{{named},{issuer}}} {60 / 90}" in found


def test_challenges_and_issuers() -> None:
    assert isinstance(CHALLENGE, Challenge)
    assert isinstance(ISSUER, ClusterIssuer)
    found = lines(CHALLENGE, ISSUER)
    rest = 'domain="home.test",reason="not seen yet\\nat ns1",processing="true",name="wild",namespace="infra"'
    assert f'certmanager_certificate_challenge_status{{status="pending",{rest},type="DNS-01"}} 1.0' in found
    assert f'certmanager_certificate_challenge_status{{status="valid",{rest},type="DNS-01"}} 0.0' in found
    assert 'certmanager_clusterissuer_ready_status{name="wild",condition="False"} 1.0' in found


def test_what_is_not_known_is_zero() -> None:
    spec = {"secretName": "w", "dnsNames": ["a.test"], "issuerRef": {"name": "le"}}
    found = lines(decoded("Certificate", "cert-manager.io", spec, {}))
    assert next(line for line in found if line.startswith(f"{metrics.RENEWAL.name}{{")).endswith(" 0.0")
    assert not [line for line in found if line.startswith(f"{metrics.LIFETIME_LEFT.name}{{")]


def test_requests_to_a_ca() -> None:
    counts = CallCounts()
    for seconds in (0.1, 0.2, 0.3):
        counts.observe(
            Call(
                action="authorize_order",
                method="POST",
                scheme="https",
                host="ca.test",
                status=429,
                seconds=seconds,
            )
        )
    found = "".join(counts.lines()).splitlines()
    said = (
        'scheme="https",host="ca.test",action="authorize_order",method="POST",status="429",path="authorize_order"'
    )
    assert f"certmanager_http_acme_client_request_count{{{said}}} 3" in found
    duration = "certmanager_http_acme_client_request_duration_seconds"
    assert f'{duration}{{{said},quantile="0.5"}} 0.2' in found
    assert f"{duration}_count{{{said}}} 3" in found
