"""Keys that a JSON body gives twice."""

import msgspec
import pytest

from hearthgate.apiserver.web.duplicates import duplicate_fields

CASES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "none": (b'{"a":{"b":1},"c":[{"a":1},{"a":2}]}', ()),
    "none, with space": (b'{ "a" : {"b":1} }\n', ()),
    "none, with escapes": (b'{"a":"\\u003cb\\u003e"}', ()),
    "at the top": (b'{"a":1,"a":1}', ("a",)),
    "in a list": (b'{"spec":{"ports":[{"port":1},{"port":1,"x":2,"port":3}]}}', ("spec.ports[1].port",)),
    "three times": (b'{"a":1,"a":2,"a":3}', ("a",)),
    "in several places": (b'{"a":{"b":1,"b":2},"c":1,"c":2}', ("c", "a.b")),
    "no map": (b"[1, 2]", ()),
}


@pytest.mark.parametrize("case", CASES)
def test_duplicates_are_found(case: str) -> None:
    body, expected = CASES[case]
    assert duplicate_fields(body, msgspec.json.decode(body)) == expected


def test_what_is_no_json_has_none() -> None:
    assert duplicate_fields(b"a: 1\na: 2\n", {"a": 2}) == ()
