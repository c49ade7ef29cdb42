"""Which router a connection belongs to that came in plain, by entrypoint. Pure."""

from collections.abc import Mapping
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from hearthgate.ingress.routing.model import RoutingModel, TCPRouter
from hearthgate.rules.tcp import Connection, holds

ENTRYPOINT_TLV: Final = 0xE0
"""Type of the TLV in which the proxy names the entrypoint, one of those for own use (PROXY protocol 2.2)."""
STARTTLS_SOCKET: Final = "starttls.sock"
NOBODY: Final = (str(IPv4Address("240.0.0.0")), str(IPv6Address("100::")))
"""Targets for connections that no router takes."""
_CLASS_E: Final = 0xF0000000
_DISCARD: Final = 0x0100 << 112
"""100::/64 leads nowhere (RFC 6666)."""


class StartTLSTable(NamedTuple):
    """The routers of one entrypoint by precedence."""

    over_tls: tuple[TCPRouter, ...]
    plain: tuple[TCPRouter, ...]

    def choose(self, connection: Connection, *, tls: bool) -> TCPRouter | None:
        routers = self.over_tls if tls else self.plain
        return next((one for one in routers if holds(one.rule.expression, connection)), None)


def starttls_tables(model: RoutingModel) -> Mapping[str, StartTLSTable]:
    """By the name of the entrypoint: those with routers of connections over TLS, and without plain requests, which
    would have to be told apart."""
    requests = {router.entrypoint for router in model.routers if not router.tls}
    names = {one.entrypoint for one in model.tcp_routers if one.tls} - requests
    return {
        name: StartTLSTable(
            tuple(one for one in model.tcp_routers if one.entrypoint == name and one.tls),
            tuple(one for one in model.tcp_routers if one.entrypoint == name and not one.tls),
        )
        for name in sorted(names)
    }


def targets_of(router: TCPRouter) -> tuple[str, str]:
    """The addresses, IPv4 and IPv6, that stand for a router on the way back to the proxy: of ranges that nobody
    has, from the router's names."""
    digest = blake2b(f"{router.ref}\0{router.name}\0{router.tls}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest)
    return str(IPv4Address(_CLASS_E | number & 0x0FFFFFFF or 1)), str(IPv6Address(_DISCARD | number))


def back_socket(entrypoint: str) -> str:
    """Name of the socket at which the proxy takes an entrypoint's connections back. A path has 107 bytes."""
    return f"starttls-{blake2b(entrypoint.encode(), digest_size=5).hexdigest()}.sock"
