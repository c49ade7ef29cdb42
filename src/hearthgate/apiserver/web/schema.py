"""OpenAPI v3 schemas from the typed resources. Pure.

What a type leaves open (kinds of which Hearthgate reads a part) is marked as preserving unknown fields, so
that clients neither prune nor refuse it.
"""

import inspect as python_inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import NODEFAULT, inspect

from hearthgate.apiserver.patches.topology import KeyedList, Path, SetList, Topology
from hearthgate.resources.kinds import Kind

Schema = dict[str, Any]

_OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def schema_of(kind: Kind) -> Schema:
    """The schema of a kind with its group, version and kind, metadata included."""
    identity = [{"group": kind.group, "version": kind.version, "kind": kind.kind}]
    if kind.resource_type is None:
        schema: Schema = {"type": "object", **_OPEN}
    else:
        schema = _of(inspect.type_info(kind.resource_type), (), Topology.of(kind))
    properties = schema.setdefault("properties", {})
    properties["apiVersion"] = {"type": "string", "description": "The version of the schema: group/version."}
    properties["kind"] = {"type": "string", "description": "The kind of the object."}
    properties["metadata"] = object_meta()
    schema["x-kubernetes-group-version-kind"] = identity
    return schema


@cache
def object_meta() -> Schema:
    """meta.k8s.io/v1 ObjectMeta."""
    texts = {
        "name": "Unique within its namespace; cannot be changed.",
        "generateName": "The start of a name that the server completes.",
        "namespace": "Where the name must be unique.",
        "uid": "Unique in time and space; given by the server.",
        "resourceVersion": "The revision of the last change; for optimistic locking and watches.",
    }
    strings = {"type": "object", "additionalProperties": {"type": "string"}}
    properties: Schema = {name: {"type": "string", "description": text} for name, text in texts.items()}
    for name in ("creationTimestamp", "deletionTimestamp"):
        properties[name] = {"type": "string", "format": "date-time"}
    properties["generation"] = {"type": "integer", "format": "int64"}
    properties["deletionGracePeriodSeconds"] = {"type": "integer", "format": "int64"}
    properties["labels"] = {**strings, "description": "Keys and values that selectors read."}
    properties["annotations"] = {**strings, "description": "Keys and values for tools."}
    properties["finalizers"] = {
        "type": "array",
        "items": {"type": "string"},
        "x-kubernetes-list-type": "set",
        "description": "Names that must be removed before the object goes.",
    }
    properties["ownerReferences"] = {
        "type": "array",
        "items": {"type": "object", **_OPEN},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["uid"],
        "description": "The objects with whose end this one ends.",
    }
    properties["managedFields"] = {"type": "array", "items": {"type": "object", **_OPEN}}
    return {"type": "object", "description": "Standard object metadata.", "properties": properties}


def _of(info: inspect.Type, path: Path, topology: Topology) -> Schema:
    match info:
        case inspect.Metadata():
            return _described(info, _of(info.type, path, topology))
        case inspect.StructType():
            return _struct(info, path, topology)
        case inspect.VarTupleType() | inspect.ListType():
            return {"type": "array", "items": _of(info.item_type, path, topology), **_list(path, topology)}
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
            bounds = {"minimum": info.ge, "maximum": info.le}
            held = {key: value for key, value in bounds.items() if value is not None}
            return {"type": "integer", "format": "int64", **held}
        case inspect.FloatType():
            return {"type": "number"}
        case inspect.StrType() | inspect.CustomType():
            return {"type": "string"}
        case _:
            return dict(_OPEN)


def _struct(info: inspect.StructType, path: Path, topology: Topology) -> Schema:
    schema: Schema = {"type": "object"}
    # The docstrings of the types speak to readers of the code in its own words; an inherited one says nothing.
    if text := info.cls.__dict__.get("__doc__"):
        schema["description"] = python_inspect.cleandoc(text)
    schema["properties"] = {
        field.encode_name: _of(field.type, (*path, field.encode_name), topology) for field in info.fields
    }
    if required := [field.encode_name for field in info.fields if field.required]:
        schema["required"] = required
    for field in info.fields:
        if field.default is not NODEFAULT and isinstance(field.default, bool | int | str) and field.default:
            schema["properties"][field.encode_name]["default"] = field.default
    if not info.forbid_unknown_fields:
        schema.update(_OPEN)
    return schema


def _described(info: inspect.Metadata, schema: Schema) -> Schema:
    extra: Mapping[str, Any] = info.extra or {}
    said = []
    if "unsupported" in extra:
        said.append("Not supported by Hearthgate yet")
    if "deprecated" in extra:
        said.append("Has no effect")
    if not said:
        return schema
    way_out = extra.get("unsupported") or extra.get("deprecated")
    return {**schema, "description": f"{said[0]}: {way_out}." if way_out else f"{said[0]}."}


def _list(path: Path, topology: Topology) -> Schema:
    match topology.list_type(path):
        case KeyedList() as keyed:
            return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keyed.keys)}
        case SetList():
            return {"x-kubernetes-list-type": "set"}
        case _:
            return {"x-kubernetes-list-type": "atomic"}


def _union(info: inspect.UnionType, path: Path, topology: Topology) -> Schema:
    types = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    nullable = {"nullable": True} if len(types) < len(info.types) else {}
    if len(types) == 1:
        return {**_of(types[0], path, topology), **nullable}
    if {type(kind) for kind in types} == {inspect.IntType, inspect.StrType}:
        return {"x-kubernetes-int-or-string": True, **nullable}
    return {**_OPEN, **nullable}
