"""Protobuf bodies of built-in kinds: what Go writes and JSON leaves out, and what the tables do not know."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.web.protobuf import decode_body
from tests.builtin_samples import envelope

Object = dict[str, Any]

SENT: dict[str, Object] = {
    "an ingress, whose paths stand in an inline struct": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "a"},
        "spec": {
            "ingressClassName": "",
            "rules": [
                {
                    "host": "a.org",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "s", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
        },
        "status": {"loadBalancer": {}},
    },
    "a pod with quantities, numbers and pointers to zero": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": "u", "controller": False}]
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "c",
                    "resources": {"limits": {"cpu": "100m"}},
                    "securityContext": {"runAsUser": 0, "privileged": False},
                    "livenessProbe": {"httpGet": {"port": "web", "path": "/"}, "failureThreshold": -1},
                    "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                }
            ],
            "volumes": [
                {"name": "v", "configMap": {"name": "m", "defaultMode": 420}},
                {"name": "e", "emptyDir": {}},
            ],
        },
        "status": {},
    },
    "a slice, whose conditions may be false": {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}],
        "ports": [{"name": "", "port": 0}],
    },
    "a lease with microseconds": {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {},
        "spec": {"renewTime": "2024-05-01T12:00:00.000007Z"},
    },
    "a review with lists in a map": {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {"extra": {"a": ["x", "y"]}, "nonResourceAttributes": {"path": "/", "verb": "get"}},
        "status": {"allowed": False},
    },
    "a definition with schemas inside": {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {},
        "spec": {
            "group": "a.org",
            "scope": "Cluster",
            "names": {"plural": "as", "kind": "A"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": False,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "x": {"items": {"type": "string"}, "default": ["a"], "minimum": 0.5},
                                "y": {"additionalProperties": False},
                                "z": {"additionalProperties": {"type": "integer"}, "enum": [1, None]},
                            },
                        }
                    },
                }
            ],
        },
        "status": {"acceptedNames": {"plural": "", "kind": ""}},
    },
}


@pytest.mark.parametrize("case", SENT)
def test_a_body_says_what_json_would(case: str) -> None:
    assert decode_body(envelope(SENT[case])) == SENT[case]


def _body(kind: str, raw: bytes, api_version: str = "v1") -> bytes:
    named = b"\n" + bytes([len(api_version)]) + api_version.encode() + b"\x12" + bytes([len(kind)]) + kind.encode()
    return b"k8s\0\n" + bytes([len(named)]) + named + b"\x12" + bytes([len(raw)]) + raw


UNKNOWN: dict[str, tuple[bytes, str]] = {
    "a field": (
        _body("Service", b"\x12\x03\xf8\x0f\x01"),
        "Service.spec: field number 255 of ServiceSpec is not known",
    ),
    "a field at the top": (
        _body("ConfigMap", b"\x7a\x00"),
        "ConfigMap: field number 15 of ConfigMap is not known",
    ),
    "a kind": (_body("Deployment", b"", "apps/v1"), "apps/v1 Deployment is not accepted as protobuf"),
    "what is left open": (
        _body("Pod", b"\x12\x06\x0a\x04\x12\x02\x1a\x00"),
        "Pod.spec.volumes.gcePersistentDisk is not accepted as protobuf",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_is_refused_by_name(case: str) -> None:
    body, said = UNKNOWN[case]
    with pytest.raises(ApiError) as refused:
        decode_body(body)
    assert refused.value.status == 415
    assert said in refused.value.message


def test_delete_options_come_under_any_version() -> None:
    body = _body("DeleteOptions", b"\x08\x00\x22\x0aBackground", "traefik.io/v1alpha1")
    assert decode_body(body) == {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
    }
