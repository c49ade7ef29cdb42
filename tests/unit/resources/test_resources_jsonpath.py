"""JSONPath of printer columns: every form that kubectl knows and definitions use."""

from typing import Any

import pytest

from hearthgate.resources.jsonpath import find

OBJ: dict[str, Any] = {
    "a": {"b": 1, "c.d": 2, "l": [3, 4, 5]},
    "items": [{"n": "x", "v": 1, "on": True}, {"n": "y", "v": 2}, {"v": 3, "deep": {"n": "z"}}],
}

CASES: list[tuple[str, list[Any]]] = [
    (".a.b", [1]),
    (".a.zzz", []),
    (r".a.c\.d", [2]),
    (".a['c.d']", [2]),
    (".a['b','c.d']", [1, 2]),
    (".a.l[0]", [3]),
    (".a.l[-1]", [5]),
    (".a.l[9]", []),
    (".a.l[*]", [3, 4, 5]),
    (".a.l[1:]", [4, 5]),
    (".a.l[:2]", [3, 4]),
    (".a.l[::2]", [3, 5]),
    (".a.*", [1, 2, [3, 4, 5]]),
    ("..n", ["x", "y", "z"]),
    ('.items[?(@.n=="x")].v', [1]),
    (".items[?(@.n == 'x')].v", [1]),
    ('.items[?(@.n!="x")].v', [2, 3]),
    (".items[?(@.v>1)].v", [2, 3]),
    (".items[?(@.v <= 2)].v", [1, 2]),
    (".items[?(@.on==true)].n", ["x"]),
    (".items[?(@.n)].v", [1, 2]),
    (".items[?(@.deep.n=='z')].v", [3]),
    (".a.l[?(@>3)]", [4, 5]),
]


@pytest.mark.parametrize(("path", "values"), CASES, ids=[path for path, _ in CASES])
def test_finds(path: str, values: list[Any]) -> None:
    assert find(path, OBJ) == values


@pytest.mark.parametrize("path", ["a", ".", ".a[", ".a[x]", ".a[?(b)]", ".a[?(@.b=~1)]", "{.a}", ".a]"])
def test_refuses_to_read(path: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        find(path, OBJ)
