"""Objects of the built-in kinds made of their tables at random, and protobuf as Go would write them."""

import base64
import json
import struct
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from hearthgate.resources.builtin.table import Field, message, roots

KINDS = sorted(roots())
_DEEPEST = 4
_WORDS = st.text("abcXYZ019-./é", min_size=1, max_size=6)
_SMALL = st.integers(1, 2**31 - 1) | st.integers(-(2**31), -1)
_SECONDS = st.integers(1, 4_000_000_000)


def objects(api_version: str, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects as Go's JSON has them: structs that are no pointers are always there."""
    content = _message(roots()[api_version, kind].message, 0)
    return content.map(lambda body: {"apiVersion": api_version, "kind": kind, **body})


def _message(name: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    always: dict[str, Any] = {}
    sometimes: dict[str, Any] = {}
    for key, field in message(name).fields.items():
        is_struct = bool(field.message) and not (field.is_list or field.is_map or field.is_pointer)
        if is_struct or (field.is_required and not field.is_list):
            always[key] = _value(field, depth)
        elif field.type != "open" and depth < _DEEPEST:
            sometimes[key] = _value(field, depth)
    return _some(always, sometimes)


@st.composite
def _some(draw: st.DrawFn, always: dict[str, Any], sometimes: dict[str, Any]) -> dict[str, Any]:
    """A few of the optional fields: some messages have dozens."""
    chosen = draw(st.lists(st.sampled_from(sorted(sometimes)), max_size=4, unique=True)) if sometimes else []
    return {key: draw(value) for key, value in (always | {key: sometimes[key] for key in chosen}).items()}


def _value(field: Field, depth: int) -> st.SearchStrategy[Any]:
    one = st.deferred(lambda: _message(field.message, depth + 1)) if field.message else _scalar(field, depth)
    if field.is_list:
        return st.lists(one, min_size=1, max_size=2)
    return st.dictionaries(_WORDS, one, min_size=1, max_size=2) if field.is_map else one


def _scalar(field: Field, depth: int) -> st.SearchStrategy[Any]:
    zero_counts = field.is_pointer or field.is_required or field.is_list or field.is_map
    match field.type:
        case "string":
            return _WORDS | st.just("") if zero_counts else _WORDS
        case "bytes":
            return st.binary(min_size=0 if zero_counts else 1, max_size=5).map(
                lambda b: base64.b64encode(b).decode()
            )
        case "bool":
            return st.booleans() if zero_counts else st.just(True)
        case "int32" | "int64":
            return _SMALL | st.just(0) if zero_counts else _SMALL
        case "double":
            return st.sampled_from([0.5, -2.25, 3])
        case "Time":
            return _SECONDS.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        case "MicroTime":
            return _SECONDS.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000007Z"))
        case "Quantity":
            return st.sampled_from(["0", "100m", "1.5Gi", "1e3"])
        case "IntOrString":
            return st.integers(1, 65535) | _WORDS
        case "FieldsV1":
            return st.just({"f:spec": {"f:x": {}}})
        case "ExtraValue":
            return st.lists(_WORDS, max_size=2)
        case "JSON":
            return st.sampled_from([1, "x", {"a": [None]}, [], False])
        case "JSONSchemaPropsOrStringArray":
            return st.lists(_WORDS, min_size=1, max_size=2)
        case "JSONSchemaPropsOrBool":
            return st.booleans() | st.deferred(lambda: _message("JSONSchemaProps", depth + 1))
        case _:
            schema = st.deferred(lambda: _message("JSONSchemaProps", depth + 1))
            return schema | st.lists(schema, min_size=1, max_size=2)


def envelope(obj: dict[str, Any]) -> bytes:
    """What client-go sends for `obj`."""
    root = roots()[obj["apiVersion"], obj["kind"]]
    named = _bytes(1, obj["apiVersion"].encode()) + _bytes(2, obj["kind"].encode())
    return b"k8s\0" + _bytes(1, named) + _bytes(2, _encode(root.message, obj)) + _bytes(3, b"") + _bytes(4, b"")


def _encode(name: str, obj: dict[str, Any]) -> bytes:
    out = b""
    for number, field in sorted(message(name).numbers.items()):
        if field.is_inline:
            out += _bytes(number, _encode(field.message, obj))
        elif field.name not in obj:
            out += _zero(field)
        elif field.is_map:
            for key, item in obj[field.name].items():
                out += _bytes(number, _bytes(1, key.encode()) + _one(2, field, item))
        else:
            for item in obj[field.name] if field.is_list else [obj[field.name]]:
                out += _one(number, field, item)
    return out


def _zero(field: Field) -> bytes:
    """Go writes what is no pointer, set or not."""
    if field.is_pointer or field.is_list or field.is_map:
        return b""
    return _varint(field.number << 3) + b"\0" if field.type in {"bool", "int32", "int64"} else _empty(field)


def _empty(field: Field) -> bytes:
    return (
        _bytes(field.number, b"") if field.type in {"string", "bytes", "Time", "MicroTime", "IntOrString"} else b""
    )


def _one(number: int, field: Field, value: Any) -> bytes:
    if field.message:
        return _bytes(number, _encode(field.message, value))
    match field.type:
        case "bool" | "int32" | "int64":
            return _varint(number << 3) + _varint(int(value) & (1 << 64) - 1)
        case "double":
            return _varint(number << 3 | 1) + struct.pack("<d", value)
        case "bytes":
            return _bytes(number, base64.b64decode(value))
        case "Time" | "MicroTime":
            moment = datetime.fromisoformat(value)
            parts = _varint(1 << 3) + _varint(int(moment.timestamp()))
            return _bytes(number, parts + _varint(2 << 3) + _varint(moment.microsecond * 1000))
        case "Quantity":
            return _bytes(number, _bytes(1, value.encode()))
        case "IntOrString":
            is_text = isinstance(value, str)
            text, digits = (value, 0) if is_text else ("", value)
            parts = _varint(1 << 3) + _varint(is_text) + _varint(2 << 3) + _varint(digits)
            return _bytes(number, parts + _bytes(3, text.encode()))
        case "FieldsV1" | "JSON":
            return _bytes(number, _bytes(1, json.dumps(value).encode()))
        case "ExtraValue":
            return _bytes(number, b"".join(_bytes(1, item.encode()) for item in value))
        case "JSONSchemaPropsOrBool":
            is_bool = isinstance(value, bool)
            schema = b"" if is_bool else _bytes(2, _encode("JSONSchemaProps", value))
            return _bytes(number, _varint(1 << 3) + _varint(bool(value)) + schema)
        case "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray":
            if isinstance(value, dict):
                return _bytes(number, _bytes(1, _encode("JSONSchemaProps", value)))
            items = [
                item.encode() if isinstance(item, str) else _encode("JSONSchemaProps", item) for item in value
            ]
            return _bytes(number, b"".join(_bytes(2, item) for item in items))
        case _:
            return _bytes(number, value.encode())


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])
