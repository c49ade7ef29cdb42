"""discovery.k8s.io/v1: EndpointSlice."""

from hearthgate.resources.core import LenientResource
from hearthgate.resources.meta import Lenient

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"


class EndpointConditions(Lenient, frozen=True, kw_only=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Lenient, frozen=True, kw_only=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None


class SlicePort(Lenient, frozen=True, kw_only=True):
    name: str | None = ""
    port: int | None = None
    protocol: str | None = "TCP"
    app_protocol: str | None = None


class EndpointSlice(LenientResource, frozen=True, kw_only=True):
    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] | None = ()
    ports: tuple[SlicePort, ...] | None = ()

    @property
    def service_key(self) -> tuple[str, str]:
        """(namespace, name) of the Service that the slice belongs to; an empty name when it says none."""
        return (self.metadata.namespace, self.metadata.labels.get(SERVICE_NAME_LABEL, ""))
