"""Any bytes give documents or Problems; what was written is what is read."""

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.resources.manifests import parse_manifests

KEYS = st.text(min_size=1, max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS.filter(lambda key: key not in ("kind", "items")), VALUES, max_size=4)


@given(st.binary(max_size=300), st.sampled_from(["a.yaml", "a.json"]))
def test_any_bytes(text: bytes, path: str) -> None:
    parse_manifests(text, path)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%#?,\n\t <1.~", max_size=80), st.sampled_from(["a.yaml", "a.json"]))
def test_any_punctuation(text: str, path: str) -> None:
    for found in parse_manifests(text.encode(), path).problems:
        assert 0 <= found.source.line <= text.count("\n") + 2


@given(st.lists(OBJECTS, max_size=3))
def test_json_written_is_read(objects: list[dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(value) for value in objects)
    assert [document.data for document in parse_manifests(text.encode(), "a.json").documents] == objects


@given(st.lists(OBJECTS, max_size=3))
def test_yaml_written_is_read(objects: list[dict[str, Any]]) -> None:
    text = yaml.safe_dump_all(objects, default_style='"')
    parsed = parse_manifests(text.encode(), "a.yaml")
    assert parsed.problems == ()
    assert [document.data for document in parsed.documents] == objects
