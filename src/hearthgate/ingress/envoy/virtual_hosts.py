"""Routers to RouteConfigurations: one for plain connections of an entrypoint, one for each of its TLS options.

Inside one there is a virtual host for each host that some rule names, holding every route that can match a
request for that host, in the order of precedence. A host belongs to exactly one set of TLS options, so that a
client cannot reach it over a connection that was made under others (RFC 9110 7.4): it gets 421 there.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, NamedTuple

from hearthgate.ingress.envoy.actions import answer
from hearthgate.ingress.envoy.forwarded import NEVER_SENT, outgoing
from hearthgate.ingress.envoy.guards import before
from hearthgate.ingress.envoy.match import domain_names
from hearthgate.ingress.envoy.messages import field, header, make, wrapped
from hearthgate.ingress.envoy.peers import SOCKET
from hearthgate.ingress.envoy.retries import BUFFER
from hearthgate.ingress.envoy.routes import CompiledRouter

_VIRTUAL_HOSTS: Final = 2  # of RouteConfiguration
_NAME, _DOMAINS = 1, 2  # of VirtualHost
_ALT_SVC_SECONDS: Final = 2_592_000


class Table(NamedTuple):
    """Which virtual hosts a RouteConfiguration has.

    domains: hosts, `*.` wildcards and `*`, sorted. misdirected: domains that answer 421.
    alt_svc: port where HTTP/3 is offered; 0 = not at all.
    appended: format string of what X-Forwarded-For is extended by; empty = nothing.
    """

    name: str
    domains: tuple[str, ...]
    misdirected: tuple[str, ...] = ()
    alt_svc: int = 0
    appended: str = SOCKET


def virtual_host(domain: str, routers: Iterable[CompiledRouter]) -> bytes:
    """The virtual host of a domain, as `virtual_hosts` of a RouteConfiguration. `routers`: by precedence."""
    names = b"".join(field(_DOMAINS, name.encode()) for name in domain_names(domain))
    routes = b"".join([before(domain), *[router.routes(domain) for router in routers]])
    # Without routes it is needed all the same: its requests must not fall to the virtual host of a wildcard.
    return field(_VIRTUAL_HOSTS, field(_NAME, domain.encode()), names, routes, _retry_buffer())


def route_configuration(table: Table, virtual_hosts: Iterable[bytes]) -> bytes:
    """The RouteConfiguration around virtual hosts that are serialised already."""
    own = make(
        "envoy.config.route.v3.RouteConfiguration",
        name=table.name,
        ignore_port_in_host_matching=True,
        most_specific_header_mutations_wins=True,
        request_headers_to_add=outgoing(table.appended),
        request_headers_to_remove=NEVER_SENT,
        response_headers_to_add=_alt_svc(table.alt_svc),
        max_direct_response_body_size_bytes=wrapped(1 << 20),
        virtual_hosts=_misdirected(table.misdirected),
    )
    return b"".join((own.SerializeToString(deterministic=True), *virtual_hosts))


def _alt_svc(port: int) -> list[Mapping[str, object]]:
    value = f'h3=":{port}"; ma={_ALT_SVC_SECONDS}'
    return [header("alt-svc", value, "OVERWRITE_IF_EXISTS_OR_ADD")] if port else []


def _misdirected(domains: tuple[str, ...]) -> list[dict[str, object]]:
    if not domains:
        return []
    route = {"match": {"prefix": "/"}, "direct_response": answer(421, "Misdirected Request")}
    names = [name for domain in domains for name in domain_names(domain)]
    return [{"name": "misdirected", "domains": names, "routes": [route]}]


@cache
def _retry_buffer() -> bytes:
    """The VirtualHost's field that bounds what is kept of a request's body."""
    host = make("envoy.config.route.v3.VirtualHost", request_body_buffer_limit={"value": BUFFER})
    return bytes(host.SerializeToString(deterministic=True))
