"""Schemas on objects: what is pruned, filled and refused, in upstream's words."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.resources.listtypes import KeyedList, SetList
from hearthgate.resources.structural.schema import Structural, fill, mistakes, prune

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
INT_OR_STRING = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def mapping(fields: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, **more}


def array(items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def compiled(x: Mapping[str, Any], **more: Any) -> Structural:
    """A schema whose objects have one field, spec.x."""
    structural, found = Structural.compile(mapping({"spec": mapping({"x": x}, **more)}))
    assert found == []
    return structural


def found(schema: Structural, x: Any, old: Any = None) -> list[tuple[str, str, str]]:
    before = None if old is None else {"spec": {"x": old}}
    return [tuple(mistake) for mistake in mistakes(schema, {"spec": {"x": x}}, before)]  # type: ignore[misc]


def wrong_type(wanted: str, got: str) -> str:
    return f'Invalid value: "{got}": spec.x in body must be of type {wanted}: "{got}"'


VALUES: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("a number for a string", STRING, 5, "FieldValueTypeInvalid", wrong_type("string", "integer")),
    ("a string for an integer", INTEGER, "5", "FieldValueTypeInvalid", wrong_type("integer", "string")),
    ("a fraction for an integer", INTEGER, 5.5, "FieldValueTypeInvalid", wrong_type("integer", "number")),
    ("a boolean for an integer", INTEGER, True, "FieldValueTypeInvalid", wrong_type("integer", "boolean")),
    ("a list for an object", mapping({}), [], "FieldValueTypeInvalid", wrong_type("object", "array")),
    ("an object for a list", array(STRING), {}, "FieldValueTypeInvalid", wrong_type("array", "object")),
    ("null", STRING, None, "FieldValueTypeInvalid", wrong_type("string", "null")),
    (
        "a boolean for a port",
        INT_OR_STRING,
        True,
        "FieldValueTypeInvalid",
        wrong_type("integer,string", "boolean"),
    ),
    (
        "not one of the words",
        {**STRING, "enum": ["a", "b"]},
        "c",
        "FieldValueNotSupported",
        'Unsupported value: "c": supported values: "a", "b"',
    ),
    (
        "not one of the numbers",
        {**INTEGER, "enum": [1, 2]},
        3,
        "FieldValueNotSupported",
        'Unsupported value: 3: supported values: "1", "2"',
    ),
    (
        "true is not 1",
        {"x-kubernetes-preserve-unknown-fields": True, "enum": [1]},
        True,
        "FieldValueNotSupported",
        'Unsupported value: true: supported values: "1"',
    ),
    (
        "pattern",
        {**STRING, "pattern": "^[a-z]+$"},
        "A",
        "FieldValueInvalid",
        "Invalid value: \"A\": spec.x in body should match '^[a-z]+$'",
    ),
    (
        "too short",
        {**STRING, "minLength": 2},
        "ä",
        "FieldValueInvalid",
        'Invalid value: "ä": spec.x in body should be at least 2 chars long',
    ),
    ("too long", {**STRING, "maxLength": 2}, "abc", "FieldValueTooLong", "Too long: may not be more than 2 bytes"),
    (
        "too small",
        {**INTEGER, "minimum": 1},
        0,
        "FieldValueInvalid",
        "Invalid value: 0: spec.x in body should be greater than or equal to 1",
    ),
    (
        "too large",
        {**INTEGER, "maximum": 9},
        10,
        "FieldValueInvalid",
        "Invalid value: 10: spec.x in body should be less than or equal to 9",
    ),
    (
        "at an excluded minimum",
        {**INTEGER, "minimum": 1, "exclusiveMinimum": True},
        1,
        "FieldValueInvalid",
        "Invalid value: 1: spec.x in body should be greater than 1",
    ),
    (
        "at an excluded maximum",
        {**INTEGER, "maximum": 1, "exclusiveMaximum": True},
        1,
        "FieldValueInvalid",
        "Invalid value: 1: spec.x in body should be less than 1",
    ),
    (
        "no multiple",
        {**INTEGER, "multipleOf": 3},
        4,
        "FieldValueInvalid",
        "Invalid value: 4: spec.x in body should be a multiple of 3",
    ),
    (
        "no fractional multiple",
        {"type": "number", "multipleOf": 0.1},
        0.35,
        "FieldValueInvalid",
        "Invalid value: 0.35: spec.x in body should be a multiple of 0.1",
    ),
    (
        "outside of int32",
        {**INTEGER, "format": "int32"},
        2**31,
        "FieldValueInvalid",
        "Invalid value: 2147483648: Checked value must be of type integer with format int32 in spec.x",
    ),
    (
        "format",
        {**STRING, "format": "ipv4"},
        "1.2.3",
        "FieldValueTypeInvalid",
        'Invalid value: "1.2.3": spec.x in body must be of type ipv4: "1.2.3"',
    ),
    (
        "too few items",
        array(STRING, minItems=1),
        [],
        "FieldValueInvalid",
        "Invalid value: 0: spec.x in body should have at least 1 items",
    ),
    (
        "too many items",
        array(STRING, maxItems=1),
        ["a", "b"],
        "FieldValueTooMany",
        "Too many: 2: must have at most 1 item",
    ),
    (
        "too few fields",
        {**ANYTHING, "minProperties": 1},
        {},
        "FieldValueInvalid",
        "Invalid value: 0: spec.x in body should have at least 1 properties",
    ),
    (
        "too many fields",
        {**ANYTHING, "maxProperties": 0},
        {"a": 1},
        "FieldValueTooMany",
        "Too many: 1: must have at most 0 items",
    ),
    (
        "none of anyOf",
        {**STRING, "anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]},
        "c",
        "FieldValueInvalid",
        'Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
    ),
    (
        "two of oneOf",
        {**STRING, "oneOf": [{"minLength": 1}, {"maxLength": 9}]},
        "c",
        "FieldValueInvalid",
        'Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ),
    (
        "none of oneOf",
        {**STRING, "oneOf": [{"minLength": 5}]},
        "c",
        "FieldValueInvalid",
        'Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid',
    ),
    (
        "one of allOf",
        {**STRING, "allOf": [{"minLength": 1}, {"enum": ["a"]}]},
        "c",
        "FieldValueNotSupported",
        'Unsupported value: "c": supported values: "a"',
    ),
    (
        "not",
        {**STRING, "not": {"enum": ["a"]}},
        "a",
        "FieldValueInvalid",
        'Invalid value: "": "spec.x" must not validate the schema (not)',
    ),
]


@pytest.mark.parametrize(
    ("schema", "value", "reason", "message"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES]
)
def test_refuses_a_value(schema: dict[str, Any], value: Any, reason: str, message: str) -> None:
    assert ("spec.x", reason, message) in found(compiled(schema), value)


PLACES: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("a field is required", mapping({"a": STRING}, required=["a"]), {}, "spec.x.a", "Required value"),
    (
        "an item of a list",
        array(mapping({"a": INTEGER})),
        [{"a": 1}, {"a": ""}],
        "spec.x[1].a",
        'Invalid value: "string": spec.x[1].a in body must be of type integer: "string"',
    ),
    (
        "a value of a map",
        {"type": "object", "additionalProperties": INTEGER},
        {"a.b": ""},
        "spec.x.a.b",
        'Invalid value: "string": spec.x.a.b in body must be of type integer: "string"',
    ),
    (
        "twice in a set",
        array(STRING, **{"x-kubernetes-list-type": "set"}),
        ["a", "b", "a"],
        "spec.x[2]",
        'Duplicate value: "a"',
    ),
    (
        "an alternative's field",
        mapping({"a": STRING, "b": STRING}, oneOf=[{"required": ["a"]}]),
        {"b": ""},
        "spec.x.a",
        "Required value",
    ),
    (
        "an embedded object",
        {**ANYTHING, "x-kubernetes-embedded-resource": True},
        {"kind": "K"},
        "spec.x.apiVersion",
        "Required value: must not be empty",
    ),
    (
        "an embedded object's metadata",
        {**ANYTHING, "x-kubernetes-embedded-resource": True},
        {"kind": "K", "apiVersion": "v1", "metadata": 1},
        "spec.x.metadata",
        'Invalid value: "integer": spec.x.metadata in body must be of type object: "integer"',
    ),
]


@pytest.mark.parametrize(
    ("schema", "value", "path", "message"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES]
)
def test_names_the_place(schema: dict[str, Any], value: Any, path: str, message: str) -> None:
    assert (path, message) in [(mistake[0], mistake[2]) for mistake in found(compiled(schema), value)]


GOOD: list[tuple[str, dict[str, Any], Any]] = [
    ("1.0 is an integer", INTEGER, 1.0),
    ("5 is a number", {"type": "number"}, 5),
    ("a port by number", INT_OR_STRING, 80),
    ("a port by name", INT_OR_STRING, "http"),
    ("null where it is allowed", {**STRING, "nullable": True}, None),
    ("a pattern matches anywhere", {**STRING, "pattern": "b"}, "abc"),
    ("a multiple by decimals", {"type": "number", "multipleOf": 0.1}, 0.3),
    (
        "one of oneOf",
        mapping({"a": STRING, "b": STRING}, oneOf=[{"required": ["a"]}, {"required": ["b"]}]),
        {"a": ""},
    ),
    ("an unknown format", {**STRING, "format": "frob"}, "x"),
    ("nested alternatives", {**STRING, "anyOf": [{"not": {"enum": ["a"]}}, {"allOf": [{"minLength": 9}]}]}, "b"),
    (
        "int or string with a limit",
        {
            "x-kubernetes-int-or-string": True,
            "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "^a"}],
        },
        80,
    ),
]


@pytest.mark.parametrize(("schema", "value"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_accepts(schema: dict[str, Any], value: Any) -> None:
    assert found(compiled(schema), value) == []


def test_a_keyed_list_has_each_key_once() -> None:
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"]}
    item = mapping({"a": STRING, "b": {**INTEGER, "default": 1}, "c": STRING}, required=["a"])
    schema = compiled(array(item, **keyed))
    value = [{"a": "x", "b": 1}, {"a": "x", "b": 2}, {"a": "x", "b": 1, "c": "y"}]
    assert found(schema, value) == [
        ("spec.x[2]", "FieldValueDuplicate", 'Duplicate value: {"a":"x","b":1}'),
    ]
    assert schema.list_type(("spec", "x")) == KeyedList(("a", "b"), {"b": 1})


def test_every_mistake_is_found_in_the_order_of_the_object() -> None:
    schema = compiled(mapping({"a": INTEGER, "b": {**STRING, "minLength": 2}}, required=["c", "a"]))
    paths = [mistake[0] for mistake in found(schema, {"b": "", "a": ""})]
    assert paths == ["spec.x.c", "spec.x.b", "spec.x.a"]


def test_what_has_not_changed_is_not_checked_again() -> None:
    """Upstream lets old objects live under a stricter schema (ratcheting)."""
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
    item = mapping({"n": STRING, "v": {**INTEGER, "maximum": 1}}, required=["n"])
    schema = compiled(array(item, **keyed))
    old = [{"n": "a", "v": 5}, {"n": "b", "v": 5}]
    assert [mistake[0] for mistake in found(schema, old)] == ["spec.x[0].v", "spec.x[1].v"]
    assert [mistake[0] for mistake in found(schema, [{"n": "b", "v": 5}, {"n": "a", "v": 6}], old)] == [
        "spec.x[1].v"
    ]
    atomic = compiled(array({**INTEGER, "maximum": 1}))
    assert [mistake[0] for mistake in found(atomic, [5, 0], [5, 1])] == ["spec.x[0]"]


PRUNED: list[tuple[str, dict[str, Any], Any, Any, list[str]]] = [
    ("an unknown field", mapping({"a": STRING}), {"a": "", "b": {"c": 1}}, {"a": ""}, ["spec.x.b"]),
    ("in items", array(mapping({"a": STRING})), [{"a": ""}, {"b": 1}], [{"a": ""}, {}], ["spec.x[1].b"]),
    (
        "in values",
        {"type": "object", "additionalProperties": mapping({"a": STRING})},
        {"k": {"b": 1}},
        {"k": {}},
        ["spec.x.k.b"],
    ),
    ("nothing where anything goes", ANYTHING, {"a": [{"b": 1}]}, {"a": [{"b": 1}]}, []),
    (
        "below a known field of anything",
        {**ANYTHING, "properties": {"a": mapping({})}},
        {"a": {"b": 1}, "c": 1},
        {"a": {}, "c": 1},
        ["spec.x.a.b"],
    ),
    (
        "the envelope of an embedded object",
        mapping({"spec": mapping({})}, **{"x-kubernetes-embedded-resource": True}),
        {"apiVersion": "v1", "kind": "K", "metadata": {"name": "a"}, "spec": {"b": 1}, "c": 1},
        {"apiVersion": "v1", "kind": "K", "metadata": {"name": "a"}, "spec": {}},
        ["spec.x.spec.b", "spec.x.c"],
    ),
    ("everything of a bare object", {"type": "object"}, {"a": 1}, {}, ["spec.x.a"]),
    (
        "nothing of a map of anything",
        {"type": "object", "additionalProperties": True},
        {"a": {"b": 1}},
        {"a": {"b": 1}},
        [],
    ),
]


@pytest.mark.parametrize(
    ("schema", "value", "left", "removed"), [case[1:] for case in PRUNED], ids=[case[0] for case in PRUNED]
)
def test_prunes(schema: dict[str, Any], value: Any, left: Any, removed: list[str]) -> None:
    obj = {"apiVersion": "e/v1", "kind": "E", "metadata": {"name": "a"}, "spec": {"x": copy.deepcopy(value)}}
    assert prune(compiled(schema), obj) == removed
    assert obj == {"apiVersion": "e/v1", "kind": "E", "metadata": {"name": "a"}, "spec": {"x": left}}


FILLED: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("a missing field", mapping({"a": {**STRING, "default": "d"}}), {}, {"a": "d"}),
    ("not one that is there", mapping({"a": {**STRING, "default": "d"}}), {"a": ""}, {"a": ""}),
    ("false is a default", mapping({"a": {"type": "boolean", "default": False}}), {}, {"a": False}),
    ("null counts as left out", mapping({"a": {**STRING, "default": "d"}}), {"a": None}, {"a": "d"}),
    ("null that may be", mapping({"a": {**STRING, "default": "d", "nullable": True}}), {"a": None}, {"a": None}),
    ("null without a default", mapping({"a": STRING}), {"a": None, "b": 1}, {"b": 1}),
    (
        "inside items",
        array(mapping({"a": {**STRING, "default": "d"}})),
        [{}, {"a": "b"}],
        [{"a": "d"}, {"a": "b"}],
    ),
    ("an item itself", array({**STRING, "default": "d"}), [None], ["d"]),
    (
        "inside values",
        {"type": "object", "additionalProperties": mapping({"a": {**STRING, "default": "d"}})},
        {"k": {}},
        {"k": {"a": "d"}},
    ),
    (
        "inside a default",
        mapping({"a": mapping({"b": {**STRING, "default": "d"}}, default={})}),
        {},
        {"a": {"b": "d"}},
    ),
    ("not in a missing parent", mapping({"a": mapping({"b": {**STRING, "default": "d"}})}), {}, {}),
]


@pytest.mark.parametrize(
    ("schema", "value", "filled"), [case[1:] for case in FILLED], ids=[case[0] for case in FILLED]
)
def test_fills(schema: dict[str, Any], value: Any, filled: Any) -> None:
    obj = {"spec": {"x": copy.deepcopy(value)}}
    fill(compiled(schema), obj)
    assert obj == {"spec": {"x": filled}}


def test_defaults_are_not_shared_between_objects() -> None:
    schema = compiled(mapping({"a": array(STRING, default=["d"])}))
    one: dict[str, Any] = {"spec": {"x": {}}}
    other: dict[str, Any] = {"spec": {"x": {}}}
    fill(schema, one)
    one["spec"]["x"]["a"].append("e")
    fill(schema, other)
    assert other == {"spec": {"x": {"a": ["d"]}}}


def test_list_types() -> None:
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
    inner = mapping({"n": STRING, "s": array(STRING, **{"x-kubernetes-list-type": "set"})}, required=["n"])
    fields = {"l": array(inner, **keyed), "m": {**ANYTHING, "x-kubernetes-map-type": "atomic"}}
    schema = compiled({"type": "object", "additionalProperties": mapping(fields)})
    assert schema.list_type(("spec", "x", "any", "l")) == KeyedList(("n",))
    assert schema.list_type(("spec", "x", "any", "l", "s")) == SetList()
    assert schema.list_type(("spec", "x", "any", "m")) is None
    assert schema.list_type(("nowhere", "at", "all")) is None
    assert schema.is_atomic_map(("spec", "x", "any", "m"))
    assert not schema.is_atomic_map(("spec", "x"))
    assert schema.list_type(("metadata", "finalizers")) == SetList()
    assert schema.list_type(("metadata", "ownerReferences")) == KeyedList(("uid",))


def test_a_schema_is_equal_to_itself_only() -> None:
    one, other = compiled(STRING), compiled(STRING)
    assert one != other
    assert len({one, other, one}) == 2
