"""Walks the types that manifests and settings are decoded into: one row for each field, with its marks."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from hearthgate.resources.scalars import Selector

OBJECT_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
"""What every object has beside its own fields."""
_WORTH_FOLDING: Final = 6
"""Fields of a mapping from which on a second description of it only points at the first."""

_SCALARS: Final[dict[type, str]] = {
    inspect.StrType: "string",
    inspect.CustomType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
}


class Row(NamedTuple):
    """One field. `path` as manifests spell it, `[]` for each item of a list, `*` for a name of one's own.

    default: msgspec.NODEFAULT when there is none. marks: what `unsupported` and the like say.
    same_as: where the fields below it stand already; empty when it has none, or they follow.
    """

    path: str
    type: inspect.Type
    default: Any
    required: bool
    marks: dict[str, Any]
    same_as: str = ""


def rows(struct: type, prefix: str = "", told: dict[type, str] | None = None, where: str = "") -> Iterator[Row]:
    """Every leaf, and mappings that have a mark, depth first.

    told: mappings that a page has described, and where; grows. Without it nothing is folded. where: the name of
    what `struct` belongs to, for those that point here.
    """
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        if not prefix and field.encode_name in OBJECT_FIELDS:
            continue
        path, kind, marks = f"{prefix}{field.encode_name}", field.type, dict[str, Any]()
        if isinstance(kind, inspect.Metadata):
            marks, kind = dict(kind.extra or {}), kind.type
        row = Row(path, kind, _default_of(field), field.required, marks)
        below, mark = (None, "") if _is_refused(marks) else below_of(kind)
        if below is None or below is Selector:
            yield row
            continue
        place = f"{path}{mark}"
        if told is not None and below in told:
            yield row._replace(path=place, same_as=told[below])
            continue
        if told is not None and len(inspect.type_info(below).fields) >= _WORTH_FOLDING:  # type: ignore[attr-defined]
            told[below] = f"{where} `{place}`"
        if field.required or marks or mark == "[]":
            yield row._replace(path=place)
        yield from rows(below, f"{place}.", told, where)


def _is_refused(marks: Mapping[str, Any]) -> bool:
    """Then what is below it is of no use either."""
    return "unsupported" in marks or str(marks.get("differs", "")).startswith("refused")


def below_of(info: inspect.Type) -> tuple[type | None, str]:
    """The struct that a field holds, and how a path goes into it."""
    match info:
        case inspect.Metadata():
            return below_of(info.type)
        case inspect.StructType():
            return info.cls, ""
        case inspect.VarTupleType():
            return below_of(info.item_type)[0], "[]"
        case inspect.DictType():
            return below_of(info.value_type)[0], ".*"
        case inspect.UnionType():
            return next((found for kind in info.types if (found := below_of(kind))[0] is not None), (None, ""))
        case _:
            return None, ""


def type_words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata():
            return type_words(info.type)
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in info.values if value) or "string"
        case inspect.VarTupleType():
            return f"list of {type_words(info.item_type)}"
        case inspect.DictType():
            return f"map of {type_words(info.value_type)}"
        case inspect.UnionType():
            return " or ".join(type_words(kind) for kind in info.types if not isinstance(kind, inspect.NoneType))
        case inspect.StructType():
            return "label selector" if info.cls is Selector else "mapping"
        case _:
            return _SCALARS.get(type(info), "any")


def default_words(value: Any) -> str:
    if value is msgspec.NODEFAULT or value is None or value in ("", (), {}) or isinstance(value, msgspec.Struct):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`"


def _default_of(field: inspect.Field) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
