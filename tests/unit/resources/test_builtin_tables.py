"""The tables of built-in kinds agree with themselves, and schemas and merging follow them."""

from typing import Any

import pytest

from hearthgate.resources import builtin
from hearthgate.resources.builtin.table import SCALARS, Message, message, roots
from hearthgate.resources.core import LenientResource
from hearthgate.resources.listtypes import KeyedList, SetList
from hearthgate.resources.registry import KINDS


def _reachable() -> list[Message]:
    names = [root.message for root in roots().values()] + ["DeleteOptions", "Status", "ListMeta", "TypeMeta"]
    for name in names:
        names += [f.message for f in message(name).numbers.values() if f.message and f.message not in names]
    return [message(name) for name in names]


MESSAGES = _reachable()


@pytest.mark.parametrize("found", MESSAGES, ids=lambda found: found.name)
def test_a_message_agrees_with_itself(found: Message) -> None:
    assert found.description.endswith(".")
    assert len(found.numbers) == len(
        {field.name for field in found.numbers.values() if not field.is_inline}
    ) + sum(field.is_inline for field in found.numbers.values()), "a number or a name stands for two fields"
    for field in found.numbers.values():
        assert field.is_inline or field.description.endswith("."), field.name
        assert field.message or field.type in SCALARS
        inside = message(field.message).fields if field.message else {}
        assert {*field.map_keys, *([field.merge_key] if field.merge_key else [])} <= inside.keys()
        assert field.is_list or not (field.map_keys or field.is_set or field.is_merged)


def test_every_built_in_kind_that_is_served_has_a_table() -> None:
    served = {
        (kind.api_version, kind.kind, kind.plural)
        for kind in KINDS
        if kind.resource_type is not None and issubclass(kind.resource_type, LenientResource)
    }
    assert served <= {(root.api_version, root.kind, root.plural) for root in roots().values()}


@pytest.mark.parametrize("kind", sorted(roots()), ids=lambda kind: kind[1])
def test_a_schema_is_whole(kind: tuple[str, str]) -> None:
    schema = builtin.schema_of(*kind)
    assert schema is not None
    assert list(schema["properties"])[:2] == ["apiVersion", "kind"]
    assert schema["x-kubernetes-group-version-kind"][0]["kind"] == kind[1]
    _look(schema)


def _look(schema: dict[str, Any]) -> None:
    assert schema.keys() & {"type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
    for inner in schema.get("properties", {}).values():
        assert inner["description"]
        _look(inner)
    if schema.get("type") == "array":
        assert "x-kubernetes-list-type" in schema
        _look(schema["items"])


def test_no_schema_of_other_kinds() -> None:
    assert builtin.schema_of("traefik.io/v1alpha1", "IngressRoute") is None


def test_the_schema_of_a_port() -> None:
    schema = builtin.schema_of("v1", "Service")
    assert schema is not None
    ports = schema["properties"]["spec"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
    assert (ports["x-kubernetes-patch-strategy"], ports["x-kubernetes-patch-merge-key"]) == ("merge", "port")
    assert ports["items"]["required"] == ["port"]
    assert ports["items"]["properties"]["protocol"]["default"] == "TCP"
    assert ports["items"]["properties"]["targetPort"]["x-kubernetes-int-or-string"] is True


LISTS: dict[str, tuple[str, str, object]] = {
    "service ports": ("services", "spec.ports", KeyedList(("port", "protocol"), {"protocol": "TCP"})),
    "container ports": (
        "pods",
        "spec.containers.ports",
        KeyedList(("containerPort", "protocol"), {"protocol": "TCP"}),
    ),
    "variables": ("pods", "spec.initContainers.env", KeyedList(("name",))),
    "mounts": ("pods", "spec.ephemeralContainers.volumeMounts", KeyedList(("mountPath",))),
    "arguments": ("pods", "spec.containers.args", None),
    "finalizers": ("services", "metadata.finalizers", SetList()),
    "owners of anything": ("widgets.example.org", "metadata.ownerReferences", KeyedList(("uid",))),
    "endpoints": ("endpointslices.discovery.k8s.io", "endpoints", None),
    "addresses of an endpoint": ("endpointslices.discovery.k8s.io", "endpoints.addresses", SetList()),
    "rules of a schema": (
        "customresourcedefinitions.apiextensions.k8s.io",
        "spec.versions.schema.openAPIV3Schema.properties.spec.x-kubernetes-validations",
        KeyedList(("rule",)),
    ),
    "no list": ("services", "spec.selector", None),
    "no field": ("services", "spec.nothing.at.all", None),
}


@pytest.mark.parametrize("case", LISTS)
def test_list_types(case: str) -> None:
    resource, path, expected = LISTS[case]
    assert builtin.list_type(resource, tuple(path.split("."))) == expected


ATOMS: dict[str, tuple[str, str, bool]] = {
    "the selector of a service": ("services", "spec.selector", True),
    "the selector of a policy": ("networkpolicies.networking.k8s.io", "spec.podSelector", True),
    "an owner": ("widgets.example.org", "metadata.ownerReferences", True),
    "labels": ("services", "metadata.labels", False),
    "a reference to a key": ("pods", "spec.containers.env.valueFrom.secretKeyRef", True),
    "a spec": ("pods", "spec", False),
}


@pytest.mark.parametrize("case", ATOMS)
def test_atomic_maps(case: str) -> None:
    resource, path, expected = ATOMS[case]
    assert builtin.is_atomic(resource, tuple(path.split("."))) is expected
