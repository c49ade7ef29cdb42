"""Kubernetes protobuf bodies, as kubectl 1.32 and later send them for typed creates (and for DeleteOptions).

An envelope (`k8s\\0` and runtime.Unknown) holds apiVersion, kind and the message, which the tables of
`resources.builtin` explain. Go writes every field that is no pointer, set or not: which zeros count as unset is
in the tables too. What they do not know is refused with 415, never dropped.
"""

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hearthgate.apiserver.errors import ApiError, bad_request
from hearthgate.resources.builtin.table import Field, Message, message, roots

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\0"
_MAX_DEPTH: Final = 100
_BESIDE_KINDS: Final = frozenset({"DeleteOptions", "Status"})
"""Messages that come under the version of any group."""

Wire = int | bytes


def decode_body(body: bytes) -> dict[str, Any]:
    """The object in an envelope, as its JSON form. Raises ApiError 400, or 415 for what the tables lack."""
    if not body.startswith(_MAGIC):
        raise bad_request("the protobuf body does not start with the Kubernetes magic number")
    envelope = dict(_fields(body[len(_MAGIC) :]))
    named = dict(_fields(_bytes(envelope.get(1, b""))))
    api_version, kind = _text(named.get(1, b"")), _text(named.get(2, b""))
    root = roots().get((api_version, kind))
    if root is None and kind not in _BESIDE_KINDS:
        raise _refused(f"{api_version} {kind} is not accepted as protobuf: send JSON")
    name = kind if root is None else root.message
    content = _decode(message(name), _bytes(envelope.get(2, b"")), kind, 0)
    return {"apiVersion": api_version, "kind": kind, **content}


def _decode(found: Message, data: bytes, path: str, depth: int) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise bad_request("the protobuf body is nested too deeply")
    result: dict[str, Any] = {}
    for number, wire in _fields(data):
        field = found.numbers.get(number)
        if field is None:
            raise _refused(f"{path}: field number {number} of {found.name} is not known: send JSON")
        if field.is_inline:
            result.update(_decode(message(field.message), _bytes(wire), path, depth + 1))
            continue
        below = f"{path}.{field.name}"
        if field.is_map:
            entry = dict(_fields(_bytes(wire)))
            value = entry.get(2, b"")
            result.setdefault(field.name, {})[_text(entry.get(1, b""))] = _value(field, value, below, depth)
        elif field.is_list:
            result.setdefault(field.name, []).extend(_items(field, wire, below, depth))
        elif (value := _value(field, wire, below, depth)) is not None and (value or _counts(field, value)):
            result[field.name] = value
    return result


def _counts(field: Field, zero: Any) -> bool:
    """Whether a zero is a value of the field: where Go has a pointer, a struct, or no `omitempty`."""
    return field.is_pointer or field.is_required or isinstance(zero, dict)


def _items(field: Field, wire: Wire, path: str, depth: int) -> Iterator[Any]:
    if field.type in {"int32", "int64"} and isinstance(wire, bytes):  # packed
        position = 0
        while position < len(wire):
            value, position = _varint(wire, position)
            yield _number(value)
    else:
        yield _value(field, wire, path, depth)


def _value(field: Field, wire: Wire, path: str, depth: int) -> Any:  # noqa: PLR0911 - one line for each type
    if field.message:
        return _decode(message(field.message), _bytes(wire), path, depth + 1)
    match field.type:
        case "string":
            return _text(wire)
        case "bytes":
            return base64.b64encode(_bytes(wire)).decode()
        case "bool":
            return _number(wire) != 0
        case "int32" | "int64":
            return _number(wire)
        case "double":
            return _double(_bytes(wire))
        case "Time" | "MicroTime":
            return _time(_bytes(wire), in_micros=field.type == "MicroTime")
        case "Quantity":
            return _text(dict(_fields(_bytes(wire))).get(1, b"")) or "0"
        case "IntOrString":
            parts = dict(_fields(_bytes(wire)))
            return _text(parts.get(3, b"")) if parts.get(1) else _number(parts.get(2, 0))
        case "FieldsV1" | "JSON":
            return _json(dict(_fields(_bytes(wire))).get(1, b""))
        case "ExtraValue":
            return [_text(item) for number, item in _fields(_bytes(wire)) if number == 1]
        case "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrStringArray":
            return _schema_union(field.type, _bytes(wire), path, depth + 1)
        case _:
            raise _refused(f"{path} is not accepted as protobuf: send JSON")


def _schema_union(name: str, data: bytes, path: str, depth: int) -> Any:
    """One of a schema, a list of schemas, a truth value or a list of names, by the fields that are there."""
    schema_number = 2 if name == "JSONSchemaPropsOrBool" else 1
    schemas: list[Wire] = []
    others: list[Wire] = []
    for number, wire in _fields(data):
        (schemas if number == schema_number else others).append(wire)
    if schemas:
        return _decode(message("JSONSchemaProps"), _bytes(schemas[0]), path, depth)
    if name == "JSONSchemaPropsOrBool":
        return any(map(_number, others))
    if name == "JSONSchemaPropsOrStringArray":
        return [_text(item) for item in others]
    return [_decode(message("JSONSchemaProps"), _bytes(item), path, depth) for item in others]


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    """Number and value of each field; the bytes of a fixed one."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
                continue
            case 2:
                length, position = _varint(data, position)
            case 1 | 5 as fixed:
                length = 8 if fixed == 1 else 4
            case _:
                raise bad_request("the protobuf body has an unknown wire type")
        if position + length > len(data):
            raise bad_request("the protobuf body ends too early")
        yield tag >> 3, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise bad_request("the protobuf body ends too early")


def _bytes(wire: Wire) -> bytes:
    if not isinstance(wire, bytes):
        raise bad_request("the protobuf body has a number where a message is expected")
    return wire


def _number(wire: Wire) -> int:
    if not isinstance(wire, int):
        raise bad_request("the protobuf body has a message where a number is expected")
    wire &= (1 << 64) - 1
    return wire - (1 << 64) if wire >= 1 << 63 else wire


def _double(data: bytes) -> float:
    if len(data) != 8:
        raise bad_request("the protobuf body has a number of a wrong size")
    value: float = struct.unpack("<d", data)[0]
    return int(value) if value.is_integer() else value


def _text(wire: Wire) -> str:
    try:
        return _bytes(wire).decode()
    except UnicodeDecodeError as error:
        raise bad_request("the protobuf body has text that is not UTF-8") from error


def _json(wire: Wire) -> Any:
    try:
        return msgspec.json.decode(_bytes(wire)) if wire else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request("the protobuf body has JSON inside that cannot be read") from error


def _time(data: bytes, *, in_micros: bool) -> str | None:
    """None for the zero time, which Go writes for a time that is not set."""
    parts = dict(_fields(data))
    seconds, nanos = _number(parts.get(1, 0)), _number(parts.get(2, 0))
    if not seconds and not nanos:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise bad_request("the protobuf body has a time out of range") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if in_micros else "%Y-%m-%dT%H:%M:%SZ")


def _refused(why: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", why)
