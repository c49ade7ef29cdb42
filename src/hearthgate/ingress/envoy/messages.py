"""Small pieces of Envoy's configuration that many messages share, and framing by hand.

Protobuf lets a message be written as the concatenation of its parts: a repeated field grows, a message field
merges, and of a scalar the last one counts. What never changes is serialised once and joined.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from typing import Any, Final

from hearthgate.ingress.envoy.schema import any_of, message
from hearthgate.ingress.xds.wire import varint

ADS: Final[Mapping[str, Any]] = {"ads": {}, "resource_api_version": "V3"}
"""ConfigSource: over the stream that brought the resource which says so."""
CLIENT_IP: Final = "hearthgate.client_ip"
"""Filter state with the address of the peer, for rules and allow lists."""
PEER: Final = "hearthgate.peer"
"""Filter state with the same address as text, for formats: the other one is written with a port."""
PATH_HEADER: Final = "x-hg-path"
"""Request header with the path alone, for rules that look at it twice. Never leaves the proxy."""
OVERWRITE: Final = "OVERWRITE_IF_EXISTS_OR_ADD"
IF_ABSENT: Final = "ADD_IF_ABSENT"
APPEND: Final = "APPEND_IF_EXISTS_OR_ADD"


def make(name: str, /, **fields: Any) -> Any:
    """A message by its full name; nested messages may be given as mappings."""
    return message(name)(**fields)


def extension(name: str, type_name: str, /, **fields: Any) -> dict[str, Any]:
    """The fields of a TypedExtensionConfig, HttpFilter, Filter, ListenerFilter or TransportSocket."""
    return {"name": name, "typed_config": any_of(make(type_name, **fields))}


def wrapped(value: float) -> dict[str, Any]:
    """A BoolValue or UInt32Value: present even when it is 0."""
    return {"value": value}


def duration(seconds: float) -> dict[str, int]:
    whole = int(seconds)
    return {"seconds": whole, "nanos": round((seconds - whole) * 1e9)}


def header(key: str, value: str, action: str) -> dict[str, Any]:
    """A HeaderValueOption. `%` in a literal must be doubled: see `literal`."""
    return {"header": {"key": key, "value": value}, "append_action": action}


def literal(text: str) -> str:
    """`text` as a format string that gives it unchanged."""
    return text.replace("%", "%%")


def cidr(text: str) -> dict[str, Any]:
    """The CidrRange of an address or network. Raises ValueError."""
    network = ip_interface(text).network
    return {"address_prefix": str(network.network_address), "prefix_len": wrapped(network.prefixlen)}


def field(number: int, *parts: bytes) -> bytes:
    """A length-delimited field of a message, its content joined from `parts`."""
    return b"".join((varint(number << 3 | 2), varint(sum(map(len, parts))), *parts))


def repeated(number: int, messages: Sequence[Any]) -> bytes:
    """A repeated message field."""
    return b"".join(field(number, item.SerializeToString(deterministic=True)) for item in messages)
