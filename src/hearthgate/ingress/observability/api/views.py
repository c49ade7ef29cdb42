"""Routers, services and middlewares as upstream's API shows them, with our Problems for errors. Pure.

What a broken object would have been is shown too, as `disabled`, so that whoever looks for it finds out why.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from hearthgate.ingress.observability.api.given import given
from hearthgate.ingress.observability.api.masked import masked
from hearthgate.ingress.observability.exposition import server_url, servers_of
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import (
    Endpoints,
    EndpointState,
    FailoverService,
    LoadBalancer,
    MirroredService,
    Router,
    Service,
    StreamBalancer,
    StreamMember,
    TCPRouter,
    UDPRouter,
    WeightedService,
    parts,
)
from hearthgate.ingress.routing.names import object_name, router_name
from hearthgate.model.problems import Problem, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.traefik import IngressRoute, Middleware, MiddlewareTCP

Items = Sequence[dict[str, Any]]
ENABLED, WARNING, DISABLED = "enabled", "warning", "disabled"


class Views(NamedTuple):
    """Everything that there is to show, each list by name."""

    routers: Items
    services: Items
    middlewares: Items
    tcp_routers: Items
    tcp_services: Items
    tcp_middlewares: Items
    udp_routers: Items
    udp_services: Items


@lru_cache(maxsize=1)
def views(facts: "_Same") -> Views:
    """All lists; made once for each outcome."""
    told = _Told(facts.facts.problems)
    model, endpoints = facts.facts.model, facts.facts.endpoints
    routers = [*_http_routers(model.routers, told), *_disabled(facts.facts, told)]
    return Views(
        _by_name(routers),
        _by_name(_services(model.routers, endpoints)),
        _by_name(_middlewares(facts.facts, told, Middleware, routers)),
        _by_name(_stream_routers(model.tcp_routers, told)),
        _by_name(_stream_services(model.tcp_routers, endpoints)),
        _by_name(_middlewares(facts.facts, told, MiddlewareTCP, _stream_routers(model.tcp_routers, told))),
        _by_name(_stream_routers(model.udp_routers, told)),
        _by_name(_stream_services(model.udp_routers, endpoints)),
    )


class _Same:
    """Facts that are compared by identity: comparing them by content would cost more than the views."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.facts is other.facts

    def __hash__(self) -> int:
        return id(self.facts)


def views_of(facts: Facts) -> Views:
    return views(_Same(facts))


class _Told:
    """Problems by their object."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._by_ref: defaultdict[ObjectRef, list[Problem]] = defaultdict(list)
        for problem in problems:
            self._by_ref[problem.ref].append(problem)

    def about(self, ref: ObjectRef, field: str = "") -> list[Problem]:
        """Those of an object, or of this field and of the object as a whole. The settings are no such whole."""
        found = self._by_ref.get(ref, [])
        if ref == SETTINGS_REF:
            return [problem for problem in found if problem.field.startswith(field)]
        return [
            p for p in found if not field or p.field.startswith(field) or not p.field.startswith("spec.routes")
        ]


def _state(problems: Iterable[Problem], *, serves: bool) -> dict[str, Any]:
    texts = [f"{p.field}: {p.message}" if p.field else p.message for p in problems]
    if not serves:
        return {"status": DISABLED, "error": texts}
    return {"status": WARNING, "error": texts} if texts else {"status": ENABLED}


def _provider(name: str) -> str:
    return name.rpartition("@")[2]


def _by_name(items: Iterable[dict[str, Any]]) -> Items:
    return sorted(items, key=lambda item: str(item["name"]))


def _http_routers(routers: Iterable[Router], told: _Told) -> Iterator[dict[str, Any]]:
    by_name: defaultdict[str, list[Router]] = defaultdict(list)
    for router in routers:
        by_name[router.name].append(router)
    for name, same in by_name.items():
        router = same[0]
        entrypoints = sorted({one.entrypoint for one in same})
        item: dict[str, Any] = {
            "entryPoints": entrypoints,
            "service": router.service.name if router.service is not None else "noop@internal",
            "rule": router.rule.text,
            "priority": router.priority,
            "priorityStr": str(router.priority),
            **_state(told.about(router.ref, router.field), serves=True),
            "using": entrypoints,
            "name": name,
            "provider": _provider(name),
        }
        if router.middlewares:
            item["middlewares"] = list(dict.fromkeys(middleware.name for middleware in router.middlewares))
        if any(one.tls for one in same):
            item["tls"] = {"options": next(one.tls_options for one in same if one.tls)}
        yield item


def _disabled(facts: Facts, told: _Told) -> Iterator[dict[str, Any]]:
    """Routes that serve nowhere."""
    if facts.snapshot is None:
        return
    serving = {(router.ref, router.name) for router in facts.model.routers}
    for route in facts.snapshot.all(IngressRoute):
        for index, one in enumerate(route.spec.routes):
            name = router_name(*route.key, one.match)
            problems = told.about(route.ref, f"spec.routes[{index}]")
            if (route.ref, name) in serving or not any(p.severity is Severity.ERROR for p in problems):
                continue
            yield {
                "entryPoints": list(route.spec.entry_points),
                "service": one.services[0].name if one.services else "",
                "rule": one.match,
                "priority": one.priority or len(one.match),
                "priorityStr": str(one.priority or len(one.match)),
                **_state(problems, serves=False),
                "using": [],
                "name": name,
                "provider": _provider(name),
            }


def _services(routers: Iterable[Router], endpoints: Endpoints) -> Iterator[dict[str, Any]]:
    users: defaultdict[str, set[str]] = defaultdict(set)
    known: dict[str, Service] = {}
    for router in routers:
        for service in _all(router.service):
            known.setdefault(service.name, service)
            users[service.name].add(router.name)
    for name, service in known.items():
        common = {"status": ENABLED, "usedBy": sorted(users[name]), "name": name, "provider": _provider(name)}
        yield {**_described(service, endpoints), **common}


def _all(service: Service | None) -> Iterator[Service]:
    if service is not None:
        yield service
        for part in parts(service):
            yield from _all(part)


def _described(service: Service, endpoints: Endpoints) -> dict[str, Any]:
    match service:
        case LoadBalancer(internal=True):
            return {}
        case LoadBalancer():
            return _load_balancer(service, endpoints)
        case WeightedService():
            members = [{"name": member.service.name, "weight": member.weight} for member in service.members]
            return {"weighted": {"services": members}, "type": "weighted"}
        case MirroredService():
            mirrors = [{"name": mirror.service.name, "percent": mirror.percent} for mirror in service.mirrors]
            return {"mirroring": {"service": service.service.name, "mirrors": mirrors}, "type": "mirroring"}
        case FailoverService():
            failover = {"service": service.service.name, "fallback": service.fallback.name}
            return {"failover": failover, "type": "failover"}


def _load_balancer(service: LoadBalancer, endpoints: Endpoints) -> dict[str, Any]:
    servers = {
        server_url(service.scheme, endpoint.address, endpoint.port): endpoint.state
        for endpoint in servers_of(service, endpoints)
    }
    balancer: dict[str, Any] = {
        "servers": [{"url": url} for url in servers],
        "strategy": service.strategy,
        "passHostHeader": service.pass_host_header,
    }
    if service.sticky is not None:
        balancer["sticky"] = {"cookie": {"name": service.sticky.name}}
    status = {url: "DOWN" if state is EndpointState.DOWN else "UP" for url, state in servers.items()}
    return {"loadBalancer": balancer, "serverStatus": status, "type": "loadbalancer"}


def _middlewares(
    facts: Facts, told: _Told, kind: type[Middleware] | type[MiddlewareTCP], routers: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    users: defaultdict[str, list[str]] = defaultdict(list)
    for router in routers:
        for name in router.get("middlewares", ()):
            users[name].append(str(router["name"]))
    objects: Iterable[Middleware | MiddlewareTCP] = facts.snapshot.all(kind) if facts.snapshot is not None else ()
    for one in objects:
        name = object_name(*one.key)
        options = given(one.spec)
        problems = told.about(one.ref)
        broken = any(problem.severity is Severity.ERROR for problem in problems)
        yield {
            **{key: masked(key, value) for key, value in options.items()},
            **_state(problems, serves=not broken),
            "usedBy": sorted(users[name]),
            "name": name,
            "provider": _provider(name),
            "type": next(iter(options), "").lower(),
        }


def _stream_routers(routers: Iterable[TCPRouter] | Iterable[UDPRouter], told: _Told) -> Iterator[dict[str, Any]]:
    by_name: defaultdict[str, list[TCPRouter | UDPRouter]] = defaultdict(list)
    for router in routers:
        by_name[router.name].append(router)
    for name, same in by_name.items():
        first, entrypoints = same[0], sorted({one.entrypoint for one in same})
        item: dict[str, Any] = {
            "entryPoints": entrypoints,
            "service": _stream_service(first.members, name),
            **_state(told.about(first.ref, first.field), serves=True),
            "using": entrypoints,
            "name": name,
            "provider": _provider(name),
        }
        if isinstance(first, TCPRouter):
            item |= {"rule": first.rule.text, "priority": first.priority, "priorityStr": str(first.priority)}
            if first.middlewares:
                item["middlewares"] = [middleware.name for middleware in first.middlewares]
            if first.tls:
                item["tls"] = {"options": first.tls_options, "passthrough": first.passthrough}
        yield item


def _stream_service(members: Sequence[StreamMember], router: str) -> str:
    """One member is the service itself; several are a weighted one that bears the router's name."""
    return members[0].balancer.name if len(members) == 1 else router


def _stream_services(
    routers: Iterable[TCPRouter] | Iterable[UDPRouter], endpoints: Endpoints
) -> Iterator[dict[str, Any]]:
    users: defaultdict[str, set[str]] = defaultdict(set)
    described: dict[str, dict[str, Any]] = {}
    for router in routers:
        name = _stream_service(router.members, router.name)
        users[name].add(router.name)
        for member in router.members:
            users[member.balancer.name].add(router.name)
            described[member.balancer.name] = _stream_balancer(member.balancer, endpoints)
        if len(router.members) > 1:
            members = [{"name": member.balancer.name, "weight": member.weight} for member in router.members]
            described[name] = {"weighted": {"services": members}, "type": "weighted"}
    for name, body in described.items():
        common = {"status": ENABLED, "usedBy": sorted(users[name]), "name": name, "provider": _provider(name)}
        yield {**body, **common}


def _stream_balancer(balancer: StreamBalancer, endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints.get(balancer.endpoints, ()) if balancer.endpoints is not None else balancer.addresses
    servers = [{"address": server_url("", one.address, one.port).removeprefix("://")} for one in known]
    return {"loadBalancer": {"servers": servers}, "type": "loadbalancer"}
