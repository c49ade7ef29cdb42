"""Whatever an object holds, its exported text says the same."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.apiserver.web.body import decode_yaml
from hearthgate.app.export.text import to_yaml

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=4))
def test_any_object_is_read_back_as_it_was(found: Any) -> None:
    try:
        msgspec.json.encode(found)
    except UnicodeEncodeError:
        return  # lone surrogates are no JSON
    assert decode_yaml(to_yaml(found).encode()) == found
