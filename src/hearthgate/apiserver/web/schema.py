"""OpenAPI v3 schemas of the served kinds. Pure.

Kinds of a definition have its schema, built-in ones that of their tables. The others come from the typed
resources: a docstring says what a type is, and its lines `field: text` what its fields are. What a type leaves
open is marked as preserving unknown fields, so that clients neither prune nor refuse it.
"""

import inspect as python_inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from hearthgate.apiserver.patches.topology import KeyedList, Path, SetList, Topology
from hearthgate.apiserver.web.metaschemas import INT_OR_STRING, LIST_META, OBJECT_META, envelope, reference
from hearthgate.resources import builtin
from hearthgate.resources.kinds import Kind

Schema = dict[str, Any]

_OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_FIELD_LINE: Final = re.compile(r"(\w+): (.+)")
_SNAKE: Final = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")


def schema_of(kind: Kind) -> Schema:
    """The schema of a kind with its group, version and kind; metadata is a reference."""
    if kind.schema is not None:
        schema: Schema = dict(kind.schema.source)
    elif (built_in := builtin.schema_of(kind.api_version, kind.kind)) is not None:
        schema = _shared(built_in)
    elif kind.resource_type is not None:
        schema = _of(inspect.type_info(kind.resource_type), (), Topology.of(kind))
    else:
        schema = {"type": "object", **_OPEN}
    metadata = {"metadata": reference(OBJECT_META, "Standard object metadata.")}
    schema["properties"] = {**schema.get("properties", {}), **envelope(), **metadata}
    schema["x-kubernetes-group-version-kind"] = _identity(kind, kind.kind)
    return schema


def list_schema_of(kind: Kind, component: str) -> Schema:
    """The schema of its lists; `component` is the name of the kind's own."""
    items = {"type": "array", "items": reference(component), "description": "The objects, by namespace and name."}
    return {
        "type": "object",
        "description": f"A list of objects of kind {kind.kind}.",
        "required": ["items"],
        "properties": {**envelope(), "metadata": reference(LIST_META, "Standard list metadata."), "items": items},
        "x-kubernetes-group-version-kind": _identity(kind, f"{kind.kind}List"),
    }


def _identity(kind: Kind, name: str) -> list[dict[str, str]]:
    return [{"group": kind.group, "version": kind.version, "kind": name}]


def _shared(schema: Any) -> Any:
    """With the component in place of every number or text, so that clients show what it is."""
    if isinstance(schema, list):
        return [_shared(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") is True:  # not the field of this name
        return reference(INT_OR_STRING, schema.get("description", ""))
    return {key: _shared(value) for key, value in schema.items()}


def _of(info: inspect.Type, path: Path, topology: Topology) -> Schema:
    match info:
        case inspect.Metadata():
            return _described(info, _of(info.type, path, topology))
        case inspect.StructType():
            return _struct(info, path, topology)
        case inspect.VarTupleType() | inspect.ListType():
            bounds = _held(minItems=info.min_length, maxItems=info.max_length)
            items = _of(info.item_type, path, topology)
            return {"type": "array", "items": items, **bounds, **_list(path, topology)}
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _of(info.value_type, path, topology)}
        case inspect.UnionType():
            return _union(info, path, topology)
        case inspect.LiteralType():
            return {"type": "string", "enum": list(info.values)}
        case _:
            return _scalar(info)


def _scalar(info: inspect.Type) -> Schema:
    match info:
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType():
            return {"type": "integer", "format": "int64", **_held(minimum=info.ge, maximum=info.le)}
        case inspect.FloatType():
            return {"type": "number"}
        case inspect.StrType():
            bounds = _held(minLength=info.min_length, maxLength=info.max_length, pattern=info.pattern)
            return {"type": "string", **bounds}
        case inspect.CustomType():
            return {"type": "string"}
        case _:
            return dict(_OPEN)


def _held(**bounds: int | str | None) -> Schema:
    return {name: value for name, value in bounds.items() if value is not None}


def _struct(info: inspect.StructType, path: Path, topology: Topology) -> Schema:
    schema: Schema = {"type": "object"}
    said, texts = _texts(info.cls)
    if said:
        schema["description"] = said
    properties: Schema = {}
    for field in info.fields:
        below = _of(field.type, (*path, field.encode_name), topology)
        if text := texts.get(field.name):
            below["description"] = _joined(text, _mark(field.type))
        if field.default is not NODEFAULT and isinstance(field.default, bool | int | str) and field.default:
            below["default"] = field.default
        properties[field.encode_name] = below
    schema["properties"] = properties
    if required := [field.encode_name for field in info.fields if field.required]:
        schema["required"] = required
    if not info.forbid_unknown_fields:
        schema.update(_OPEN)
    return schema


@cache
def _texts(cls: type) -> tuple[str, Mapping[str, str]]:
    """What its docstring says of the type, and of its fields by attribute. The fields' lines are inherited."""
    texts: dict[str, str] = {}
    said = ""
    for owner in reversed(cls.__mro__):
        said, fields = _parsed(owner.__dict__.get("__doc__") or "", getattr(owner, "__struct_fields__", ()))
        texts |= fields
    attributes, names = getattr(cls, "__struct_fields__", ()), getattr(cls, "__struct_encode_fields__", ())
    spelled = dict(zip(attributes, names, strict=True))
    return _spelled(said, spelled), {name: _spelled(text, spelled) for name, text in texts.items()}


def _spelled(text: str, names: Mapping[str, str]) -> str:
    """With fields called as in manifests, where the code has its own spelling (peer_asn, peerASN)."""
    return _SNAKE.sub(lambda match: names.get(match[0], match[0]), text)


def _parsed(doc: str, names: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    said: list[str] = []
    fields: dict[str, str] = {}
    current = ""
    for line in python_inspect.cleandoc(doc).splitlines():
        match = _FIELD_LINE.match(line)
        if match and match[1] in names:
            current, fields[match[1]] = match[1], match[2]
        elif current and line.startswith(" "):
            fields[current] += f" {line.strip()}"
        else:
            current = ""
            said.append(line)
    return "\n".join(said).strip(), fields


def _described(info: inspect.Metadata, schema: Schema) -> Schema:
    said = _joined((info.extra_json_schema or {}).get("description", ""), _mark(info))
    return {**schema, "description": said} if said else schema


def _mark(info: inspect.Type) -> str:
    """What the marks of a field say of it."""
    extra: Mapping[str, Any] = (info.extra or {}) if isinstance(info, inspect.Metadata) else {}
    if "unsupported" in extra:
        said, way_out = "Not supported by Hearthgate yet", extra["unsupported"]
    elif "deprecated" in extra:
        said, way_out = "Has no effect", extra["deprecated"]
    elif "differs" in extra:
        said, way_out = "Differs from Traefik", extra["differs"]
    else:
        return ""
    return f"{said}: {way_out}." if way_out else f"{said}."


def _joined(*texts: str) -> str:
    return " ".join(filter(None, texts))


def _list(path: Path, topology: Topology) -> Schema:
    match topology.list_type(path):
        case KeyedList() as keyed:
            return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keyed.keys)}
        case SetList():
            return {"x-kubernetes-list-type": "set"}
        case _:
            return {"x-kubernetes-list-type": "atomic"}


def _union(info: inspect.UnionType, path: Path, topology: Topology) -> Schema:
    """None is how a type says that the field is absent, not that null is a value of it."""
    types = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    if len(types) == 1:
        return _of(types[0], path, topology)
    if {type(kind) for kind in types} == {inspect.IntType, inspect.StrType}:
        return reference(INT_OR_STRING, "A number or text.")
    return dict(_OPEN)
