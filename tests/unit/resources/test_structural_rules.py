"""Rules of schemas (x-kubernetes-validations): what they see, what they say, and when they run."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from hearthgate.resources.structural.schema import Structural, mistakes
from tests.unit.resources.test_structural_schema import ANYTHING, INTEGER, STRING, array, mapping

KEYED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}


def ruled(schema: Mapping[str, Any], *rules: str, **more: Any) -> dict[str, Any]:
    return {**schema, "x-kubernetes-validations": [{"rule": rule, **more} for rule in rules]}


def found(x: Mapping[str, Any], value: Any, *old: Any) -> list[tuple[str, str, str]]:
    schema, wrong = Structural.compile(mapping({"spec": mapping({"x": x})}))
    assert wrong == []
    before = {"spec": {"x": old[0]}} if old else None
    return [tuple(mistake) for mistake in mistakes(schema, {"spec": {"x": value}}, before)]  # type: ignore[misc]


def test_says_its_message_where_it_stands() -> None:
    schema = ruled(mapping({"a": INTEGER, "b": INTEGER}), "self.a <= self.b", message="a must not exceed b")
    assert found(schema, {"a": 1, "b": 2}) == []
    assert found(schema, {"a": 3, "b": 2}) == [
        ("spec.x", "FieldValueInvalid", 'Invalid value: "object": a must not exceed b')
    ]


def test_says_itself_without_a_message() -> None:
    assert found(ruled(INTEGER, " self > 1 "), 1) == [
        ("spec.x", "FieldValueInvalid", 'Invalid value: "integer": failed rule: self > 1')
    ]


REASONS = [
    ("FieldValueForbidden", "Forbidden: no"),
    ("FieldValueRequired", "Required value: no"),
    ("FieldValueDuplicate", 'Duplicate value: "object"'),
    ("FieldValueInvalid", 'Invalid value: "object": no'),
]


@pytest.mark.parametrize(("reason", "message"), REASONS)
def test_gives_its_reason(reason: str, message: str) -> None:
    schema = ruled(mapping({"a": INTEGER}), "false", message="no", reason=reason)
    assert found(schema, {"a": 1}) == [("spec.x", reason, message)]


@pytest.mark.parametrize(
    ("path", "place", "shown"),
    [
        (".a.b", "spec.x.a.b", '"integer"'),
        ("['m']['k.l']", "spec.x.m[k.l]", '"string"'),
        (".m", "spec.x.m", '"object"'),
    ],
)
def test_points_at_a_field(path: str, place: str, shown: str) -> None:
    fields = {"a": mapping({"b": INTEGER}), "m": {"type": "object", "additionalProperties": STRING}}
    schema = ruled(mapping(fields), "false", message="no", fieldPath=path)
    assert found(schema, {}) == [(place, "FieldValueInvalid", f"Invalid value: {shown}: no")]


MESSAGES = [
    ("'a is %d'.format([self.a])", "a is 5"),
    ("self.zzz", "plain"),
    ("self.a", "plain"),
    ("'two\\nlines'", "plain"),
    ("''", "plain"),
]


@pytest.mark.parametrize(("expression", "said"), MESSAGES)
def test_makes_its_message(expression: str, said: str) -> None:
    schema = ruled(mapping({"a": INTEGER}), "false", message="plain", messageExpression=expression)
    assert found(schema, {"a": 5}) == [("spec.x", "FieldValueInvalid", f'Invalid value: "object": {said}')]


def test_an_error_refuses_and_is_told() -> None:
    assert found(ruled(mapping({"a": INTEGER}), "self.a > 1"), {}) == [
        (
            "spec.x",
            "FieldValueInvalid",
            'Invalid value: "object": no such key: a evaluating rule: self.a > 1',
        )
    ]


def test_wrong_types_inside_a_rule_are_told() -> None:
    schema = ruled({"x-kubernetes-int-or-string": True}, "self > 1", message="too small")
    assert found(schema, "a")[0][2].endswith(
        "'no such overload': call arguments did not match a supported operator, "
        "function or macro signature for rule: too small"
    )


def test_what_has_not_changed_may_stay_as_bad_as_it_was() -> None:
    schema = mapping({"a": ruled(INTEGER, "self > 1"), "b": INTEGER})
    assert len(found(schema, {"a": 1, "b": 1})) == 1
    assert found(schema, {"a": 1, "b": 2}, {"a": 1, "b": 1}) == []
    assert len(found(schema, {"a": 0, "b": 1}, {"a": 1, "b": 1})) == 1


def test_runs_for_each_item_and_value() -> None:
    assert [place for place, _, _ in found(array(ruled(INTEGER, "self > 1")), [1, 2, 0])] == [
        "spec.x[0]",
        "spec.x[2]",
    ]
    values = {"type": "object", "additionalProperties": ruled(INTEGER, "self > 1")}
    assert [place for place, _, _ in found(values, {"a.b": 1, "c": 2})] == ["spec.x[a.b]"]


def test_null_is_not_looked_at() -> None:
    assert found(ruled({**INTEGER, "nullable": True}, "self > 1"), None) == []


TYPED = [
    ({"type": "number"}, 5, "self == 5.0 && self / 2.0 == 2.5 && type(self) == double"),
    ({**STRING, "format": "date-time"}, "2024-01-01T00:00:00Z", "self > timestamp('2023-01-01T00:00:00Z')"),
    ({**STRING, "format": "date"}, "2024-01-01", "self.getFullYear() == 2024"),
    ({**STRING, "format": "duration"}, "1h", "self == duration('60m')"),
    ({**STRING, "format": "byte"}, "aGk=", "string(self) == 'hi'"),
    (array({"type": "number"}), [1, 2], "self.sum() == 3.0"),
    ({"x-kubernetes-int-or-string": True}, 5, "type(self) == int ? self == 5 : self == '5'"),
    ({**STRING, "format": "ipv4"}, "1.2.3.4", "self == '1.2.3.4'"),
]


@pytest.mark.parametrize(("schema", "value", "rule"), TYPED)
def test_sees_typed_values(schema: dict[str, Any], value: Any, rule: str) -> None:
    assert found(mapping({"v": ruled(schema, rule)}), {"v": value}) == []
    assert found(ruled(mapping({"v": schema}), rule.replace("self", "self.v")), {"v": value}) == []


def test_values_are_left_as_they_were() -> None:
    obj = {"spec": {"x": {"v": 5, "w": [1]}}}
    before = copy.deepcopy(obj)
    schema, _ = Structural.compile(
        mapping(
            {
                "spec": mapping(
                    {"x": ruled(mapping({"v": {"type": "number"}, "w": array(INTEGER)}), "self.v == 5.0")}
                )
            }
        )
    )
    assert mistakes(schema, obj) == []
    assert obj == before


def test_compares_with_the_object_before_on_updates_only() -> None:
    schema = ruled(STRING, "self == oldSelf", message="is immutable")
    assert found(schema, "a") == []
    assert found(schema, "a", "a") == []
    assert found(schema, "a", "b") == [("spec.x", "FieldValueInvalid", 'Invalid value: "string": is immutable')]


def test_finds_the_item_before_by_its_keys() -> None:
    item = ruled(mapping({"n": STRING, "v": INTEGER}, required=["n"]), "self.v >= oldSelf.v")
    schema = array(item, **KEYED)
    old = [{"n": "a", "v": 5}, {"n": "b", "v": 1}]
    new = [{"n": "new", "v": 0}, {"n": "b", "v": 2}, {"n": "a", "v": 4}]
    assert [place for place, _, _ in found(schema, new, old)] == ["spec.x[2]"]


def test_finds_the_value_before_by_its_name() -> None:
    schema = {"type": "object", "additionalProperties": ruled(INTEGER, "self >= oldSelf")}
    assert [place for place, _, _ in found(schema, {"a": 1, "b": 1, "c": 0}, {"a": 2, "b": 1})] == ["spec.x[a]"]


def test_an_optional_before_runs_on_creation_too() -> None:
    schema = ruled(STRING, "oldSelf.hasValue() ? self == oldSelf.value() : self == 'first'", optionalOldSelf=True)
    assert found(schema, "first") == []
    assert len(found(schema, "second")) == 1
    assert found(schema, "kept", "kept") == []
    assert len(found(schema, "new", "kept")) == 1


def test_what_cannot_be_checked_refuses_nothing_and_is_told() -> None:
    rules = ruled(mapping({"a": INTEGER}), "self.a > 1", "authorizer.path('/x').check('get').allowed()")
    schema, wrong = Structural.compile(mapping({"spec": mapping({"x": rules})}))
    assert wrong == []
    assert schema.unchecked == ("rule 2 of spec.x cannot be checked here: undeclared reference to 'authorizer'",)
    assert mistakes(schema, {"spec": {"x": {"a": 2}}}) == []
    assert len(mistakes(schema, {"spec": {"x": {"a": 1}}})) == 1


def test_a_message_that_cannot_be_made_is_told() -> None:
    rules = ruled(INTEGER, "self > 1", message="no", messageExpression="frob(self)")
    schema, _ = Structural.compile(mapping({"x": rules}))
    assert schema.unchecked == ("the message of rule 1 of x cannot be made here: undeclared reference to 'frob'",)
    assert [mistake.message for mistake in mistakes(schema, {"x": 1})] == ['Invalid value: "integer": no']


def test_rules_wait_for_right_types() -> None:
    schema = mapping({"a": INTEGER, "b": ruled(INTEGER, "self > 1")})
    assert [message for _, _, message in found(schema, {"a": "", "b": 1})] == [
        'Invalid value: "string": spec.x.a in body must be of type integer: "string"',
        (
            'Invalid value: "null": some validation rules were not checked because the object was invalid; '
            "correct the existing errors to complete validation"
        ),
    ]


def test_rules_run_beside_wrong_values() -> None:
    schema = mapping({"a": {**INTEGER, "minimum": 1}, "b": ruled(INTEGER, "self > 1")})
    assert [place for place, _, _ in found(schema, {"a": 0, "b": 1})] == ["spec.x.a", "spec.x.b"]


def test_a_rule_that_takes_too_long_refuses() -> None:
    rule = "self.all(a, self.all(b, self.all(c, a + b + c != 'x')))"
    (mistake,) = found(ruled(array(STRING), rule), [str(number) for number in range(1000)])
    assert mistake == (
        "spec.x",
        "FieldValueInvalid",
        (
            'Invalid value: "array": validation failed due to running out of cost budget, '
            "no further validation rules will be run"
        ),
    )


def test_the_whole_object_is_seen_at_the_root() -> None:
    schema, _ = Structural.compile(ruled(mapping({"spec": ANYTHING}), "self.metadata.name.startsWith('a')"))
    assert mistakes(schema, {"metadata": {"name": "ab"}}) == []
    assert [tuple(mistake) for mistake in mistakes(schema, {"metadata": {"name": "b"}})] == [
        (
            "<nil>",
            "FieldValueInvalid",
            "Invalid value: \"object\": failed rule: self.metadata.name.startsWith('a')",
        )
    ]
