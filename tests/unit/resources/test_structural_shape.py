"""Which schemas are structural: every rule once, at its path."""

from typing import Any

import pytest

from hearthgate.resources.structural.schema import Structural
from tests.unit.resources.test_structural_schema import INTEGER, STRING, array, mapping

MISTAKES: list[tuple[str, dict[str, Any], str, str]] = [
    ("no type", {}, "properties[x].type", "Required value: must not be empty for specified object fields"),
    (
        "items without a type",
        array({}),
        "properties[x].items.type",
        "Required value: must not be empty for specified array items",
    ),
    (
        "an unknown type",
        {"type": "text"},
        "properties[x].type",
        'Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ),
    (
        "null is no type",
        {"type": "null"},
        "properties[x].type",
        "Forbidden: type cannot be set to null, use nullable as an alternative",
    ),
    ("an array without items", {"type": "array"}, "properties[x].items", "Required value: must be specified"),
    ("a reference", {"$ref": "#/a"}, "properties[x].$ref", "Forbidden: $ref is not supported"),
    (
        "unique items",
        array(STRING, uniqueItems=True),
        "properties[x].uniqueItems",
        "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
    ),
    (
        "a list of item schemas",
        {"type": "array", "items": [STRING]},
        "properties[x].items",
        "Forbidden: items must be a schema object and not an array",
    ),
    (
        "a bad pattern",
        {**STRING, "pattern": "("},
        "properties[x].pattern",
        'Invalid value: "(": must be a valid regular expression, but isn\'t: missing ): (',
    ),
    (
        "a type of int-or-string",
        {**STRING, "x-kubernetes-int-or-string": True},
        "properties[x].type",
        'Invalid value: "string": must be empty if x-kubernetes-int-or-string is true',
    ),
    (
        "unknown fields of a string",
        {**STRING, "x-kubernetes-preserve-unknown-fields": True},
        "properties[x].type",
        'Invalid value: "string": must be object if x-kubernetes-preserve-unknown-fields is true',
    ),
    (
        "unknown fields not kept",
        mapping({}, **{"x-kubernetes-preserve-unknown-fields": False}),
        "properties[x].x-kubernetes-preserve-unknown-fields",
        "Invalid value: false: must be true or undefined",
    ),
    (
        "an embedded object of nothing",
        {"type": "object", "x-kubernetes-embedded-resource": True},
        "properties[x].properties",
        (
            "Required value: must not be empty if x-kubernetes-embedded-resource is true "
            "without x-kubernetes-preserve-unknown-fields"
        ),
    ),
    (
        "no additional fields",
        {"type": "object", "additionalProperties": False},
        "properties[x].additionalProperties",
        "Forbidden: additionalProperties cannot be set to false",
    ),
    (
        "fields and values",
        mapping({"a": STRING}, additionalProperties=STRING),
        "properties[x].additionalProperties",
        "Forbidden: additionalProperties and properties are mutual exclusive",
    ),
    (
        "an unknown list type",
        array(STRING, **{"x-kubernetes-list-type": "bag"}),
        "properties[x].x-kubernetes-list-type",
        'Unsupported value: "bag": supported values: "atomic", "set", "map"',
    ),
    (
        "a list type of a string",
        {**STRING, "x-kubernetes-list-type": "set"},
        "properties[x].type",
        'Invalid value: "string": must be array if x-kubernetes-list-type is specified',
    ),
    (
        "a map type of a string",
        {**STRING, "x-kubernetes-map-type": "atomic"},
        "properties[x].type",
        'Invalid value: "string": must be object if x-kubernetes-map-type is specified',
    ),
    (
        "keys without a map",
        array(mapping({"a": STRING}), **{"x-kubernetes-list-map-keys": ["a"]}),
        "properties[x].x-kubernetes-list-type",
        'Invalid value: "": must be map if x-kubernetes-list-map-keys is non-empty',
    ),
    (
        "a map without keys",
        array(mapping({"a": STRING}), **{"x-kubernetes-list-type": "map"}),
        "properties[x].x-kubernetes-list-map-keys",
        "Required value: must not be empty if x-kubernetes-list-type is map",
    ),
    (
        "an optional key",
        array(mapping({"a": STRING}), **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}),
        "properties[x].items.properties[a].default",
        (
            "Required value: this property is in x-kubernetes-list-map-keys, "
            "so it must have a default or be required"
        ),
    ),
    (
        "a key that is no field",
        array(mapping({"a": STRING}), **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["b"]}),
        "properties[x].x-kubernetes-list-map-keys[0]",
        'Invalid value: "b": entries must all be names of item properties',
    ),
    (
        "a set of objects",
        array(mapping({"a": STRING}), **{"x-kubernetes-list-type": "set"}),
        "properties[x].items.x-kubernetes-map-type",
        'Invalid value: "null": must be atomic as item of a list with x-kubernetes-list-type=set',
    ),
    (
        "a type inside an alternative",
        {**STRING, "anyOf": [{"type": "string"}]},
        "properties[x].anyOf[0].type",
        "Forbidden: must be empty to be structural",
    ),
    (
        "a default inside an alternative",
        {**STRING, "not": {"default": "a"}},
        "properties[x].not.default",
        "Forbidden: must be empty to be structural",
    ),
    (
        "a field only in an alternative",
        mapping({"a": STRING}, oneOf=[{"properties": {"b": {"minLength": 1}}}]),
        "properties[x].properties[b]",
        "Required value: because it is defined in properties[x].oneOf[0].properties[b]",
    ),
    (
        "a default of the wrong type",
        {**INTEGER, "default": "a"},
        "properties[x].default",
        'Invalid value: "string": properties[x].default in body must be of type integer: "string"',
    ),
    (
        "a default with an unknown field",
        mapping({"a": STRING}, default={"b": 1}),
        "properties[x].default",
        'Invalid value: {"b":1}: must not have unknown fields: b',
    ),
    ("a malformed keyword", {"type": 5}, "properties[x].type", "Invalid value: 5: must be a string"),
    (
        "a malformed field",
        mapping({"a": 5}),
        "properties[x].properties",
        'Invalid value: {"a":5}: must be a mapping of names to schemas',
    ),
    (
        "an empty rule",
        {**STRING, "x-kubernetes-validations": [{"rule": " "}]},
        "properties[x].x-kubernetes-validations[0].rule",
        "Required value: rule is not specified",
    ),
    (
        "a rule's unknown reason",
        {**STRING, "x-kubernetes-validations": [{"rule": "true", "reason": "Because"}]},
        "properties[x].x-kubernetes-validations[0].reason",
        (
            'Unsupported value: "Because": supported values: '
            '"FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"'
        ),
    ),
    (
        "a rule's field that is not there",
        mapping({}, **{"x-kubernetes-validations": [{"rule": "true", "fieldPath": ".a"}]}),
        "properties[x].x-kubernetes-validations[0].fieldPath",
        'Invalid value: ".a": fieldPath must be a valid path: does not refer to a field: a',
    ),
    (
        "a rule on changes inside of an atomic map",
        mapping(
            {"a": {**STRING, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}},
            **{"x-kubernetes-map-type": "atomic"},
        ),
        "properties[x].properties[a].x-kubernetes-validations[0].rule",
        'Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema',
    ),
    (
        "a rule on changes of what cannot be told apart",
        array({**STRING, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}),
        "properties[x].items.x-kubernetes-validations[0].rule",
        'Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema',
    ),
]


@pytest.mark.parametrize(
    ("x", "path", "message"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_refuses_a_schema(x: dict[str, Any], path: str, message: str) -> None:
    _, found = Structural.compile(mapping({"x": x}))
    assert (path, message) in [(mistake.path, mistake.message) for mistake in found]


ROOTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("no type", {"properties": {}}, "type", "Required value: must not be empty at the root"),
    ("no object", STRING, "type", 'Invalid value: "string": must be object at the root'),
    ("nullable", mapping({}, nullable=True), "nullable", "Forbidden: nullable cannot be true at the root"),
    (
        "a rule on labels",
        mapping({"metadata": mapping({"labels": mapping({})})}),
        "properties[metadata]",
        (
            "Forbidden: must not specify anything other than name and generateName, "
            "but metadata is implicitly specified"
        ),
    ),
]


@pytest.mark.parametrize(
    ("schema", "path", "message"), [case[1:] for case in ROOTS], ids=[case[0] for case in ROOTS]
)
def test_refuses_a_root(schema: dict[str, Any], path: str, message: str) -> None:
    _, found = Structural.compile(schema)
    assert (path, message) in [(mistake.path, mistake.message) for mistake in found]


def test_names_of_objects_may_be_restricted() -> None:
    schema = mapping({"metadata": mapping({"name": {**STRING, "maxLength": 5}})})
    assert Structural.compile(schema)[1] == []


def test_all_mistakes_are_found_at_once() -> None:
    _, found = Structural.compile(mapping({"a": {}, "b": {"type": "array"}, "c": {**STRING, "pattern": "("}}))
    assert [mistake.path for mistake in found] == [
        "properties[a].type",
        "properties[b].items",
        "properties[c].pattern",
    ]
