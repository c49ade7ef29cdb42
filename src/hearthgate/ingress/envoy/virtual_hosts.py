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
from hearthgate.ingress.envoy.match import domain_names
from hearthgate.ingress.envoy.messages import extension, field, header, make, wrapped
from hearthgate.ingress.envoy.routes import CompiledRouter

_VIRTUAL_HOSTS: Final = 2  # of RouteConfiguration
_NAME, _DOMAINS = 1, 2  # of VirtualHost
_RETRIES: Final = 2
_RETRY_BUFFER: Final = 64 * 1024
"""Bytes of a request's body kept to send it again. What is longer is not tried twice."""
_ALT_SVC_SECONDS: Final = 2_592_000
_OTHER_HOST: Final = "envoy.retry_host_predicates.previous_hosts"
_EXTENSIONS: Final = "envoy.extensions.retry.host.previous_hosts.v3."


class Table(NamedTuple):
    """Which virtual hosts a RouteConfiguration has.

    domains: hosts, `*.` wildcards and `*`, sorted. misdirected: domains that answer 421.
    alt_svc: port where HTTP/3 is offered; 0 = not at all.
    """

    name: str
    domains: tuple[str, ...]
    misdirected: tuple[str, ...] = ()
    alt_svc: int = 0


def virtual_host(domain: str, routers: Iterable[CompiledRouter]) -> bytes:
    """The virtual host of a domain, as `virtual_hosts` of a RouteConfiguration. `routers`: by precedence."""
    names = b"".join(field(_DOMAINS, name.encode()) for name in domain_names(domain))
    routes = b"".join([router.routes(domain) for router in routers])
    # Without routes it is needed all the same: its requests must not fall to the virtual host of a wildcard.
    return field(_VIRTUAL_HOSTS, field(_NAME, domain.encode()), names, routes, _retries())


def route_configuration(table: Table, virtual_hosts: Iterable[bytes]) -> bytes:
    """The RouteConfiguration around virtual hosts that are serialised already."""
    own = make(
        "envoy.config.route.v3.RouteConfiguration",
        name=table.name,
        ignore_port_in_host_matching=True,
        most_specific_header_mutations_wins=True,
        request_headers_to_add=outgoing(),
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
def _retries() -> bytes:
    """A VirtualHost's fields that have requests sent again that no backend can have begun to work on."""
    policy = {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": wrapped(_RETRIES),
        "retry_host_predicate": [extension(_OTHER_HOST, f"{_EXTENSIONS}PreviousHostsPredicate")],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": {"nanos": 1_000_000}, "max_interval": {"nanos": 10_000_000}},
    }
    host = make(
        "envoy.config.route.v3.VirtualHost",
        retry_policy=policy,
        request_body_buffer_limit={"value": _RETRY_BUFFER},
    )
    return bytes(host.SerializeToString(deterministic=True))
