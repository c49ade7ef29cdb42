"""Every field that upstream's kinds have is known here; `upstream_fields.txt` lists them."""

from collections.abc import Iterator
from pathlib import Path

from msgspec import inspect

from hearthgate.resources.registry import KINDS

LISTED = (Path(__file__).parent / "upstream_fields.txt").read_text().splitlines()


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


def test_every_upstream_field_is_decoded() -> None:
    known = {
        f"{kind.kind} {path}"
        for kind in KINDS
        if kind.group == "traefik.io" and kind.resource_type is not None
        for path in _paths(inspect.type_info(kind.resource_type), "")
    }
    assert len(LISTED) > 400
    assert sorted(set(LISTED) - known) == []
