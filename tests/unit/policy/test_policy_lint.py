"""What is said of policies that hardly mean what they say, and which policies are proposed."""

from typing import Any

import msgspec
import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.edges import proxied, proxies
from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.lint import lint
from hearthgate.policy.monitors import scraped
from hearthgate.policy.suggest import Suggestion, suggest
from hearthgate.policy.world import world
from hearthgate.resources.core import Service
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress, NetworkPolicy
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.service import TraefikService
from tests.policy_samples import Lab, app, named, namespace, pod, policy

PROXY = pod("infra/proxy", "10.0.9.1", labels={"app.kubernetes.io/name": "traefik"})
DNS = pod("kube-system/dns", "10.0.9.2", labels={"k8s-app": "kube-dns"}, ports=[("dns", "UDP", 53)])
WEB = pod("htpc/web", "10.0.0.1", ports=[("http", "TCP", 8080)])
OTHER = pod("htpc/other", "10.0.0.2", ports=[("metrics", "TCP", 9000)])
PROMETHEUS = pod("monitoring/prom", "10.0.1.1", labels={"app.kubernetes.io/name": "prometheus"})
HOST = pod("htpc/host", "192.168.1.9", hostNetwork=True)
BASE: tuple[Resource, ...] = (
    *(PROXY, DNS, WEB, OTHER, PROMETHEUS, HOST),
    *(namespace("htpc"), namespace("infra"), namespace("monitoring")),
)


def made(kind: Any, name: str, spec: dict[str, Any], **metadata: Any) -> Any:
    return msgspec.convert({"metadata": {"name": name, "namespace": "htpc", **metadata}, "spec": spec}, kind)


def service(name: str, port: int | str, **spec: Any) -> Any:
    ports = [{"name": "p", "port": 80, "targetPort": port}]
    return made(Service, name, {"selector": {"app": name}, "ports": ports, **spec}, labels={"svc": name})


def route(*services: dict[str, Any]) -> Any:
    return made(IngressRoute, "r", {"routes": [{"match": "Host(`a.test`)", "services": list(services)}]})


WEB_ROUTE = (service("web", "http"), route({"name": "web", "port": 80}))


def said(*objects: Resource) -> list[str]:
    snapshot = Snapshot.of([*BASE, *objects])
    return [str(problem) for problem in lint(snapshot, world(snapshot))]


def test_a_good_policy_is_passed_over() -> None:
    good = policy("htpc/p", podSelector=app("web"), ingress=[{"from": [{"namespaceSelector": named("infra")}]}])
    assert said(good, *WEB_ROUTE) == []


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({"podSelector": app("webb")}, "spec.podSelector", "none has app=webb (did you mean 'web'?)"),
        ({"podSelector": app("host")}, "spec.podSelector", "pods of the host's network are beyond policies"),
        ({"ingress": [{}]}, "spec.ingress[0]", "lets everybody in"),
        ({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}, "spec.ingress", "add Ingress"),
        (
            {"ingress": [{"from": [{"namespaceSelector": named("infr")}]}]},
            "spec.ingress[0].from[0].namespaceSelector",
            "(did you mean 'infra'?)",
        ),
        ({"ingress": [{"from": [{"podSelector": app("proxy")}]}]}, "spec.ingress[0].from[0]", "no pod of htpc"),
        ({"egress": [{"to": [{"podSelector": app("none")}]}]}, "spec.egress[0].to[0]", "selects no pod"),
        ({"ingress": [{"ports": [{"port": "htp"}]}]}, "spec.ingress[0].ports[0].port", "did you mean 'http'?"),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]}]},
            "spec.ingress[0].from[0].ipBlock.cidr",
            "holds addresses of pods (htpc/other, htpc/web)",
        ),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.9.0.0/24", "except": ["10.8.0.0/24"]}}]}]},
            "spec.ingress[0].from[0].ipBlock.except[0]",
            "lies outside",
        ),
        ({"policyTypes": ["Egress"]}, "spec.egress", "may not ask for names"),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]},
            "spec.ingress[0].from[0].ipBlock.cidr",
            "no network",
        ),
    ],
)
def test_one_mistake(spec: dict[str, Any], field: str, words: str) -> None:
    found = said(policy("htpc/p", **spec))
    assert any(one.startswith(f"NetworkPolicy htpc/p: {field}: ") and words in one for one in found), found


def test_a_namespace_that_is_not_there() -> None:
    assert "namespace htcp has no pods (did you mean 'htpc'?)" in said(policy("htcp/p"))[0]


def test_a_locked_out_proxy_is_told_of_the_route() -> None:
    (found,) = (one for one in said(policy("htpc/deny"), *WEB_ROUTE) if one.startswith("IngressRoute"))
    assert "may not reach htpc/web at TCP:8080 (Service htpc/web)" in found
    assert "hearthgate can-reach infra/proxy htpc/web:8080" in found


ALL_WAYS = (
    *(service("web", 8080), service("other", "metrics")),
    route({"name": "w", "kind": "TraefikService"}),
    made(TraefikService, "w", {"weighted": {"services": [{"name": "web", "port": 80}]}}),
    made(Middleware, "auth", {"forwardAuth": {"address": "http://other.htpc.svc.cluster.local/verify"}}),
    made(
        Ingress,
        "i",
        {"defaultBackend": {"service": {"name": "web", "port": {"name": "p"}}}},
    ),
)


def test_what_the_proxy_must_reach() -> None:
    snapshot = Snapshot.of([*BASE, *ALL_WAYS])
    edges = {(str(edge.source.kind), str(edge.pod), edge.port) for edge in proxied(snapshot, world(snapshot))}
    assert edges == {
        ("TraefikService", "htpc/web", 8080),
        ("Middleware", "htpc/other", 9000),
        ("Ingress", "htpc/web", 8080),
    }


def proposals(space: str, *objects: Resource, **options: Any) -> tuple[Suggestion, ...]:
    snapshot = Snapshot.of([*BASE, *objects])
    monitor = {
        "kind": "ServiceMonitor",
        "metadata": {"name": "m", "namespace": "monitoring"},
        "spec": {
            "namespaceSelector": {"any": True},
            "selector": {"matchLabels": {"svc": "other"}},
            "endpoints": [{"port": "p"}],
        },
    }
    return suggest(snapshot, world(snapshot), space, scraped=scraped([monitor], snapshot), **options)


@pytest.mark.parametrize("egress", [False, True])
def test_proposals_keep_routes_and_monitoring_and_close_the_rest(egress: bool) -> None:
    found = proposals("htpc", *ALL_WAYS, egress=egress)
    assert all(each.why for each in found)
    names = [each.policy["metadata"]["name"] for each in found]
    assert len(set(names)) == len(names)
    made_ = [msgspec.convert(each.policy, NetworkPolicy) for each in found]
    snapshot = Snapshot.of([*BASE, *ALL_WAYS, *made_])
    one = world(snapshot)
    for edge in proxied(snapshot, one):
        for proxy in proxies(one):
            assert check(one, Flow(proxy, edge.pod), edge.protocol, edge.port).allowed
    lab = Lab(*BASE, *ALL_WAYS, *made_)
    assert lab.passes("monitoring/prom", "htpc/other", 9000)
    assert not lab.passes("monitoring/prom", "htpc/web", 8080)
    assert not lab.passes("infra/proxy", "htpc/web", 22)
    assert lab.passes("htpc/web", "htpc/other", 1)
    assert lab.passes("htpc/web", "8.8.8.8", 443) is not egress
    assert lab.passes("htpc/web", "kube-system/dns", 53, "UDP")
    assert lint(snapshot, one) == ()


def test_services_that_clients_reach_themselves() -> None:
    game = service("other", 9000, type="LoadBalancer", loadBalancerSourceRanges=["192.168.0.0/16"])
    found = proposals("htpc", game)
    lab = Lab(*BASE, game, *(msgspec.convert(each.policy, NetworkPolicy) for each in found))
    assert lab.passes("192.168.1.50", "htpc/other", 9000)
    assert not lab.passes("8.8.8.8", "htpc/other", 9000)


def test_argo_cd_gets_its_own_fences() -> None:
    label = "app.kubernetes.io/name"
    parts = ("argocd-server", "argocd-redis", "argocd-repo-server", "argocd-application-controller")
    pods = [pod(f"argocd/{part}", labels={label: part}) for part in parts]
    found = proposals("argocd", *pods)
    assert [each.policy["metadata"]["name"] for each in found] == [
        "default-deny",
        "argocd-application-controller-network-policy",
        "argocd-redis-network-policy",
        "argocd-repo-server-network-policy",
        "argocd-server-network-policy",
    ]
    lab = Lab(*BASE, *pods, *(msgspec.convert(each.policy, NetworkPolicy) for each in found))
    assert lab.passes("argocd/argocd-server", "argocd/argocd-redis", 6379)
    assert not lab.passes("htpc/web", "argocd/argocd-redis", 6379)
    assert lab.passes("monitoring/prom", "argocd/argocd-application-controller", 8082)
    assert lab.passes("8.8.8.8", "argocd/argocd-server", 443)


def test_a_namespace_without_pods_needs_none() -> None:
    assert proposals("empty") == ()
