"""Delta xDS on the wire: requests parsed, responses framed by hand around bytes that are ready.

Framing by hand spares a second serialisation of bodies that can be megabytes. Field numbers are those of
envoy.service.discovery.v3 `DeltaDiscoveryResponse` and `Resource`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.xds.resources import SECRET, Versioned
from hearthgate.model.errors import WireError

_NO_VERSIONS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """A DeltaDiscoveryRequest. `error` is None unless it refuses the response named by `nonce`."""

    type_url: str
    nonce: str = ""
    error: str | None = None
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    held: Mapping[str, str] = _NO_VERSIONS
    node: str = ""


def parse_request(data: bytes) -> Request:
    """Raises WireError."""
    try:
        parsed = message("envoy.service.discovery.v3.DeltaDiscoveryRequest").FromString(data)
    except DecodeError as error:
        raise WireError(f"not a DeltaDiscoveryRequest: {error}") from error
    if not parsed.type_url:
        raise WireError("a DeltaDiscoveryRequest without type_url")
    return Request(
        type_url=parsed.type_url,
        nonce=parsed.response_nonce,
        error=parsed.error_detail.message if parsed.HasField("error_detail") else None,
        subscribe=tuple(parsed.resource_names_subscribe),
        unsubscribe=tuple(parsed.resource_names_unsubscribe),
        held=dict(parsed.initial_resource_versions),
        node=parsed.node.id,
    )


def delta_response(
    type_url: str, nonce: str, resources: Iterable[tuple[str, Versioned]], removed: Iterable[str]
) -> bytes:
    """A serialised DeltaDiscoveryResponse."""
    parts: list[bytes] = []
    for name, resource in resources:
        parts += _resource(type_url, name, resource)
    parts += (_field(4, type_url.encode()), _field(5, nonce.encode()))
    parts += (_field(6, name.encode()) for name in removed)
    return b"".join(parts)


def _resource(type_url: str, name: str, resource: Versioned) -> tuple[bytes, ...]:
    body = resource.body
    if type_url == SECRET:
        # Envoy insists that a secret's own name (field 1) is the one it asked for. One certificate serves many
        # names, and of a field that comes twice the last one counts.
        body += _field(1, name.encode())
    any_head = _field(1, type_url.encode()) + _head(2, len(body))
    head = _field(1, resource.version.encode()) + _head(2, len(any_head) + len(body)) + any_head
    tail = _field(3, name.encode())
    return _head(2, len(head) + len(body) + len(tail)), head, body, tail


def _field(number: int, data: bytes) -> bytes:
    return _head(number, len(data)) + data


def _head(number: int, length: int) -> bytes:
    """The tag of a length-delimited field and its length."""
    return varint(number << 3 | 2) + varint(length)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first (protobuf's encoding of numbers)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
