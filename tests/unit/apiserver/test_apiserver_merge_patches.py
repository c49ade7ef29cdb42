"""Merge patch (RFC 7386) and strategic merge patch, with the directives that kubectl sends."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.patches.merge import merge
from hearthgate.apiserver.patches.strategic import merge_strategic
from hearthgate.apiserver.patches.topology import Topology

RFC_7386: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), RFC_7386)
def test_merge_as_the_examples_of_the_rfc(target: Any, patch: Any, expected: Any) -> None:
    assert merge(target, patch) == expected


def _ports(*ports: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"ports": list(ports)}}


HTTP = {"name": "http", "port": 80, "targetPort": 8080}
HTTPS = {"name": "https", "port": 443}

STRATEGIC: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "merges an item by its key": (
        _ports(HTTP, HTTPS),
        _ports({"port": 80, "name": "web"}),
        _ports({**HTTP, "name": "web"}, HTTPS),
    ),
    "adds an item, in front of those that are not named": (_ports(HTTP), _ports(HTTPS), _ports(HTTPS, HTTP)),
    "adds an item behind one that is named": (_ports(HTTP), _ports(HTTP, HTTPS), _ports(HTTP, HTTPS)),
    "deletes an item": (_ports(HTTP, HTTPS), _ports({"port": 80, "$patch": "delete"}), _ports(HTTPS)),
    "replaces the list": (_ports(HTTP), _ports({"$patch": "replace"}, HTTPS), _ports(HTTPS)),
    "replaces a map": (
        {"spec": {"selector": {"a": "1", "b": "2"}}},
        {"spec": {"selector": {"$patch": "replace", "c": "3"}}},
        {"spec": {"selector": {"c": "3"}}},
    ),
    "removes a key by null": (
        {"spec": {"selector": {"a": "1", "b": "2"}}},
        {"spec": {"selector": {"a": None}}},
        {"spec": {"selector": {"b": "2"}}},
    ),
    "retains the keys that are named": (
        {"spec": {"type": "ClusterIP", "clusterIP": "1.2.3.4"}},
        {"spec": {"$retainKeys": ["type"], "type": "LoadBalancer"}},
        {"spec": {"type": "LoadBalancer"}},
    ),
    "orders the items": (
        _ports(HTTP, HTTPS),
        {"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}], "ports": []}},
        _ports(HTTPS, HTTP),
    ),
    "orders items around one that only the server has": (
        _ports(HTTP, {"port": 53}, HTTPS),
        {"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}]}},
        _ports({"port": 53}, HTTPS, HTTP),
    ),
    "orders a set": (
        {"metadata": {"finalizers": ["a/x", "b/y"]}},
        {"metadata": {"$setElementOrder/finalizers": ["b/y", "a/x"]}},
        {"metadata": {"finalizers": ["b/y", "a/x"]}},
    ),
    "merges owners by their uid": (
        {"metadata": {"ownerReferences": [{"uid": "1", "name": "a"}, {"uid": "2", "name": "b"}]}},
        {"metadata": {"ownerReferences": [{"uid": "2", "controller": True}, {"uid": "1", "$patch": "delete"}]}},
        {"metadata": {"ownerReferences": [{"uid": "2", "name": "b", "controller": True}]}},
    ),
    "adds to a set": (
        {"metadata": {"finalizers": ["a/x"]}},
        {"metadata": {"finalizers": ["a/x", "b/y"]}},
        {"metadata": {"finalizers": ["a/x", "b/y"]}},
    ),
    "deletes from a set": (
        {"metadata": {"finalizers": ["a/x", "b/y"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}},
        {"metadata": {"finalizers": ["b/y"]}},
    ),
    "replaces a list without keys": (
        {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}},
        {"status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}]}}},
        {"status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}]}}},
    ),
    "merges conditions by their type": (
        {"status": {"conditions": [{"type": "A", "status": "True"}]}},
        {"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B", "status": "True"}]}},
        {"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B", "status": "True"}]}},
    ),
}


def _containers(*containers: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)}}


POD: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "merges containers by name and their lists by theirs": (
        _containers({"name": "a", "env": [{"name": "X", "value": "1"}], "ports": [{"containerPort": 80}]}),
        _containers(
            {"name": "a", "env": [{"name": "Y", "value": "2"}], "ports": [{"containerPort": 80, "name": "w"}]}
        ),
        _containers(
            {
                "name": "a",
                "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}],
                "ports": [{"containerPort": 80, "name": "w"}],
            }
        ),
    ),
    "replaces arguments as a whole": (
        _containers({"name": "a", "args": ["1", "2"]}),
        _containers({"name": "a", "args": ["3"]}),
        _containers({"name": "a", "args": ["3"]}),
    ),
    "changes the source of a volume": (
        {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
        {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}},
        {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}},
    ),
    "merges mounts by their path": (
        _containers({"name": "a", "volumeMounts": [{"mountPath": "/a", "name": "v"}]}),
        _containers({"name": "a", "volumeMounts": [{"mountPath": "/a", "readOnly": True}]}),
        _containers({"name": "a", "volumeMounts": [{"mountPath": "/a", "name": "v", "readOnly": True}]}),
    ),
}


@pytest.mark.parametrize("case", POD)
def test_merges_pods_strategically(case: str) -> None:
    target, patch, expected = POD[case]
    assert merge_strategic(target, patch, Topology("pods")) == expected


@pytest.mark.parametrize("case", STRATEGIC)
def test_merges_strategically(case: str) -> None:
    target, patch, expected = STRATEGIC[case]
    assert merge_strategic(target, patch, Topology("services")) == expected


@pytest.mark.parametrize(
    "patch",
    [
        [],
        "x",
        {"spec": {"$patch": "explode"}},
        _ports({"name": "no key"}),
        {"spec": {"$retainKeys": "type"}},
        {"spec": {"$retainKeys": ["type"], "clusterIP": "None"}},
    ],
)
def test_refuses_what_is_no_strategic_patch(patch: Any) -> None:
    with pytest.raises(ApiError) as refused:
        merge_strategic(_ports(HTTP), patch, Topology("services"))
    assert refused.value.status == 400
