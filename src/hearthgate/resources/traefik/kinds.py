"""The kinds of traefik.io as the API serves them. Upstream has no columns and no status; Hearthgate has both."""

from collections.abc import Iterator
from typing import Final

from hearthgate.resources import traefik
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource

_ENTRYPOINTS: Final = Column("ENTRYPOINTS", ".spec.entryPoints[*]", priority=1)
_MATCH: Final = Column("MATCH", ".spec.routes[*].match", priority=1)
_READY: Final = Column("READY", '.status.conditions[?(@.type=="Accepted")].status')
_REASON: Final = Column("REASON", '.status.conditions[?(@.type=="Accepted")].reason', priority=1)


def _kind(plural: str, resource: type[Resource], *columns: Column) -> Kind:
    return Kind(
        "traefik.io",
        "v1alpha1",
        resource.__name__,
        plural,
        resource_type=resource,
        categories=("hearthgate",),
        status=True,
        columns=(*columns, _READY, _REASON),
    )


def _kinds() -> Iterator[Kind]:
    yield _kind("ingressroutes", traefik.IngressRoute, _ENTRYPOINTS, _MATCH)
    yield _kind("ingressroutetcps", traefik.IngressRouteTCP, _ENTRYPOINTS, _MATCH)
    yield _kind("ingressrouteudps", traefik.IngressRouteUDP, _ENTRYPOINTS)
    yield _kind("middlewares", traefik.Middleware)
    yield _kind("middlewaretcps", traefik.MiddlewareTCP)
    yield _kind("serverstransports", traefik.ServersTransport)
    yield _kind("serverstransporttcps", traefik.ServersTransportTCP)
    yield _kind("tlsoptions", traefik.TLSOption)
    yield _kind("tlsstores", traefik.TLSStore)
    yield _kind("traefikservices", traefik.TraefikService)


KINDS: Final = tuple(_kinds())
