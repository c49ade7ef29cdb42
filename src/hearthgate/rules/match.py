"""Whether a request matches an expression: the meaning of every matcher, word for word.

It is the yardstick for the translation into the proxy's routes, and what `explain` answers with.
"""

import functools
import ipaddress
from typing import NamedTuple

from hearthgate.model.hostnames import canonical_host, host_matches
from hearthgate.rules.arguments import client_network
from hearthgate.rules.paths import origin_form, query_values, routing_path
from hearthgate.rules.regex import found
from hearthgate.rules.syntax import And, Condition, Expression, Matcher, Not, Or


class Request(NamedTuple):
    """A request as it came in.

    authority: Host header or `:authority`, with port if it had one.
    target: path with query, escaped as on the wire; an absolute form is accepted.
    headers: names in any case; a repeated header occurs repeatedly.
    client_ip: the peer of the connection, never a forwarded address.
    """

    method: str = "GET"
    authority: str = ""
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    client_ip: str = ""


def matches(expression: Expression, request: Request) -> bool:
    """Whether `request` matches, as upstream decides it after its normalisation of host, path and query."""
    return _Subject(request).fulfils(expression)


def host_holds(matcher: Matcher, value: str, host: str) -> bool:
    """Whether the canonical `host` fulfils a `Host` or `HostRegexp`."""
    if matcher is Matcher.HOST_REGEXP:
        return found(value, host)
    return value == "*" or (bool(host) and host_matches(value, host))


def path_holds(matcher: Matcher, value: str, path: str) -> bool:
    """Whether the routing `path` fulfils a `Path`, `PathPrefix` or `PathRegexp`."""
    match matcher:
        case Matcher.PATH:
            return path == value
        case Matcher.PATH_PREFIX:
            return path.startswith(value)
        case _:
            return found(value, path)


class _Subject:
    """A request with what matchers look at, computed when first needed."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def fulfils(self, expression: Expression) -> bool:
        match expression:
            case Condition(_, _, negated):
                return self._holds(expression) is not negated
            case Not(operand):
                return not self.fulfils(operand)
            case And(operands):
                return all(self.fulfils(operand) for operand in operands)
            case Or(operands):
                return any(self.fulfils(operand) for operand in operands)

    @functools.cached_property
    def _host(self) -> str:
        target = self._request.target
        _, mark, rest = target.removesuffix(origin_form(target)).partition("://")
        return canonical_host(rest if mark and rest else self._request.authority)

    @functools.cached_property
    def _path(self) -> str:
        return routing_path(self._request.target)

    @functools.cached_property
    def _query(self) -> tuple[tuple[str, str], ...]:
        return query_values(self._request.target)

    def _holds(self, condition: Condition) -> bool:
        value = condition.arguments[-1]
        match condition.matcher:
            case Matcher.HOST | Matcher.HOST_REGEXP:
                return host_holds(condition.matcher, value, self._host)
            case Matcher.PATH | Matcher.PATH_PREFIX | Matcher.PATH_REGEXP:
                return path_holds(condition.matcher, value, self._path)
            case Matcher.METHOD:
                return self._request.method == value.upper()
            case Matcher.CLIENT_IP:
                return self._comes_from(value)
            case Matcher.HEADER:
                return value in self._header(condition.arguments[0])
            case Matcher.HEADER_REGEXP:
                return any(found(value, each) for each in self._header(condition.arguments[0]))
            case Matcher.QUERY | Matcher.QUERY_REGEXP:
                return self._asks(condition)
            case Matcher.ALPN | Matcher.HOST_SNI | Matcher.HOST_SNI_REGEXP:
                raise ValueError(f"{condition.matcher} is no matcher of requests")

    def _header(self, name: str) -> list[str]:
        """Host is no header here: upstream moves it out of the headers before rules are asked."""
        wanted = name.lower()
        return [value for key, value in self._request.headers if key.lower() == wanted != "host"]

    def _asks(self, condition: Condition) -> bool:
        key, *rest = condition.arguments
        values = [value for name, value in self._query if name == key]
        if rest and condition.matcher is Matcher.QUERY_REGEXP:
            return any(found(rest[0], value) for value in values)
        return (rest[0] if rest else "") in values

    def _comes_from(self, value: str) -> bool:
        return comes_from(value, self._request.client_ip)


def comes_from(value: str, client_ip: str) -> bool:
    """Whether the address of a peer fulfils a `ClientIP`. A peer that has none fulfils no one."""
    network = client_network(value)
    try:
        address = ipaddress.ip_address(client_ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return network is not None and address in network
