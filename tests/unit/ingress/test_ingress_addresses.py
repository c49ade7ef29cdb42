"""Where Ingresses say they are reached."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.providers import KubernetesIngress
from hearthgate.ingress.routing.ingresses.addresses import ReachedDocument, reached_at
from hearthgate.ingress.routing.model import Point
from hearthgate.resources.decode import decode_mapping

NODES: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "one"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "ExternalIP", "address": "198.51.100.1"},
                {"type": "Hostname", "address": "one"},
            ]
        },
    }
]


def published(spec: dict[str, Any], status: dict[str, Any] | None = None) -> dict[str, Any]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lb", "namespace": "infra"},
        "spec": spec,
    }
    return service | ({"status": status} if status else {})


def snapshot(*documents: dict[str, Any]) -> Snapshot:
    decoded = [decode_mapping(document).resource for document in documents]
    return Snapshot.of([resource for resource in decoded if resource is not None])


def settings(**said: Any) -> KubernetesIngress:
    return msgspec.convert(said, KubernetesIngress)


BY_SERVICE = {"ingressEndpoint": {"publishedService": "infra/lb"}}


@pytest.mark.parametrize(
    ("said", "documents", "points"),
    [
        ({}, [], [Point(ip="192.168.1.5")]),
        ({"ingressEndpoint": {"ip": "203.0.113.7"}}, [], [Point(ip="203.0.113.7")]),
        ({"ingressEndpoint": {"ip": "203.0.113.7", "hostname": "a.test"}}, [], [Point("203.0.113.7", "a.test")]),
        (
            BY_SERVICE,
            [published({"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})],
            [Point(ip="192.0.2.1")],
        ),
        (
            BY_SERVICE,
            [published({"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"hostname": "lb.test"}]}})],
            [Point(hostname="lb.test")],
        ),
        (BY_SERVICE, [published({"type": "LoadBalancer"})], None),
        (BY_SERVICE, [published({"externalIPs": ["192.0.2.9"]})], [Point(ip="192.0.2.9")]),
        (BY_SERVICE, [published({"type": "NodePort"}), *NODES], [Point(ip="198.51.100.1")]),
        (
            BY_SERVICE | {"reportNodeInternalIPs": True},
            [published({"type": "NodePort"}), *NODES],
            [Point(ip="10.0.0.1"), Point(ip="198.51.100.1")],
        ),
        (BY_SERVICE | {"disableClusterScopeResources": True}, [published({"type": "NodePort"}), *NODES], None),
        (
            BY_SERVICE,
            [published({"type": "ExternalName", "externalName": "edge.test"})],
            [Point(hostname="edge.test")],
        ),
    ],
)
def test_points(said: dict[str, Any], documents: list[dict[str, Any]], points: list[Point] | None) -> None:
    found, problems = reached_at(snapshot(*documents), settings(**said), ("192.168.1.5",))
    assert problems == ()
    assert (list(found) if found is not None else None) == points


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"ingressEndpoint": {}}, "ingressEndpoint", "MissingField"),
        ({"ingressEndpoint": {"publishedService": "lb"}}, "ingressEndpoint.publishedService", "InvalidValue"),
        ({"ingressEndpoint": {"publishedService": "a/b/c"}}, "ingressEndpoint.publishedService", "InvalidValue"),
        ({"ingressEndpoint": {"publishedService": "a/b"}}, "ingressEndpoint.publishedService", "ServiceNotFound"),
    ],
)
def test_mistakes(said: dict[str, Any], field: str, reason: str) -> None:
    found, problems = reached_at(snapshot(), settings(**said), ("192.168.1.5",))
    assert found is None
    assert [(problem.field, problem.reason) for problem in problems] == [
        (f"providers.kubernetesIngress.{field}", reason)
    ]


def test_without_an_address_nothing_is_said() -> None:
    assert reached_at(snapshot(), settings(), ()).value is None


def test_the_status_has_what_is_known_of_each_point() -> None:
    document = ReachedDocument((Point("192.0.2.1", "a.test"), Point(hostname="b.test")))
    told = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "hostname": "a.test"}, {"hostname": "b.test"}]}}
    assert document.merged({}, 1, datetime.now(UTC)) == told
    assert document.merged(told, 2, datetime.now(UTC)) == told
