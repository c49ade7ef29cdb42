"""Every host that resources publish: routes by their rules, Services by annotations of external-dns. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.names.guards import keeps_out
from hearthgate.dns.names.hints import PREFIXES, Mistake, hints_of, hosts_said, is_host
from hearthgate.dns.names.model import Address, Hints, Name
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.resources.core import Pod, Service
from hearthgate.resources.gateway import Gateway, GRPCRoute, HTTPRoute, TLSRoute
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress, IngressClass
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.tcp import IngressRouteTCP
from hearthgate.rules.rule import Rule, RuleError, compile_rule
from hearthgate.rules.syntax import Matcher
from hearthgate.rules.tcp import compile_tcp_rule

KINDS: Final[tuple[type[Resource], ...]] = (
    *(IngressRoute, IngressRouteTCP, Middleware, Ingress, IngressClass, Service, Pod),
    *(Gateway, HTTPRoute, GRPCRoute, TLSRoute),
)
"""What names are made from."""
PROXY_LABEL: Final = ("app.kubernetes.io/name", "traefik")
"""On the Pods of the proxy, ours as upstream's."""
_CLASS: Final = "kubernetes.io/ingress.class"
_CONTROLLER: Final = "traefik.io/ingress-controller"
_OWN_CLASS: Final = "traefik"


class Choices(NamedTuple):
    """addresses: of the proxy, when the settings say them. otherwise: when no Service tells them either.
    route_class, ingress_class: as the settings of the proxy have them; empty: whatever has none of another."""

    addresses: tuple[Address, ...] = ()
    otherwise: tuple[Address, ...] = ()
    route_class: str = ""
    ingress_class: str = ""


class Published(NamedTuple):
    """names: sorted; several for one host where several objects publish it."""

    names: tuple[Name, ...] = ()
    problems: tuple[Problem, ...] = ()


def published(snapshot: Snapshot, choices: Choices) -> Published:
    proxy = choices.addresses or proxy_addresses(snapshot) or choices.otherwise
    names: list[Name] = []
    problems: list[Problem] = []
    for resource, hosts, addresses in _sources(snapshot, choices, proxy):
        try:
            hints = hints_of(resource.metadata.annotations)
            said = hosts_said(resource.metadata.annotations)
        except Mistake as mistake:
            problems.append(_problem(resource, mistake))
            continue
        if hints.is_foreign:
            continue
        internal = {host: inside for host, inside in hosts if is_host(host)}
        internal |= {host: False for host in said if host not in internal}
        names += (
            Name(host, resource.ref, addresses, hints, _is_internal(hints, inside))
            for host, inside in internal.items()
        )
    return Published(tuple(sorted(names, key=_order)), tuple(sorted(problems)))


def proxy_addresses(snapshot: Snapshot) -> tuple[Address, ...]:
    """Those of Services of type LoadBalancer that select the proxy."""
    pods = [pod.metadata.labels for pod in snapshot.all(Pod)]
    label, value = PROXY_LABEL
    proxies = [labels for labels in pods if labels.get(label) == value] or [{label: value}]
    found = (
        address
        for service in snapshot.all(Service)
        if service.spec.type == "LoadBalancer" and service.spec.selector.get(label) == value
        if any(service.spec.selector.items() <= labels.items() for labels in proxies)
        for address in _held(service)
    )
    return tuple(sorted(dict.fromkeys(found), key=_number))


Source = tuple[Resource, Iterable[tuple[str, bool]], tuple[Address, ...]]
"""An object, its hosts and whether they are for the inside only, and where it is reached."""


def _sources(snapshot: Snapshot, choices: Choices, proxy: tuple[Address, ...]) -> Iterator[Source]:
    for route in snapshot.all(IngressRoute):
        if _is_ours(route, choices):
            yield route, _of_route(snapshot, route), proxy
    for stream in snapshot.all(IngressRouteTCP):
        if _is_ours(stream, choices):
            rules = (compile_tcp_rule(each.match, each.syntax) for each in stream.spec.routes)
            yield stream, ((host, False) for rule in rules for host in _hosts(rule)), proxy
    for ingress in snapshot.all(Ingress):
        if _is_our_ingress(snapshot, ingress, choices):
            own = _addresses(one.ip for one in ingress.status.load_balancer.ingress) if ingress.status else ()
            yield ingress, ((rule.host.lower(), False) for rule in ingress.spec.rules if rule.host), own or proxy
    routes: tuple[HTTPRoute | GRPCRoute | TLSRoute, ...] = (
        *snapshot.all(HTTPRoute),
        *snapshot.all(GRPCRoute),
        *snapshot.all(TLSRoute),
    )
    for gateway_route in routes:
        yield gateway_route, ((host.lower(), False) for host in gateway_route.spec.hostnames), proxy
    for gateway in snapshot.all(Gateway):
        listed = (one.hostname for one in gateway.spec.listeners if one.hostname)
        yield gateway, ((host.lower(), False) for host in listed), proxy
    for service in snapshot.all(Service):
        if service.spec.type == "LoadBalancer":
            yield service, (), _held(service)


def _of_route(snapshot: Snapshot, route: IngressRoute) -> Iterator[tuple[str, bool]]:
    """A host is for the inside only when each of its rules is."""
    inside: dict[str, bool] = {}
    for each in route.spec.routes:
        is_kept = keeps_out(snapshot, route.metadata.namespace, each.middlewares)
        for host in _hosts(compile_rule(each.match, each.syntax)):
            inside[host] = inside.get(host, True) and is_kept
    yield from inside.items()


def _hosts(rule: Rule | RuleError) -> Iterator[str]:
    """The names that a request of the rule may have; patterns, and what is negated, say none."""
    for conjunct in rule.conjuncts if isinstance(rule, Rule) else ():
        for condition in conjunct:
            if condition.matcher in {Matcher.HOST, Matcher.HOST_SNI} and not condition.negated:
                yield condition.arguments[0].lower().removesuffix(".")


def _is_ours(route: IngressRoute | IngressRouteTCP, choices: Choices) -> bool:
    said = route.spec.ingress_class_name or route.metadata.annotations.get(_CLASS, "")
    return said == choices.route_class if choices.route_class else said in {"", _OWN_CLASS}


def _is_our_ingress(snapshot: Snapshot, ingress: Ingress, choices: Choices) -> bool:
    own = choices.ingress_class or _OWN_CLASS
    name = ingress.spec.ingress_class_name
    if name is not None:
        found = snapshot.get(IngressClass, "", name)
        is_controller = found is not None and found.spec.controller == _CONTROLLER
        return name == own or (is_controller and not choices.ingress_class)
    said = ingress.metadata.annotations.get(_CLASS, "")
    return said == own if said else not choices.ingress_class


def _is_internal(hints: Hints, inside: bool) -> bool:
    return hints.access == "private" if hints.access else inside


def _held(service: Service) -> tuple[Address, ...]:
    points = service.status.load_balancer.ingress if service.status is not None else ()
    return _addresses(one.ip for one in points)


def _addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    found: list[Address] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(text))
        except ValueError:
            continue  # a name
    return tuple(sorted(found, key=_number))


def _problem(resource: Resource, mistake: Mistake) -> Problem:
    key = next(
        (
            f"{prefix}{mistake.key}"
            for prefix in PREFIXES
            if f"{prefix}{mistake.key}" in resource.metadata.annotations
        ),
        mistake.key,
    )
    return Problem(
        ref=resource.ref,
        field=f"metadata.annotations.{key}",
        reason=Reason.INVALID_VALUE,
        message=f"{mistake}: the object publishes no names",
        severity=Severity.WARNING,
    )


def _number(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _order(name: Name) -> tuple[str, str]:
    return name.host, str(name.ref)
