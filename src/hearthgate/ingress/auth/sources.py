"""Who asks, as a text to count under. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from hearthgate.ingress.auth.addresses import Network, chosen_hop, parse_address
from hearthgate.ingress.middlewares.counting import SOURCE_HEADER
from hearthgate.ingress.middlewares.sources import Source, SourceKind

MAX_LENGTH = 256
"""Of a text to count under; longer ones are cut."""


def source_of(source: Source, headers: Mapping[str, str]) -> str:
    """The source of a request. Requests of which nothing can be told share the empty text, as upstream."""
    if source.kind is SourceKind.FORWARDED:
        hops = headers.get("x-forwarded-for", "").split(",")
        return _subnet(chosen_hop(source.depth, _networks(source.excluded), hops), source.ipv6_subnet)
    said = headers.get(SOURCE_HEADER, "")
    if source.kind is SourceKind.PEER:
        return _subnet(said, source.ipv6_subnet)
    if source.kind is SourceKind.HOST:
        return _without_port(said.lower())[:MAX_LENGTH]
    return said[:MAX_LENGTH]


def _subnet(text: str, bits: int) -> str:
    address = parse_address(text)
    if address is None:
        return text.strip()[:MAX_LENGTH]
    if isinstance(address, IPv6Address) and bits < 128:
        return str(ip_network((address, bits), strict=False).network_address)
    return str(address)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


@lru_cache(maxsize=256)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))
