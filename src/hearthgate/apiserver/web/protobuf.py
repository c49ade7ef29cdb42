"""Kubernetes protobuf bodies, as kubectl 1.32 and later send them for typed creates (and for DeleteOptions).

An envelope (`k8s\\0` and runtime.Unknown) holds apiVersion, kind and the message. The messages known here are
those that kubectl sends for the served kinds; others are refused with 415.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hearthgate.apiserver.errors import ApiError, bad_request

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\0"
_MAX_DEPTH: Final = 16

Wire = int | bytes
Convert = Callable[[Wire, int], Any]


class Field(NamedTuple):
    """How one numbered field becomes JSON. `mapped`: a map entry with string keys."""

    name: str
    convert: Convert
    repeated: bool = False
    mapped: bool = False


Message = Mapping[int, Field]


def decode_body(body: bytes) -> dict[str, Any]:
    """The object in an envelope, as its JSON form. Raises ApiError 400, or 415 for an unknown message."""
    if not body.startswith(_MAGIC):
        raise bad_request("the protobuf body does not start with the Kubernetes magic number")
    envelope = _decode(_ENVELOPE, body[len(_MAGIC) :], 0)
    named = envelope.get("typeMeta") or {}
    api_version, kind = named.get("apiVersion", ""), named.get("kind", "")
    message = _MESSAGES.get((api_version, kind), _MESSAGES.get(("", kind)))
    if message is None:
        text = f"{api_version} {kind} is not accepted as protobuf: send JSON"
        raise ApiError(415, "UnsupportedMediaType", text)
    return {"apiVersion": api_version, "kind": kind, **_decode(message, envelope.get("raw", b""), 0)}


def _decode(message: Message, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise bad_request("the protobuf body is nested too deeply")
    result: dict[str, Any] = {}
    for number, wire in _fields(data):
        field = message.get(number)
        if field is None:
            continue
        if field.mapped:
            entry = dict(_fields(_bytes(wire)))
            result.setdefault(field.name, {})[_text(entry.get(1, b""), depth)] = field.convert(
                entry.get(2, b""), depth
            )
        elif field.repeated:
            result.setdefault(field.name, []).append(field.convert(wire, depth))
        else:
            result[field.name] = field.convert(wire, depth)
    return {key: value for key, value in result.items() if value is not None}


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 2:
                length, position = _varint(data, position)
                if position + length > len(data):
                    raise bad_request("the protobuf body ends too early")
                yield tag >> 3, data[position : position + length]
                position += length
            case 1 | 5 as fixed:
                position += 8 if fixed == 1 else 4
            case _:
                raise bad_request("the protobuf body has an unknown wire type")


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


def _number(wire: Wire, depth: int) -> int:
    if not isinstance(wire, int):
        raise bad_request("the protobuf body has a message where a number is expected")
    return wire - (1 << 64) if wire >= 1 << 63 else wire


def _bool(wire: Wire, depth: int) -> bool:
    return _number(wire, depth) != 0


def _text(wire: Wire, depth: int) -> str:
    try:
        return _bytes(wire).decode()
    except UnicodeDecodeError as error:
        raise bad_request("the protobuf body has text that is not UTF-8") from error


def _word(wire: Wire, depth: int) -> str | None:
    """A text whose empty value means that it is not set: Go writes every field of a message."""
    return _text(wire, depth) or None


def _base64(wire: Wire, depth: int) -> str:
    return base64.b64encode(_bytes(wire)).decode()


def _count(wire: Wire, depth: int) -> int | None:
    return _number(wire, depth) or None


def _time(wire: Wire, depth: int) -> str | None:
    seconds = dict(_fields(_bytes(wire))).get(1)
    if not isinstance(seconds, int) or not seconds:
        return None
    try:
        return datetime.fromtimestamp(_number(seconds, depth), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError) as error:
        raise bad_request("the protobuf body has a time out of range") from error


def _int_or_string(wire: Wire, depth: int) -> int | str | None:
    parts = dict(_fields(_bytes(wire)))
    if parts.get(1):
        return _text(parts.get(3, b""), depth)
    return _number(parts.get(2, 0), depth) or None


def _message(message: Message) -> Convert:
    def convert(wire: Wire, depth: int) -> Any:
        return _decode(message, _bytes(wire), depth + 1) or None

    return convert


def _words(number_to_name: Mapping[int, str]) -> dict[int, Field]:
    return {number: Field(name, _word) for number, name in number_to_name.items()}


_ENVELOPE: Final[Message] = {
    1: Field("typeMeta", _message({1: Field("apiVersion", _text), 2: Field("kind", _text)})),
    2: Field("raw", lambda wire, depth: _bytes(wire)),
}
_OWNER: Final[Message] = {
    **_words({1: "kind", 3: "name", 4: "uid", 5: "apiVersion"}),
    6: Field("controller", _bool),
    7: Field("blockOwnerDeletion", _bool),
}
_METADATA: Final[Message] = {
    **_words({1: "name", 2: "generateName", 3: "namespace", 5: "uid", 6: "resourceVersion"}),
    8: Field("creationTimestamp", _time),
    11: Field("labels", _text, mapped=True),
    12: Field("annotations", _text, mapped=True),
    13: Field("ownerReferences", _message(_OWNER), repeated=True),
    14: Field("finalizers", _text, repeated=True),
}
_NAMESPACE: Final[Message] = {
    1: Field("metadata", _message(_METADATA)),
    2: Field("spec", _message({1: Field("finalizers", _text, repeated=True)})),
}
_SECRET: Final[Message] = {
    1: Field("metadata", _message(_METADATA)),
    2: Field("data", _base64, mapped=True),
    3: Field("type", _word),
    4: Field("stringData", _text, mapped=True),
    5: Field("immutable", _bool),
}
_CONFIG_MAP: Final[Message] = {
    1: Field("metadata", _message(_METADATA)),
    2: Field("data", _text, mapped=True),
    3: Field("binaryData", _base64, mapped=True),
    4: Field("immutable", _bool),
}
_SERVICE_PORT: Final[Message] = {
    **_words({1: "name", 2: "protocol", 6: "appProtocol"}),
    3: Field("port", _number),
    4: Field("targetPort", _int_or_string),
    5: Field("nodePort", _count),
}
_AFFINITY: Final[Message] = {1: Field("clientIP", _message({1: Field("timeoutSeconds", _number)}))}
_SERVICE_SPEC: Final[Message] = {
    **_words(
        {
            3: "clusterIP",
            4: "type",
            7: "sessionAffinity",
            8: "loadBalancerIP",
            10: "externalName",
            11: "externalTrafficPolicy",
            17: "ipFamilyPolicy",
            21: "loadBalancerClass",
            22: "internalTrafficPolicy",
            23: "trafficDistribution",
        }
    ),
    1: Field("ports", _message(_SERVICE_PORT), repeated=True),
    2: Field("selector", _text, mapped=True),
    5: Field("externalIPs", _text, repeated=True),
    9: Field("loadBalancerSourceRanges", _text, repeated=True),
    12: Field("healthCheckNodePort", _count),
    13: Field("publishNotReadyAddresses", lambda wire, depth: _bool(wire, depth) or None),
    14: Field("sessionAffinityConfig", _message(_AFFINITY)),
    18: Field("clusterIPs", _text, repeated=True),
    19: Field("ipFamilies", _text, repeated=True),
    20: Field("allocateLoadBalancerNodePorts", _bool),
}
_SERVICE: Final[Message] = {1: Field("metadata", _message(_METADATA)), 2: Field("spec", _message(_SERVICE_SPEC))}
_DELETE_OPTIONS: Final[Message] = {
    1: Field("gracePeriodSeconds", _number),
    2: Field("preconditions", _message(_words({1: "uid", 2: "resourceVersion"}))),
    3: Field("orphanDependents", _bool),
    4: Field("propagationPolicy", _word),
    5: Field("dryRun", _text, repeated=True),
}
_ACCESS_REVIEW: Final[Message] = {
    2: Field(
        "spec",
        _message(
            {
                1: Field(
                    "resourceAttributes",
                    _message(
                        _words(
                            {
                                1: "namespace",
                                2: "verb",
                                3: "group",
                                4: "version",
                                5: "resource",
                                6: "subresource",
                                7: "name",
                            }
                        )
                    ),
                ),
                2: Field("nonResourceAttributes", _message(_words({1: "path", 2: "verb"}))),
            }
        ),
    ),
}
_MESSAGES: Final[Mapping[tuple[str, str], Message]] = MappingProxyType(
    {
        ("v1", "Namespace"): _NAMESPACE,
        ("v1", "Secret"): _SECRET,
        ("v1", "ConfigMap"): _CONFIG_MAP,
        ("v1", "Service"): _SERVICE,
        ("", "DeleteOptions"): _DELETE_OPTIONS,
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): _ACCESS_REVIEW,
        ("authentication.k8s.io/v1", "SelfSubjectReview"): {},
    }
)
