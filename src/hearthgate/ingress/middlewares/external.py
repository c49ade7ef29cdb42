"""Hosts that DNS knows, and Middlewares that are built without the objects around them."""

from typing import TYPE_CHECKING

from hearthgate.ingress.routing.model import Endpoint, LoadBalancer, Service, Transport
from hearthgate.model.problems import Problem
from hearthgate.resources.traefik.service import ServiceRef

if TYPE_CHECKING:
    from hearthgate.ingress.middlewares.links import Links


class NoLinks:
    """No service exists, and every host is external."""

    def service(self, reference: ServiceRef, field: str) -> tuple[Service | None, tuple[Problem, ...]]:
        return None, ()

    def host(
        self, name: str, port: int, scheme: str, transport: Transport, field: str
    ) -> tuple[LoadBalancer | None, tuple[Problem, ...]]:
        return external_host(name, port, scheme, transport), ()


NO_LINKS: "Links" = NoLinks()


def external_host(name: str, port: int, scheme: str, transport: Transport) -> LoadBalancer:
    return LoadBalancer(name=f"{name}:{port}", external=Endpoint(name, port), scheme=scheme, transport=transport)
