"""Every field that upstream's kinds have is known here; the `upstream_fields` files list them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import inspect

from hearthgate.resources.registry import KINDS

HERE = Path(__file__).parent
LISTS = {
    "upstream_fields.txt": ({"traefik.io"}, 500),
    "upstream_fields_metallb.txt": ({"metallb.io"}, 100),
    "upstream_fields_certmanager.txt": ({"cert-manager.io", "acme.cert-manager.io"}, 350),
}
"""The groups whose kinds each file tells of, and how many fields it tells of at least."""


def _paths(info: inspect.Type, path: str, depth: int = 0) -> Iterator[str]:
    match info:
        case inspect.Metadata():
            yield from _paths(info.type, path, depth)
        case inspect.UnionType():
            for alternative in info.types:
                yield from _paths(alternative, path, depth)
        case inspect.StructType() if depth < 12:
            for field in info.fields:
                below = f"{path}.{field.encode_name}" if path else field.encode_name
                yield below
                yield from _paths(field.type, below, depth + 1)
        case inspect.VarTupleType():
            yield f"{path}[]"
            yield from _paths(info.item_type, f"{path}[]", depth)


@pytest.mark.parametrize("name", LISTS)
def test_every_upstream_field_is_decoded(name: str) -> None:
    groups, least = LISTS[name]
    kinds = [kind for kind in KINDS if kind.group in groups and kind.resource_type is not None]
    known = {
        f"{kind.kind} {path}"
        for kind in kinds
        if kind.resource_type is not None
        for path in _paths(inspect.type_info(kind.resource_type), "")
    }
    listed = (HERE / name).read_text().splitlines()
    assert len(listed) > least
    assert {line.partition(" ")[0] for line in listed} == {kind.kind for kind in kinds}
    assert sorted(set(listed) - known) == []
