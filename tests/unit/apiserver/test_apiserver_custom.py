"""Admission of objects whose kind a definition brought."""

from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.custom import admit_custom
from hearthgate.resources.kinds import Kind
from hearthgate.resources.structural.schema import Structural

SCHEMA, _ = Structural.compile(
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3, "maximum": 9}}}
        },
    }
)
KIND = Kind("example.com", "v1", "Widget", "widgets", schema=SCHEMA)


def widget(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", **metadata}, "spec": spec}


def causes(obj: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ApiError) as refused:
        admit_custom(KIND, SCHEMA, obj, FieldValidation.STRICT, None)
    assert refused.value.status == 422
    return [(cause.field, cause.message) for cause in refused.value.causes]


def test_prunes_fills_and_warns() -> None:
    obj = widget({"zzz": 1})
    assert admit_custom(KIND, SCHEMA, obj, FieldValidation.WARN, None) == ('unknown field "spec.zzz"',)
    assert obj == widget({"size": 3})


def test_prunes_in_silence() -> None:
    assert admit_custom(KIND, SCHEMA, widget({"zzz": 1}), FieldValidation.IGNORE, None) == ()


def test_strictly_refuses_unknown_fields() -> None:
    with pytest.raises(ApiError) as refused:
        admit_custom(KIND, SCHEMA, widget({"zzz": 1}), FieldValidation.STRICT, None)
    assert refused.value.status == 400
    assert 'unknown field "spec.zzz"' in refused.value.message


def test_every_cause_at_once() -> None:
    assert [field for field, _ in causes(widget({"size": 10}, labels={"a b": ""}))] == [
        "spec.size",
        "metadata.labels",
    ]


METADATA = [
    ("labels", {"a": 5}, "metadata.labels.a", "Invalid value: must be a string, not 5 (put it in quotes)"),
    ("annotations", [], "metadata.annotations", "Invalid value: must be a mapping, not a list"),
    ("ownerReferences", "x", "metadata.ownerReferences", "Invalid value: must be a list, not 'x'"),
    ("ownerReferences", [{"uid": 1}], "metadata.ownerReferences[0].uid",
     "Invalid value: must be a string, not 1 (put it in quotes)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "field", "message"), METADATA)
def test_looks_at_the_types_of_metadata(name: str, value: Any, field: str, message: str) -> None:
    assert causes(widget({}, **{name: value})) == [(field, message)]


def test_what_has_not_changed_passes() -> None:
    old = widget({"size": 50})
    new = widget({"size": 50}, labels={"a": "b"})
    assert admit_custom(KIND, SCHEMA, new, FieldValidation.STRICT, old) == ()
