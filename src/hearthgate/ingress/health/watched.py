"""Which servers are asked, and what their answers make of the endpoints. Pure.

The proxy could ask by itself, but it follows no redirections, keeps a new server out until it has answered, and
asks once for each cluster that a server stands in; and nobody would learn why a server is down.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from hearthgate.ingress.routing.model import (
    Endpoint,
    Endpoints,
    EndpointsKey,
    EndpointState,
    LoadBalancer,
    Router,
    balancers,
)
from hearthgate.model.problems import Problem, Reason, Severity

Place = tuple[str, int]
"""Address and port of a server."""
Failures = Mapping[tuple[EndpointsKey, Place], str]
"""Why servers are down, by check; those that are missing are up."""


class Watched(NamedTuple):
    """A load balancer whose servers are asked, and the routers that send requests there."""

    balancer: LoadBalancer
    routers: tuple[Router, ...]


def watched(routers: Iterable[Router]) -> dict[EndpointsKey, Watched]:
    """Every load balancer with a check, by the key that its endpoints have."""
    found: dict[EndpointsKey, Watched] = {}
    for router in routers:
        for balancer in _checked(router):
            key = balancer.endpoints
            assert key is not None  # noqa: S101 - a check gives it one
            known = found.get(key)
            users = (*known.routers, router) if known is not None else (router,)
            found[key] = Watched(balancer, tuple(dict.fromkeys(users)))
    return found


def _checked(router: Router) -> Iterator[LoadBalancer]:
    service = router.service
    if not router.middlewares and (service is None or (isinstance(service, LoadBalancer) and not service.check)):
        return  # nearly all
    asked = (service for middleware in router.every_middleware for service in middleware.services())
    for each in (service, *asked):
        yield from (balancer for balancer in balancers(each) if balancer.check is not None)


def servers(key: EndpointsKey, balancer: LoadBalancer, endpoints: Endpoints) -> tuple[Endpoint, ...]:
    """The servers of a load balancer."""
    if balancer.external is not None:
        return (balancer.external,)
    return balancer.addresses or endpoints.get(key.unchecked, ())


def with_health(endpoints: Endpoints, watching: Mapping[EndpointsKey, Watched], failures: Failures) -> Endpoints:
    """The endpoints, with those of each check beside. Without checks they are the same object."""
    if not watching:
        return endpoints
    checked = {
        key: tuple(
            _judged(key, server, one.balancer, failures) for server in servers(key, one.balancer, endpoints)
        )
        for key, one in watching.items()
    }
    return MappingProxyType({**endpoints, **checked})


def _judged(key: EndpointsKey, server: Endpoint, balancer: LoadBalancer, failures: Failures) -> Endpoint:
    return server._replace(state=EndpointState.DOWN) if (key, server.place) in failures else server


def url(balancer: LoadBalancer, server: Endpoint) -> str:
    """As upstream writes it."""
    host = f"[{server.address}]" if ":" in server.address else server.address
    return f"{balancer.scheme}://{host}:{server.port}"


def health_problems(
    endpoints: Endpoints, watching: Mapping[EndpointsKey, Watched], failures: Failures
) -> tuple[Problem, ...]:
    """One for each router and server that is down."""
    found: set[Problem] = set()
    for key, one in watching.items():
        every = servers(key, one.balancer, endpoints)
        for server in every:
            failure = failures.get((key, server.place))
            if failure is None:
                continue
            left = sum((key, other.place) not in failures for other in every)
            rest = f"{left} of {len(every)} servers are left" if left else "no server is left: it answers 503"
            message = (
                f"{url(one.balancer, server)} of {one.balancer.name} fails its health check: {failure} ({rest})"
            )
            found.update(
                Problem(
                    ref=router.ref,
                    field=router.place("services"),
                    reason=Reason.SERVER_DOWN,
                    message=message,
                    severity=Severity.WARNING,
                )
                for router in one.routers
            )
    return tuple(sorted(found))
