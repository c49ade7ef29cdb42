"""ipAllowList with an ipStrategy: which address of X-Forwarded-For counts, and whether it may pass. Pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from hearthgate.ingress.middlewares.access import IPAllowList

Network = IPv4Network | IPv6Network


class AddressTable(NamedTuple):
    """An allow list, ready to be asked. `depth` 0: the rightmost address that is in none of `excluded`."""

    allowed: tuple[Network, ...]
    status: int
    depth: int
    excluded: tuple[Network, ...]
    ipv6_subnet: int


def address_table(middleware: IPAllowList) -> AddressTable:
    strategy = middleware.strategy
    assert strategy is not None  # noqa: S101 - lists without one are the proxy's
    return AddressTable(
        allowed=tuple(map(ip_network, middleware.ranges)),
        status=middleware.status,
        depth=strategy.depth,
        excluded=tuple(map(ip_network, strategy.excluded)),
        ipv6_subnet=strategy.ipv6_subnet,
    )


def is_allowed(table: AddressTable, forwarded_for: str) -> bool:
    """Whether the request may pass. `forwarded_for`: all of X-Forwarded-For, without the peer."""
    address = parse_address(chosen_hop(table.depth, table.excluded, forwarded_for.split(",")))
    if address is None:
        return False
    if isinstance(address, IPv6Address) and table.ipv6_subnet < 128:
        address = ip_network((address, table.ipv6_subnet), strict=False).network_address
    return _within(address, table.allowed)


def chosen_hop(depth: int, excluded: tuple[Network, ...], hops: list[str]) -> str:
    """The text that counts: the `depth`-th from the right, or with depth 0 the rightmost that is in none of
    `excluded`; empty when there is none."""
    if depth:
        return hops[-depth] if len(hops) >= depth else ""
    for hop in reversed(hops):
        if hop.strip():
            address = parse_address(hop)
            if address is None or not _within(address, excluded):
                return hop
    return ""


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `text`, which may carry a port, brackets and a zone."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _within(address: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
