"""Built-in kinds: protobuf keeps what JSON says, and the strict check finds exactly what does not belong."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.patches.fieldset import leaves
from hearthgate.apiserver.patches.topology import Topology
from hearthgate.apiserver.web.protobuf import decode_body
from hearthgate.model.problems import Reason
from hearthgate.resources import builtin
from tests.builtin_samples import KINDS, envelope, objects


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[1])
@settings(max_examples=40)
@given(data=st.data())
def test_protobuf_keeps_what_json_says(kind: tuple[str, str], data: st.DataObject) -> None:
    obj = data.draw(objects(*kind))
    assert decode_body(envelope(obj)) == obj


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_what_the_tables_describe_is_strict(kind: tuple[str, str], data: st.DataObject) -> None:
    assert builtin.mistakes(*kind, data.draw(objects(*kind))) == []


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_field_too_many_is_found_and_pruned(kind: tuple[str, str], data: st.DataObject) -> None:
    obj = data.draw(objects(*kind))
    before = copy.deepcopy(obj)
    holder = data.draw(st.sampled_from([obj, obj["metadata"]]))
    holder["noSuchField"] = {"deep": [1]}
    (found,) = builtin.mistakes(*kind, obj)
    assert found.reason is Reason.UNKNOWN_FIELD
    assert found.path.endswith("noSuchField")
    del found.holder[found.key]
    assert obj == before


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_every_leaf_has_one_path(kind: tuple[str, str], data: st.DataObject) -> None:
    """Two fields of one path would lose each other's manager."""
    obj = data.draw(objects(*kind))
    found = leaves(obj, Topology(builtin.roots()[kind].resource))
    assert all(path[0] not in {"f:apiVersion", "f:kind"} for path in found)
    tops = {step[0] for step in found}
    filled = {f"f:{key}" for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata"}}
    assert filled <= tops


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    head = b"k8s\0\n\x09\n\x02v1\x12\x03Pod\x12"
    for raw in (body, b"k8s\0" + body, head + bytes([len(body)]) + body):
        assert _is_answered(raw)


def _is_answered(body: bytes) -> bool:
    try:
        return isinstance(decode_body(body), dict)
    except ApiError as refused:
        return refused.status in {400, 415}
