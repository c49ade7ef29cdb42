"""Unknown fields and wrong types of built-in kinds: where they are and what they should be."""

from typing import Any

import pytest

from hearthgate.model.problems import Reason, Severity
from hearthgate.resources import builtin
from hearthgate.resources.decode import decode_mapping

Object = dict[str, Any]

UNKNOWN: dict[str, tuple[str, str, Object, str, str]] = {
    "at the top": ("v1", "ConfigMap", {"dada": {}}, "dada", "unknown field 'dada' (did you mean 'data'?)"),
    "in metadata": (
        "v1",
        "ConfigMap",
        {"metadata": {"lables": {}}},
        "metadata.lables",
        "unknown field 'lables' (did you mean 'labels'?)",
    ),
    "in a list": (
        "v1",
        "Service",
        {"spec": {"ports": [{"port": 1}, {"port": 2, "taregtPort": 3}]}},
        "spec.ports[1].taregtPort",
        "unknown field 'taregtPort' (did you mean 'targetPort'?)",
    ),
    "in an inline struct": (
        "networking.k8s.io/v1",
        "Ingress",
        {"spec": {"rules": [{"https": {}}]}},
        "spec.rules[0].https",
        "unknown field 'https' (did you mean 'http'?)",
    ),
    "deep in a pod": (
        "v1",
        "Pod",
        {"spec": {"containers": [{"name": "a", "readinessProbe": {"httpGet": {"prot": 1, "port": 1}}}]}},
        "spec.containers[0].readinessProbe.httpGet.prot",
        "unknown field 'prot' (did you mean 'port'?)",
    ),
    "in a schema in a schema": (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"a": {"items": {"typ": "x"}}}}}}]}},
        "spec.versions[0].schema.openAPIV3Schema.properties.a.items.typ",
        "unknown field 'typ' (did you mean 'type'?)",
    ),
    "the name of an inlined struct": (
        "v1",
        "Pod",
        {"spec": {"volumes": [{"name": "v", "volumeSource": {}}]}},
        "spec.volumes[0].volumeSource",
        "unknown field 'volumeSource'",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_field_is_found(case: str) -> None:
    api_version, kind, obj, path, said = UNKNOWN[case]
    (found,) = builtin.mistakes(api_version, kind, {"apiVersion": api_version, "kind": kind, **obj})
    assert (found.path, found.reason, found.message) == (path, Reason.UNKNOWN_FIELD, said)


WRONG: dict[str, tuple[str, Object, str, str]] = {
    "a map for a list": ("Service", {"spec": {"ports": {}}}, "spec.ports", "must be a list, not a mapping"),
    "a list for a map": ("Service", {"spec": []}, "spec", "must be a mapping, not a list"),
    "text for a number": (
        "Service",
        {"spec": {"ports": [{"port": "80"}]}},
        "spec.ports[0].port",
        "must be an integer, not text",
    ),
    "a number for text": (
        "ConfigMap",
        {"data": {"a": 5}},
        "data.a",
        "must be a string, not a number (put it in quotes)",
    ),
    "a truth value for a number": (
        "Service",
        {"spec": {"ports": [{"port": True}]}},
        "spec.ports[0].port",
        "must be an integer, not true or false",
    ),
    "a number that is too large": (
        "Pod",
        {"spec": {"priority": 2**31}},
        "spec.priority",
        "does not fit into 32 bits",
    ),
    "a port that is neither": (
        "Service",
        {"spec": {"ports": [{"port": 1, "targetPort": 1.5}]}},
        "spec.ports[0].targetPort",
        "must be an integer or a string, not a number",
    ),
    "a quantity": (
        "Pod",
        {"spec": {"overhead": {"cpu": "much"}}},
        "spec.overhead.cpu",
        "must be a quantity such as 100m, 0.5 or 64Mi",
    ),
    "a time": (
        "Event",
        {"lastTimestamp": "yesterday"},
        "lastTimestamp",
        "must be a time such as 2024-05-01T12:00:00Z",
    ),
    "no base64": ("Secret", {"data": {"a": "hunter2!"}}, "data.a", "must be base64"),
    "a secret that is a number": (
        "Secret",
        {"stringData": {"a": 271828}},
        "stringData.a",
        "must be a string, not a number (put it in quotes)",
    ),
    "text for a truth value": (
        "Pod",
        {"spec": {"hostNetwork": "yes"}},
        "spec.hostNetwork",
        "must be true or false, not text",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_type_is_found(case: str) -> None:
    kind, obj, path, said = WRONG[case]
    (found,) = builtin.mistakes("v1", kind, {"apiVersion": "v1", "kind": kind, **obj})
    assert (found.path, found.reason, found.message) == (path, Reason.INVALID_VALUE, said)


GOOD: dict[str, tuple[str, Object]] = {
    "base64 in lines": ("Secret", {"data": {"a": "aHVudGVy\nMg==\n"}}),
    "nulls": ("Service", {"metadata": {"creationTimestamp": None, "labels": None}, "spec": {"ports": None}}),
    "quantities": ("Pod", {"spec": {"overhead": {"cpu": 1, "memory": "64Mi", "other": "1e3", "half": ".5"}}}),
    "what is left open": ("Pod", {"spec": {"volumes": [{"name": "v", "rbd": {"anything": [1]}}]}}),
    "managed fields": ("ConfigMap", {"metadata": {"managedFields": [{"fieldsV1": {"f:data": {}}}]}}),
    "times": ("Event", {"eventTime": "2024-05-01T12:00:00.123456Z", "lastTimestamp": "2024-05-01T12:00:00+02:00"}),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_object_has_no_mistake(case: str) -> None:
    kind, obj = GOOD[case]
    assert builtin.mistakes("v1", kind, {"apiVersion": "v1", "kind": kind, **obj}) == []


def test_a_manifest_with_a_typo_serves_with_a_warning() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80, "taregtPort": 8080}]},
    }
    decoded = decode_mapping(service)
    assert decoded.resource is not None
    (problem,) = decoded.problems
    assert (problem.field, problem.reason, problem.severity) == (
        "spec.ports[0].taregtPort",
        Reason.UNKNOWN_FIELD,
        Severity.WARNING,
    )


def test_a_wrong_type_outside_what_is_read_is_an_error_too() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostAliases": {}}}
    decoded = decode_mapping(pod)
    assert decoded.resource is None
    assert [problem.field for problem in decoded.problems] == ["spec.hostAliases"]


def test_a_mistake_is_told_once() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": "x"}]},
    }
    assert [problem.field for problem in decode_mapping(service).problems] == ["spec.ports[0].port"]


def test_metadata_of_custom_kinds_are_checked() -> None:
    route = {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": "a", "annotation": {}},
        "spec": {"routes": []},
    }
    (problem,) = decode_mapping(route).problems
    assert (problem.field, problem.severity) == ("metadata.annotation", Severity.WARNING)
