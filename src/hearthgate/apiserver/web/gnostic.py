"""OpenAPI v2 as the protobuf messages of gnostic (`openapi.v2.Document`), the form that Go clients ask for. Pure.

Encoded by hand from the JSON form; the numbers are those of gnostic's OpenAPIv2.proto. What has no number
there and is no extension cannot be said in it and is left out.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

MEDIA_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
MEDIA_TYPES: Final = frozenset({MEDIA_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"})
"""Clients ask for the one with a dot since Kubernetes 1.27; before, with an at sign, which no type may have."""

Write = Callable[[Any], bytes]
"""From a value to a whole field: number, length and content."""
Message = Mapping[str, Write]
"""The fields of a message by their names in JSON."""


def encode(document: Mapping[str, Any]) -> bytes:
    """The JSON form of an OpenAPI v2 document as an `openapi.v2.Document`."""
    return _content(_DOCUMENT, document)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number: int, content: bytes) -> bytes:
    return b"%b%b%b" % (_varint(number << 3 | 2), _varint(len(content)), content)


def _content(message: Message, value: Mapping[str, Any], extensions: int = 0) -> bytes:
    """extensions: the number of the field that takes everything beginning with `x-`."""
    parts = [message[name](held) for name, held in value.items() if name in message]
    if extensions:
        parts += [
            _field(extensions, _named(name, _any(held))) for name, held in value.items() if name.startswith("x-")
        ]
    return b"".join(parts)


def _named(name: str, content: bytes) -> bytes:
    return _field(1, name.encode()) + _field(2, content)


def _any(value: Any) -> bytes:
    """As text of the member `yaml`: JSON is YAML."""
    return _field(2, msgspec.json.encode(value))


def _text(number: int) -> Write:
    return lambda value: _field(number, value.encode())


def _number(number: int) -> Write:
    return lambda value: _varint(number << 3) + _varint(int(value))


def _double(number: int) -> Write:
    return lambda value: _varint(number << 3 | 1) + struct.pack("<d", value)


def _value(number: int) -> Write:
    return lambda value: _field(number, _any(value))


def _inner(number: int, content: Callable[[Any], bytes]) -> Write:
    return lambda value: _field(number, content(value))


def _each(write: Write) -> Write:
    return lambda values: b"".join(map(write, values))


def _map(number: int, content: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """The content of a message that is a map: names and values, in the order of the map."""
    return lambda values: b"".join(_field(number, _named(name, content(held))) for name, held in values.items())


def _schema(value: Mapping[str, Any]) -> bytes:
    return _content(_SCHEMA, value, 31)


def _additional(value: Any) -> bytes:
    return _number(2)(value) if isinstance(value, bool) else _field(1, _schema(value))


def _types(value: Any) -> bytes:
    return _each(_text(1))([value] if isinstance(value, str) else value)


def _items(value: Any) -> bytes:
    return _each(_inner(1, _schema))([value] if isinstance(value, Mapping) else value)


def _parameter(value: Mapping[str, Any]) -> bytes:
    """A ParametersItem. Of those beside the body, path and query are what the API has."""
    if value["in"] == "body":
        return _field(1, _field(1, _content(_BODY, value, 6)))
    in_path = value["in"] == "path"
    held = _content(_PATH_PARAMETER, value, 22) if in_path else _content(_QUERY_PARAMETER, value, 23)
    return _field(1, _field(2, _field(4 if in_path else 3, held)))


def _response(value: Mapping[str, Any]) -> bytes:
    return _field(1, _content(_RESPONSE, value, 5))


def _operation(value: Mapping[str, Any]) -> bytes:
    return _content(_OPERATION, value, 13)


def _path(value: Mapping[str, Any]) -> bytes:
    return _content(_PATH, value, 10)


_SCHEMA: Final[Message] = MappingProxyType(
    {
        "$ref": _text(1),
        "format": _text(2),
        "title": _text(3),
        "description": _text(4),
        "default": _value(5),
        "multipleOf": _double(6),
        "maximum": _double(7),
        "exclusiveMaximum": _number(8),
        "minimum": _double(9),
        "exclusiveMinimum": _number(10),
        "maxLength": _number(11),
        "minLength": _number(12),
        "pattern": _text(13),
        "maxItems": _number(14),
        "minItems": _number(15),
        "uniqueItems": _number(16),
        "maxProperties": _number(17),
        "minProperties": _number(18),
        "required": _each(_text(19)),
        "enum": _each(_value(20)),
        "additionalProperties": _inner(21, _additional),
        "type": _inner(22, _types),
        "items": _inner(23, _items),
        "allOf": _each(_inner(24, _schema)),
        "properties": _inner(25, _map(1, _schema)),
    }
)
_BODY: Final[Message] = MappingProxyType(
    {
        "description": _text(1),
        "name": _text(2),
        "in": _text(3),
        "required": _number(4),
        "schema": _inner(5, _schema),
    }
)
_PATH_PARAMETER: Final[Message] = MappingProxyType(
    {
        "required": _number(1),
        "in": _text(2),
        "description": _text(3),
        "name": _text(4),
        "type": _text(5),
        "uniqueItems": _number(18),
    }
)
_QUERY_PARAMETER: Final[Message] = MappingProxyType(
    {
        "required": _number(1),
        "in": _text(2),
        "description": _text(3),
        "name": _text(4),
        "type": _text(6),
        "uniqueItems": _number(20),
    }
)
_RESPONSE: Final[Message] = MappingProxyType(
    {"description": _text(1), "schema": _inner(2, lambda value: _field(1, _schema(value)))}
)
_OPERATION: Final[Message] = MappingProxyType(
    {
        "tags": _each(_text(1)),
        "description": _text(3),
        "operationId": _text(5),
        "produces": _each(_text(6)),
        "consumes": _each(_text(7)),
        "parameters": _each(_inner(8, _parameter)),
        "responses": _inner(9, _map(1, _response)),
    }
)
_PATH: Final[Message] = MappingProxyType(
    {
        "get": _inner(2, _operation),
        "put": _inner(3, _operation),
        "post": _inner(4, _operation),
        "delete": _inner(5, _operation),
        "patch": _inner(8, _operation),
        "parameters": _each(_inner(9, _parameter)),
    }
)
_INFO: Final[Message] = MappingProxyType({"title": _text(1), "version": _text(2)})
_DOCUMENT: Final[Message] = MappingProxyType(
    {
        "swagger": _text(1),
        "info": _inner(2, lambda value: _content(_INFO, value)),
        "paths": _inner(8, _map(2, _path)),
        "definitions": _inner(9, _map(1, _schema)),
    }
)
