"""The kinds that wait for their controllers: read whole, stored with a warning, mistakes named."""

from typing import Any

import pytest
import yaml

from hearthgate.model.problems import Severity
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager import Certificate, ClusterIssuer
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.metallb import BGPPeer, IPAddressPool
from hearthgate.resources.networking import Ingress, NetworkPolicy
from hearthgate.resources.registry import BY_API_VERSION, BY_TYPE, KINDS
from hearthgate.resources.traefik import IngressRouteTCP

HOMELAB = """
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: letsencrypt-issuer}
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    privateKeySecretRef: {name: letsencrypt-production}
    solvers:
    - selector: {dnsZones: [my-homelab.party]}
      dns01:
        cloudflare:
          email: me@my-homelab.party
          apiTokenSecretRef: {name: cloudflare-token-secret, key: cloudflare-token}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: cluster-certificate, namespace: infra}
spec:
  secretName: production-certificate-secret
  issuerRef: {name: letsencrypt-issuer, kind: ClusterIssuer}
  commonName: "*.my-homelab.party"
  dnsNames: ["*.my-homelab.party"]
  secretTemplate:
    annotations:
      reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
---
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: first-pool, namespace: infra}
spec: {addresses: [192.168.1.240/28]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: empty, namespace: infra}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny-ingress, namespace: htpc}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-traefik-ingress, namespace: htpc}
spec:
  podSelector: {matchExpressions: [{key: app, operator: In, values: [jellyfin, sonarr]}]}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: infra}}
      podSelector: {matchLabels: {app.kubernetes.io/name: traefik}}
    - ipBlock: {cidr: 192.168.0.0/16, except: [192.168.7.0/24]}
    ports: [{port: 8096}, {port: http, protocol: TCP}, {port: 9000, endPort: 9010, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: blog, namespace: utils}
spec:
  ingressClassName: traefik
  tls: [{hosts: [blog.my-homelab.party], secretName: blog-tls}]
  rules:
  - host: blog.my-homelab.party
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: blog, port: {number: 80}}}}]}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRouteTCP
metadata: {name: mqtt, namespace: utils}
spec:
  entryPoints: [mqtt]
  routes: [{match: HostSNI(`*`), services: [{name: mosquitto, port: 1883}]}]
---
apiVersion: traefik.io/v1alpha1
kind: IngressRouteUDP
metadata: {name: dns, namespace: utils}
spec: {entryPoints: [dns], routes: [{services: [{name: dns, port: dns-udp}]}]}
"""
OBJECTS: dict[str, dict[str, Any]] = {
    f"{data['kind']} {data['metadata']['name']}": data for data in yaml.safe_load_all(HOMELAB)
}


@pytest.mark.parametrize("name", OBJECTS)
def test_the_homelabs_objects_need_no_words(name: str) -> None:
    decoded = decode_mapping(OBJECTS[name])
    assert decoded.resource is not None
    assert not decoded.problems


def test_what_they_say() -> None:
    issuer, certificate = (decode_mapping(OBJECTS[name]).resource for name in list(OBJECTS)[:2])
    assert isinstance(issuer, ClusterIssuer)
    assert issuer.spec.acme is not None
    (solver,) = issuer.spec.acme.solvers
    assert solver.dns01 is not None
    assert solver.dns01.cloudflare is not None
    assert solver.dns01.cloudflare.api_token_secret_ref is not None
    assert solver.dns01.cloudflare.api_token_secret_ref.key == "cloudflare-token"
    assert isinstance(certificate, Certificate)
    assert certificate.spec.issuer_ref.identity == ("cert-manager.io", "ClusterIssuer", "letsencrypt-issuer")
    pool = decode_mapping(OBJECTS["IPAddressPool first-pool"]).resource
    assert isinstance(pool, IPAddressPool)
    assert (pool.spec.addresses, pool.spec.auto_assign) == (("192.168.1.240/28",), True)
    policy = decode_mapping(OBJECTS["NetworkPolicy allow-traefik-ingress"]).resource
    assert isinstance(policy, NetworkPolicy)
    (rule,) = policy.spec.ingress
    assert rule.from_[1].ip_block is not None
    assert rule.from_[1].ip_block.except_ == ("192.168.7.0/24",)
    assert [(port.port, port.end_port, port.protocol) for port in rule.ports] == [
        (8096, None, "TCP"),
        ("http", None, "TCP"),
        (9000, 9010, "UDP"),
    ]
    ingress = decode_mapping(OBJECTS["Ingress blog"]).resource
    assert isinstance(ingress, Ingress)
    assert ingress.spec.rules[0].http is not None
    route = decode_mapping(OBJECTS["IngressRouteTCP mqtt"]).resource
    assert isinstance(route, IngressRouteTCP)


def peer(**fields: Any) -> dict[str, Any]:
    spec = {"myASN": 64512, "peerASN": 64513, "peerAddress": "10.0.0.1", **fields}
    return {
        "apiVersion": "metallb.io/v1beta2",
        "kind": "BGPPeer",
        "metadata": {"name": "router", "namespace": "infra"},
        "spec": spec,
    }


def certificate(**fields: Any) -> dict[str, Any]:
    spec = {"secretName": "tls", "issuerRef": {"name": "ca"}, "dnsNames": ["a.lan"], **fields}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "a", "namespace": "infra"},
        "spec": spec,
    }


MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown field": (certificate(dnsName="a"), "spec.dnsName", "(did you mean 'dnsNames'?)"),
    "a duration": (
        certificate(duration="90 days"),
        "spec.duration",
        "'90 days' is not a duration such as 1h30m (units: ns, us, ms, s, m, h)",
    ),
    "a duration without unit": (peer(holdTime="90"), "spec.holdTime", "'90' is not a duration"),
    "a long common name": (certificate(commonName="a" * 65), "spec.commonName", "at most 64 characters long"),
    "a word": (certificate(usages=["server-auth"]), "spec.usages[0]", "(did you mean 'server auth'?)"),
    "a range": (peer(peerPort=0), "spec.peerPort", "0 is too small: the least is 1"),
    "an operator": (
        peer(nodeSelectors=[{"matchExpressions": [{"key": "a", "operator": "in"}]}]),
        "spec.nodeSelectors[0].matchExpressions[0].operator",
        "'in' is not one of DoesNotExist, Exists, In, NotIn (did you mean 'In'?)",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    data, field, message = MISTAKES[case]
    decoded = decode_mapping(data)
    assert decoded.resource is None
    (problem,) = decoded.problems
    assert problem.field == field
    assert message in problem.message


def test_a_provider_that_hearthgate_has_not_is_named_with_the_way_out() -> None:
    solver = {"dns01": {"route53": {"region": "eu-central-1"}}}
    acme = {"server": "https://ca.lan", "privateKeySecretRef": {"name": "key"}, "solvers": [solver]}
    data = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "a"}}
    decoded = decode_mapping({**data, "spec": {"acme": acme}})
    assert decoded.resource is not None
    (problem,) = decoded.problems
    assert (problem.field, problem.severity) == ("spec.acme.solvers[0].dns01.route53", Severity.WARNING)
    assert problem.message.endswith("use cloudflare, rfc2136, acmeDNS, webhook or exec")


@pytest.mark.parametrize("wrong", [peer(password="hunter2"), peer(password=["hunter2"])])
def test_a_password_is_never_seen(wrong: dict[str, Any]) -> None:
    decoded = decode_mapping(wrong)
    assert "hunter2" not in repr(decoded)


def test_a_password_can_be_read() -> None:
    found = decode_mapping(peer(password="hunter2")).resource
    assert isinstance(found, BGPPeer)
    assert found.spec.password == SecretBytes(b"hunter2")


def test_names_of_kinds_tell_them_apart() -> None:
    assert len({kind.kind for kind in KINDS}) == len(KINDS)
    assert len({kind.resource for kind in KINDS}) == len(KINDS)
    assert len(BY_TYPE) == len(BY_API_VERSION) == len(KINDS)
    names = {(name, kind.resource) for kind in KINDS for name in (*kind.short_names, kind.singular, kind.plural)}
    assert len({name for name, _ in names}) == len(names)
    assert all(kind.resource_type is not None and kind.resource_type.__name__ == kind.kind for kind in KINDS)
