"""What of built-in kinds may change, what a change carries along, and what is filled in."""

import copy

import pytest

from hearthgate.apiserver.semantics.carryover import carry_over
from hearthgate.apiserver.semantics.defaults import fill
from tests.builtin_values import Object, judged, service

CHANGES: dict[str, tuple[str, Object, Object, list[tuple[str, str]]]] = {
    "the address of a service": (
        "Service",
        service(clusterIP="10.0.0.1"),
        service(clusterIP="10.0.0.2"),
        [
            ("spec.clusterIP", 'Invalid value: "10.0.0.2": field is immutable'),
        ],
    ),
    "a headless service that says nothing": (
        "Service",
        service(clusterIP="None"),
        service({"port": 81}),
        [],
    ),
    "a balancer's class": (
        "Service",
        service(type="LoadBalancer"),
        service(type="LoadBalancer", loadBalancerClass="a/b"),
        [("spec.loadBalancerClass", 'Invalid value: "a/b": may not change once set')],
    ),
    "a balancer that becomes plain": (
        "Service",
        service(
            {"port": 80, "nodePort": 30000},
            type="LoadBalancer",
            loadBalancerClass="a/b",
            externalTrafficPolicy="Local",
            healthCheckNodePort=30001,
        ),
        service(
            {"port": 80, "nodePort": 30000},
            type="ClusterIP",
            loadBalancerClass="a/b",
            externalTrafficPolicy="Local",
            healthCheckNodePort=30001,
        ),
        [],
    ),
    "a controller": (
        "IngressClass",
        {"spec": {"controller": "a.b/c"}},
        {"spec": {"controller": "a.b/d"}},
        [("spec.controller", 'Invalid value: "a.b/d": field is immutable')],
    ),
    "the family of a slice": (
        "EndpointSlice",
        {"addressType": "IPv4"},
        {"addressType": "IPv6"},
        [("addressType", "Invalid value: field is immutable")],
    ),
    "labels of what was stored under other rules": (
        "Service",
        {"spec": {"ports": []}},
        {"metadata": {"name": "a", "labels": {"a": "b"}}, "spec": {"ports": []}},
        [],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changes(case: str) -> None:
    kind, old, new, expected = CHANGES[case]
    assert judged(kind, new, old) == expected


def test_a_plain_service_loses_what_its_balancer_gave() -> None:
    old: Object = {"spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30000}]}}
    new = copy.deepcopy({**old, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}})
    new["spec"]["type"] = "ClusterIP"
    carry_over("services", old, new)
    assert new == {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}, "status": {"loadBalancer": {}}}


FILLED: dict[str, tuple[str, Object, Object]] = {
    "a secret in lines": (
        "secrets",
        {"type": "Opaque", "data": {"a": "aHVudGVy\r\nMg==\n", "b": "eA=="}},
        {"type": "Opaque", "data": {"a": "aHVudGVyMg==", "b": "eA=="}},
    ),
    "bytes in lines": ("configmaps", {"binaryData": {"a": "eA==\n"}}, {"binaryData": {"a": "eA=="}}),
    "a policy of both directions": (
        "networkpolicies.networking.k8s.io",
        {"spec": {"egress": [{"ports": [{"port": 53}]}]}},
        {"spec": {"egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}], "policyTypes": ["Ingress", "Egress"]}},
    ),
    "a policy of one": (
        "networkpolicies.networking.k8s.io",
        {"spec": {"podSelector": {}}},
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
    ),
    "a balancer": (
        "services",
        {
            "spec": {
                "type": "LoadBalancer",
                "ports": [{"port": 80, "targetPort": 0}],
                "sessionAffinity": "ClientIP",
            }
        },
        {
            "spec": {
                "type": "LoadBalancer",
                "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "externalTrafficPolicy": "Cluster",
                "internalTrafficPolicy": "Cluster",
            },
            "status": {"loadBalancer": {}},
        },
    ),
    "a pod": (
        "pods",
        {"spec": {"containers": [{"name": "a", "image": "r:5000/i"}, {"name": "b", "image": "i:1"}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "image": "r:5000/i",
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "imagePullPolicy": "Always",
                    },
                    {
                        "name": "b",
                        "image": "i:1",
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "imagePullPolicy": "IfNotPresent",
                    },
                ],
                "restartPolicy": "Always",
                "dnsPolicy": "ClusterFirst",
                "terminationGracePeriodSeconds": 30,
                "enableServiceLinks": True,
            },
            "status": {"phase": "Pending"},
        },
    ),
}


@pytest.mark.parametrize("case", FILLED)
def test_defaults_of_built_in_kinds(case: str) -> None:
    resource, obj, expected = FILLED[case]
    fill(resource, obj)
    assert obj == expected
