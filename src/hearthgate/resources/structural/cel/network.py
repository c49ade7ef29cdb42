"""Addresses, networks and URLs: the extensions of Kubernetes (`ip`, `cidr`, `url`)."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from hearthgate.resources.structural.cel.values import CelError, no_such_overload

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface
ADDRESS_TYPES: Final = (ipaddress.IPv4Address, ipaddress.IPv6Address)
NETWORK_TYPES: Final = (ipaddress.IPv4Interface, ipaddress.IPv6Interface)

_PREFIX: Final = re.compile(r"[0-9a-fA-F:.]+/\d{1,3}", re.ASCII)


class Url(NamedTuple):
    parts: SplitResult


def ip(value: Any) -> Address:
    if type(value) in ADDRESS_TYPES:
        found: Address = value
        return found
    if type(value) is not str:
        raise no_such_overload()
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise CelError("IP Address parse error during conversion from string") from None
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise CelError("IPv4-mapped IPv6 address and zone value are not allowed")
    return address


def cidr(value: Any) -> Network:
    """Keeps the bits of the host, as upstream does."""
    if type(value) in NETWORK_TYPES:
        found: Network = value
        return found
    if type(value) is not str:
        raise no_such_overload()
    try:
        if not _PREFIX.fullmatch(value):
            raise ValueError(value)
        network = ipaddress.ip_interface(value)
    except ValueError:
        raise CelError("network address parse error during conversion from string") from None
    if isinstance(network, ipaddress.IPv6Interface) and network.ip.ipv4_mapped:
        raise CelError("IPv4-mapped IPv6 address is not allowed")
    return network


def url(value: Any) -> Url:
    if type(value) is Url:
        return value
    if type(value) is not str:
        raise no_such_overload()
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises for what is no number
    except ValueError:
        raise CelError("URL parse error during conversion from string") from None
    if any(char <= " " or char == "\x7f" for char in value) or not (parts.scheme or value.startswith("/")):
        raise CelError("URL parse error during conversion from string")
    return Url(parts)


def holds(convert: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """Whether a string can be converted: `isIP`, `isCIDR`, `isURL`."""

    def check(value: Any) -> bool:
        if type(value) is not str:
            raise no_such_overload()
        try:
            convert(value)
        except CelError:
            return False
        return True

    return check


def _contains_address(network: Network, address: Any) -> bool:
    found = ip(address)
    return found.version == network.version and found in network.network


def _contains_network(network: Network, other: Any) -> bool:
    found = cidr(other)
    if found.version != network.version:
        return False
    return found.network.prefixlen >= network.network.prefixlen and found.network[0] in network.network


def _host(value: Url) -> str:
    """With the port, as in the text."""
    return value.parts.netloc.rpartition("@")[2]


def _host_name(value: Url) -> str:
    host = _host(value)
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


ADDRESS_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "family": lambda address: address.version,
        "isUnspecified": lambda address: address.is_unspecified,
        "isLoopback": lambda address: address.is_loopback,
        "isLinkLocalMulticast": lambda address: (
            address in ipaddress.ip_network("224.0.0.0/24" if address.version == 4 else "ff02::/16")
        ),
        "isLinkLocalUnicast": lambda address: address.is_link_local,
        "isGlobalUnicast": lambda address: (
            not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local)
            and str(address) != "255.255.255.255"
        ),
    }
)
NETWORK_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "containsIP": _contains_address,
        "containsCIDR": _contains_network,
        "ip": lambda network: network.ip,
        "masked": lambda network: ipaddress.ip_interface(str(network.network)),
        "prefixLength": lambda network: network.network.prefixlen,
    }
)
URL_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "getScheme": lambda value: value.parts.scheme,
        "getHost": _host,
        "getHostname": _host_name,
        "getPort": lambda value: str(value.parts.port) if value.parts.port is not None else "",
        "getEscapedPath": lambda value: quote(value.parts.path, safe="/%:@!$&'()*+,;=~"),
        "getQuery": lambda value: parse_qs(value.parts.query, keep_blank_values=True, max_num_fields=10_000),
    }
)
NETWORK_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "ip": ip,
        "isIP": holds(ip),
        "ip.isCanonical": lambda value: str(ip(value)) == value,
        "cidr": cidr,
        "isCIDR": holds(cidr),
        "url": url,
        "isURL": holds(url),
    }
)
