"""Custom resource definitions: what is wrong with one, what it brings, and the status of an accepted one."""

import copy
from typing import Any

import pytest

from hearthgate.resources.kinds import Column
from hearthgate.resources.structural.definitions import (
    Definition,
    accepted_status,
    read_definition,
    version_order,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "parts": {"type": "array", "items": {"type": "string"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
}


def version(name: str = "v1", **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}, **more}


def definition(*versions: Any, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": list(versions) or [version()],
            **spec,
        },
    }


def read(crd: dict[str, Any]) -> Definition:
    found = read_definition(crd)
    assert isinstance(found, Definition), found
    return found


def test_brings_its_kind() -> None:
    names = {
        "plural": "widgets",
        "kind": "Widget",
        "singular": "widgety",
        "listKind": "Widgets",
        "shortNames": ["wd"],
        "categories": ["all"],
    }
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1, "description": "How big."},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    found = read(
        definition(
            version(
                additionalPrinterColumns=columns,
                subresources={"status": {}},
                selectableFields=[{"jsonPath": ".spec.size"}],
            ),
            names=names,
        )
    )
    (kind,) = found.kinds
    assert kind is found.storage
    assert kind.resource == "widgets.example.com"
    assert kind.api_version == "example.com/v1"
    assert (kind.namespaced, kind.status, kind.upstream_status, kind.whole_table) == (True, True, True, True)
    assert (kind.singular, kind.list_kind) == ("widgety", "Widgets")
    assert (kind.short_names, kind.categories) == (("wd",), ("all",))
    assert kind.columns == (
        Column("Size", ".spec.size", "integer", 1, "How big."),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )
    assert kind.selectable_fields == (".spec.size",)
    assert kind.schema is not None
    assert kind.schema.source == SCHEMA
    assert hash(kind) == hash(kind)


def test_names_follow_the_kind_when_none_are_given() -> None:
    (kind,) = read(definition(scope="Cluster")).kinds
    assert (kind.singular, kind.list_kind, kind.namespaced, kind.status) == ("widget", "WidgetList", False, False)
    assert [column.name for column in kind.columns] == ["Age"]


def test_serves_the_storage_version_first_then_by_age() -> None:
    names = ["v1alpha1", "v2", "v1beta1", "v1", "v10beta3"]
    found = read(definition(*(version(name, storage=name == "v1beta1") for name in names)))
    assert [kind.version for kind in found.kinds] == ["v1beta1", "v2", "v1", "v10beta3", "v1alpha1"]
    assert found.storage.version == "v1beta1"
    assert len({kind.schema for kind in found.kinds}) == 1


def test_a_storage_version_need_not_be_served() -> None:
    found = read(definition(version("v1", storage=False), version("v0", served=False)))
    assert [kind.version for kind in found.kinds] == ["v1"]
    assert found.storage.version == "v0"


def test_sorts_versions_as_upstream() -> None:
    wanted = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]
    backwards = wanted[::-1]
    assert sorted(backwards, key=version_order) == wanted


def test_warns_of_deprecated_versions() -> None:
    found = read(
        definition(
            version("v1"),
            version("v1beta1", storage=False, deprecated=True),
            version("v1alpha1", storage=False, deprecated=True, deprecationWarning="use v1"),
        )
    )
    assert found.deprecations == {"v1beta1": "example.com/v1beta1 Widget is deprecated", "v1alpha1": "use v1"}


def test_warns_of_what_is_not_done_here() -> None:
    schema = {**SCHEMA, "x-kubernetes-validations": [{"rule": "frob(self)"}]}
    webhook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}}
    found = read(
        definition(
            version("v1", subresources={"scale": {}}, schema={"openAPIV3Schema": schema}),
            version("v2", storage=False),
            conversion=webhook,
        )
    )
    assert found.warnings == (
        (
            "spec.conversion: webhooks are not called: "
            "between versions of an object nothing but apiVersion is converted"
        ),
        "spec.versions: v1: the subresource scale is not served",
        "rule 1 of the object cannot be checked here: undeclared reference to 'frob'",
    )
    assert read(definition(conversion=webhook)).warnings == ()


def column(**fields: Any) -> dict[str, Any]:
    return version(additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": ".a", **fields}])


def selectable(path: str) -> dict[str, Any]:
    return version(selectableFields=[{"jsonPath": path}])


MISTAKES: list[tuple[str, dict[str, Any], str, str]] = [
    ("no group", definition(group=""), "spec.group", "Required value"),
    (
        "a group of one word",
        definition(group="example"),
        "spec.group",
        'Invalid value: "example": should be a domain with at least one dot',
    ),
    (
        "a name that is not plural.group",
        definition(group="other.com"),
        "metadata.name",
        'Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group',
    ),
    (
        "a protected group",
        definition(group="x.k8s.io"),
        "metadata.annotations[api-approved.kubernetes.io]",
        'Required value: protected groups must have approval annotation "api-approved.kubernetes.io"',
    ),
    ("no scope", definition(scope=None), "spec.scope", "Required value"),
    (
        "another scope",
        definition(scope="World"),
        "spec.scope",
        'Unsupported value: "World": supported values: "Cluster", "Namespaced"',
    ),
    ("no names", definition(names=None), "spec.names", "Required value"),
    ("no kind", definition(names={"plural": "widgets"}), "spec.names.kind", "Required value"),
    (
        "short names that are no list",
        definition(names={"plural": "widgets", "kind": "Widget", "shortNames": "w"}),
        "spec.names.shortNames",
        'Invalid value: "w": must be a list of strings',
    ),
    (
        "a list kind that is the kind",
        definition(names={"plural": "widgets", "kind": "Widget", "listKind": "Widget"}),
        "spec.names.listKind",
        'Invalid value: "Widget": kind and listKind may not be the same',
    ),
    ("no versions", definition(versions=[]), "spec.versions", "Required value: must have at least one version"),
    (
        "no storage version",
        definition(version(storage=False)),
        "spec.versions",
        'Invalid value: ["v1"]: must have exactly one version marked as storage version',
    ),
    (
        "two storage versions",
        definition(version("v1"), version("v2")),
        "spec.versions",
        'Invalid value: ["v1","v2"]: must have exactly one version marked as storage version',
    ),
    (
        "a version twice",
        definition(version(), version(storage=False)),
        "spec.versions[1].name",
        'Duplicate value: "v1"',
    ),
    (
        "no word on being served",
        definition(version(served=None)),
        "spec.versions[0].served",
        "Required value: must be true or false",
    ),
    (
        "no schema",
        definition(version(schema=None)),
        "spec.versions[0].schema.openAPIV3Schema",
        "Required value: schemas are required",
    ),
    (
        "a schema that is not structural",
        definition(version(schema={"openAPIV3Schema": {}})),
        "spec.versions[0].schema.openAPIV3Schema.type",
        "Required value: must not be empty at the root",
    ),
    (
        "a warning of what is not deprecated",
        definition(version(deprecationWarning="x")),
        "spec.versions[0].deprecationWarning",
        'Invalid value: "x": can only be set for deprecated versions',
    ),
    (
        "unknown fields kept",
        definition(preserveUnknownFields=True),
        "spec.preserveUnknownFields",
        "Invalid value: true: must be false in order to use defaults in the schema",
    ),
    (
        "a column without a path",
        definition(column(jsonPath="")),
        "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        "Required value",
    ),
    (
        "a column's relative path",
        definition(column(jsonPath="a")),
        "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        'Invalid value: "a": must be a simple json path starting with .',
    ),
    (
        "a column's broken path",
        definition(column(jsonPath=".a[")),
        "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        "Invalid value: \".a[\": JSONPath '.a[': cannot read '['",
    ),
    (
        "a column's unknown type",
        definition(column(type="text")),
        "spec.versions[0].additionalPrinterColumns[0].type",
        'Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
    ),
    (
        "a selectable field that is not there",
        definition(selectable(".spec.zzz")),
        "spec.versions[0].selectableFields[0].jsonPath",
        'Invalid value: ".spec.zzz": must point to a field of type string, boolean or integer',
    ),
    (
        "a selectable list",
        definition(selectable(".spec.parts")),
        "spec.versions[0].selectableFields[0].jsonPath",
        'Invalid value: ".spec.parts": must point to a field of type string, boolean or integer',
    ),
    (
        "selectable metadata",
        definition(selectable(".metadata.name")),
        "spec.versions[0].selectableFields[0].jsonPath",
        'Invalid value: ".metadata.name": must not point to fields in metadata',
    ),
    (
        "an unknown conversion",
        definition(conversion={"strategy": "Magic"}),
        "spec.conversion.strategy",
        'Unsupported value: "Magic": supported values: "None", "Webhook"',
    ),
    (
        "a webhook without one",
        definition(conversion={"strategy": "Webhook"}),
        "spec.conversion.webhook.clientConfig",
        "Required value: required when strategy is set to Webhook",
    ),
]


@pytest.mark.parametrize(("crd", "path", "message"), [case[1:] for case in MISTAKES], ids=[c[0] for c in MISTAKES])
def test_refuses(crd: dict[str, Any], path: str, message: str) -> None:
    before = copy.deepcopy(crd)
    found = read_definition(crd)
    assert isinstance(found, list)
    assert (path, message) in [(mistake.path, mistake.message) for mistake in found]
    assert crd == before


def test_finds_every_mistake_at_once() -> None:
    found = read_definition(definition(version("V1", schema={"openAPIV3Schema": {}}), group="other.com"))
    assert isinstance(found, list)
    assert [mistake.path for mistake in found] == [
        "metadata.name",
        "spec.versions[0].name",
        "spec.versions[0].schema.openAPIV3Schema.type",
    ]


def test_an_approved_protected_group_is_taken() -> None:
    crd = definition(group="x.k8s.io")
    crd["metadata"] = {"name": "widgets.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved"}}
    assert read(crd).storage.group == "x.k8s.io"


def test_status_of_an_accepted_definition() -> None:
    assert accepted_status(definition(), "2026-01-01T00:00:00Z") == {
        "acceptedNames": {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"},
        "conditions": [
            {
                "type": "NamesAccepted",
                "status": "True",
                "reason": "NoConflicts",
                "message": "no conflicts found",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
            {
                "type": "Established",
                "status": "True",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
        ],
        "storedVersions": ["v1"],
    }


def test_status_keeps_times_and_stored_versions() -> None:
    crd = definition()
    crd["status"] = accepted_status(crd, "2025-01-01T00:00:00Z")
    crd["spec"]["versions"] = [version("v1", storage=False), version("v2")]
    status = accepted_status(crd, "2026-01-01T00:00:00Z")
    assert status["storedVersions"] == ["v1", "v2"]
    assert {condition["lastTransitionTime"] for condition in status["conditions"]} == {"2025-01-01T00:00:00Z"}
