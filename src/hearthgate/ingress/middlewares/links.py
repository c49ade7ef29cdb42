"""What a Middleware may speak to beside the backend: services by reference, and hosts of URLs."""

from typing import TYPE_CHECKING, Protocol

from hearthgate.model.problems import Problem
from hearthgate.resources.traefik.service import ServiceRef

if TYPE_CHECKING:  # the model is made of middlewares
    from hearthgate.ingress.routing.model import LoadBalancer, Service, Transport


class Links(Protocol):
    """Finds services for one Middleware. Problems name a field of it."""

    def service(self, reference: ServiceRef, field: str) -> "tuple[Service | None, tuple[Problem, ...]]":
        """The service behind a reference that stands in `field`; None when it cannot be used."""

    def host(
        self, name: str, port: int, scheme: str, transport: "Transport", field: str
    ) -> "tuple[LoadBalancer | None, tuple[Problem, ...]]":
        """What answers at the host of a URL in `field`: the endpoints of a Service for its name in the cluster,
        for any other host what DNS says; None when the Service has no such port."""
