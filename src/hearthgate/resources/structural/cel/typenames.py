"""The types that expressions can name and that `type(x)` gives."""

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType, NoneType
from typing import Any, Final

from hearthgate.resources.structural.cel.values import Optional, Type, Uint, no_such_overload

_OF: Final[Mapping[type, Type]] = MappingProxyType(
    {
        bool: Type("bool"),
        int: Type("int"),
        Uint: Type("uint"),
        float: Type("double"),
        str: Type("string"),
        bytes: Type("bytes"),
        list: Type("list"),
        dict: Type("map"),
        NoneType: Type("null_type"),
        Type: Type("type"),
        datetime: Type("google.protobuf.Timestamp"),
        timedelta: Type("google.protobuf.Duration"),
        Optional: Type("optional_type"),
    }
)
_ADDRESS: Final = Type("net.IP")
_NETWORK: Final = Type("net.CIDR")

TYPES: Final[Mapping[str, Type]] = MappingProxyType({found.name: found for found in _OF.values()})


def type_of(value: Any) -> Type:
    if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
        return _NETWORK
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return _ADDRESS
    found = _OF.get(type(value))
    if found is None:
        raise no_such_overload()
    return found
