"""JSON patch: the operations, pointers and refusals of RFC 6902 and RFC 6901."""

import copy
from typing import Any

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.patches.json_patch import apply_json_patch

DOCUMENT = {"a": {"b": [1, 2, 3], "x/y": 1, "m~n": 2}, "c": None}

APPLIED: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "adds a key": ([{"op": "add", "path": "/d", "value": 1}], {**DOCUMENT, "d": 1}),
    "inserts into a list": (
        [{"op": "add", "path": "/a/b/1", "value": 9}],
        {**DOCUMENT, "a": {**DOCUMENT["a"], "b": [1, 9, 2, 3]}},  # type: ignore[dict-item]
    ),
    "appends to a list": (
        [{"op": "add", "path": "/a/b/-", "value": 9}],
        {**DOCUMENT, "a": {**DOCUMENT["a"], "b": [1, 2, 3, 9]}},  # type: ignore[dict-item]
    ),
    "removes by an escaped pointer": (
        [{"op": "remove", "path": "/a/x~1y"}, {"op": "remove", "path": "/a/m~0n"}],
        {"a": {"b": [1, 2, 3]}, "c": None},
    ),
    "replaces null": ([{"op": "replace", "path": "/c", "value": 2}], {**DOCUMENT, "c": 2}),
    "replaces the whole": ([{"op": "replace", "path": "", "value": {"z": 1}}], {"z": 1}),
    "replaces the last item": (
        [{"op": "replace", "path": "/a/b/2", "value": 7}],
        {**DOCUMENT, "a": {**DOCUMENT["a"], "b": [1, 2, 7]}},  # type: ignore[dict-item]
    ),
    "moves": (
        [{"op": "move", "from": "/a/b", "path": "/b"}],
        {"a": {"x/y": 1, "m~n": 2}, "c": None, "b": [1, 2, 3]},
    ),
    "copies": ([{"op": "copy", "from": "/a/b/0", "path": "/d"}], {**DOCUMENT, "d": 1}),
    "tests and goes on": (
        [{"op": "test", "path": "/a/b", "value": [1, 2, 3]}, {"op": "remove", "path": "/c"}],
        {"a": DOCUMENT["a"]},
    ),
}

REFUSED: dict[str, tuple[Any, int]] = {
    "no list": ({"op": "add"}, 400),
    "an operation that is no object": (["add"], 400),
    "an unknown operation": ([{"op": "grow", "path": "/a"}], 400),
    "no pointer": ([{"op": "remove", "path": "a"}], 400),
    "no value": ([{"op": "add", "path": "/d"}], 400),
    "a missing key": ([{"op": "remove", "path": "/nope"}], 422),
    "replacing what is missing": ([{"op": "replace", "path": "/nope", "value": 1}], 422),
    "an index past the end": ([{"op": "add", "path": "/a/b/4", "value": 1}], 422),
    "an index with a leading zero": ([{"op": "remove", "path": "/a/b/01"}], 422),
    "a negative index": ([{"op": "remove", "path": "/a/b/-1"}], 422),
    "a failed test": ([{"op": "test", "path": "/a/b/0", "value": True}], 422),
    "a parent that is a scalar": ([{"op": "add", "path": "/a/b/0/x", "value": 1}], 422),
    "moving into itself": ([{"op": "move", "from": "/a", "path": "/a/b/0"}], 422),
    "too many operations": ([{"op": "test", "path": "/c", "value": None}] * 10_001, 413),
    "copies that double and double": ([{"op": "copy", "from": "/a/b", "path": "/a/b/-"}] * 30, 413),
}


@pytest.mark.parametrize("case", APPLIED)
def test_applies(case: str) -> None:
    patch, expected = APPLIED[case]
    before = copy.deepcopy(DOCUMENT)
    assert apply_json_patch(DOCUMENT, patch) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    patch, status = REFUSED[case]
    with pytest.raises(ApiError) as refused:
        apply_json_patch(DOCUMENT, patch)
    assert refused.value.status == status
