"""OpenAPI v3 schemas of the built-in kinds, in the structural style of custom resource definitions."""

from typing import Any, Final

from hearthgate.resources.builtin.table import Field, Message, message, roots

Schema = dict[str, Any]

_SCALARS: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "bytes": {"type": "string", "format": "byte"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "Time": {"type": "string", "format": "date-time"},
    "MicroTime": {"type": "string", "format": "date-time"},
    "Quantity": {"x-kubernetes-int-or-string": True},
    "IntOrString": {"x-kubernetes-int-or-string": True},
    "FieldsV1": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "ExtraValue": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
}
_OPEN: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}


def schema_of(api_version: str, kind: str) -> Schema | None:
    """The schema of a built-in kind with everything inline, made anew at each call; None for other kinds.

    Where a message holds itself (JSONSchemaProps), the inner one preserves unknown fields.
    """
    root = roots().get((api_version, kind))
    if root is None:
        return None
    group, _, version = api_version.rpartition("/")
    schema = message_schema(root.message)
    schema["properties"] = {
        "apiVersion": {"type": "string", "description": "The version of the schema: group/version."},
        "kind": {"type": "string", "description": "The kind of the object."},
        **schema.get("properties", {}),
    }
    schema["x-kubernetes-group-version-kind"] = [{"group": group, "version": version, "kind": kind}]
    return schema


def message_schema(name: str) -> Schema:
    """The schema of one message, such as `ObjectMeta`. Raises KeyError for a name that no table has."""
    return _of(message(name), ())


def _of(found: Message, above: tuple[str, ...]) -> Schema:
    schema: Schema = {"type": "object", "description": found.description}
    if found.name in above:
        return {**schema, **_OPEN}
    if found.is_atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    if found.fields:
        schema["properties"] = {name: _field(field, (*above, found.name)) for name, field in found.fields.items()}
    if required := [name for name, field in found.fields.items() if field.is_required]:
        schema["required"] = required
    return schema


def _field(field: Field, above: tuple[str, ...]) -> Schema:
    inner = _of(message(field.message), above) if field.message else {**_SCALARS.get(field.type, _OPEN)}
    if field.is_list:
        schema: Schema = {"type": "array", "items": inner, **_list(field)}
    elif field.is_map:
        schema = {"type": "object", "additionalProperties": inner}
        if field.is_atomic:
            schema["x-kubernetes-map-type"] = "atomic"
    else:
        schema = inner
    schema["description"] = field.description
    if field.default:
        schema["default"] = field.default
    return schema


def _list(field: Field) -> Schema:
    if field.map_keys:
        schema: Schema = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(field.map_keys)}
    elif field.is_set:
        schema = {"x-kubernetes-list-type": "set"}
    else:
        schema = {"x-kubernetes-list-type": "atomic"}
    if field.is_merged:
        schema["x-kubernetes-patch-strategy"] = "merge,retainKeys" if field.retains_keys else "merge"
    if field.merge_key:
        schema["x-kubernetes-patch-merge-key"] = field.merge_key
    return schema
