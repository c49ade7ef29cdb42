"""core/v1: what Hearthgate reads of the built-in kinds. Fields that it does not read pass unseen."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.meta import Condition, Lenient, Resource


class Base64Secret(SecretBytes):
    """A value of `Secret.data`: arrives in base64."""

    __slots__ = ()

    @classmethod
    def decode(cls, text: str) -> "Base64Secret":
        """Line breaks count for nothing, as in Go: a block of YAML ends with one."""
        try:
            return cls(base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("not base64 (stringData takes plain text)") from None


class LenientResource(Resource, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Base of the kinds of which Hearthgate reads a part."""


class Namespace(LenientResource, frozen=True, kw_only=True):
    pass


class Secret(LenientResource, frozen=True, kw_only=True):
    type: str = "Opaque"
    data: Mapping[str, Base64Secret] = {}
    string_data: Mapping[str, SecretBytes] = {}
    immutable: bool = False

    def value(self, key: str) -> SecretBytes | None:
        """The bytes under `key`; `stringData` wins over `data`, as the API server would fold it."""
        return self.string_data.get(key) or self.data.get(key)

    def keys(self) -> tuple[str, ...]:
        return tuple(sorted({*self.data, *self.string_data}))


class ConfigMap(LenientResource, frozen=True, kw_only=True):
    data: Mapping[str, str] = {}
    binary_data: Mapping[str, Base64Secret] = {}


class ServicePort(Lenient, frozen=True, kw_only=True):
    name: str = ""
    protocol: str = "TCP"
    port: int
    target_port: int | str = 0
    node_port: int = 0
    app_protocol: str | None = None


class ServiceSpec(Lenient, frozen=True, kw_only=True):
    type: str = "ClusterIP"
    selector: Mapping[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    external_name: str = ""
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    load_balancer_class: str | None = None
    load_balancer_source_ranges: tuple[str, ...] = ()
    session_affinity: str = ""
    health_check_node_port: int = 0
    external_traffic_policy: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")


class LoadBalancerPoint(Lenient, frozen=True, kw_only=True):
    """An address or a host name that leads to the Service."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Lenient, frozen=True, kw_only=True):
    ingress: tuple[LoadBalancerPoint, ...] = ()


class ServiceStatus(Lenient, frozen=True, kw_only=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(LenientResource, frozen=True, kw_only=True):
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus | None = None

    def port(self, wanted: int | str) -> ServicePort | None:
        """The port with this number or name. A digit string counts as a number."""
        if isinstance(wanted, str) and wanted.isdigit():
            wanted = int(wanted)
        if isinstance(wanted, int):
            return next((port for port in self.spec.ports if port.port == wanted), None)
        return next((port for port in self.spec.ports if port.name == wanted), None)


class EndpointAddress(Lenient, frozen=True, kw_only=True):
    ip: str
    hostname: str = ""
    node_name: str = ""


class EndpointPort(Lenient, frozen=True, kw_only=True):
    name: str = ""
    port: int
    protocol: str = "TCP"


class EndpointSubset(Lenient, frozen=True, kw_only=True):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(LenientResource, frozen=True, kw_only=True):
    subsets: tuple[EndpointSubset, ...] = ()


class NodeAddress(Lenient, frozen=True, kw_only=True):
    type: str
    address: str


class NodeStatus(Lenient, frozen=True, kw_only=True):
    addresses: tuple[NodeAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Node(LenientResource, frozen=True, kw_only=True):
    status: NodeStatus | None = None


class PodIP(Lenient, frozen=True, kw_only=True):
    ip: str = ""


class PodStatus(Lenient, frozen=True, kw_only=True):
    """pod_ips: of both families; the first one is pod_ip."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] = msgspec.field(default=(), name="podIPs")


class ContainerPort(Lenient, frozen=True, kw_only=True):
    name: str = ""
    container_port: int = 0
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class Container(Lenient, frozen=True, kw_only=True):
    name: str = ""
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Lenient, frozen=True, kw_only=True):
    node_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()


class Pod(LenientResource, frozen=True, kw_only=True):
    spec: PodSpec = PodSpec()
    status: PodStatus | None = None


class InvolvedObject(Lenient, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class EventSeries(Lenient, frozen=True, kw_only=True):
    """How often the same was said again, and when last."""

    count: int = 0
    last_observed_time: str | None = None


class Event(LenientResource, frozen=True, kw_only=True):
    involved_object: InvolvedObject = InvolvedObject()
    reason: str = ""
    message: str = ""
    type: str = "Normal"
    count: int = 1
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    source: Mapping[str, Any] = {}
    series: EventSeries | None = None
    action: str = ""
    related: InvolvedObject | None = None
    reporting_component: str = ""
    reporting_instance: str = ""


class NamedSecret(Lenient, frozen=True, kw_only=True):
    name: str = ""


class ServiceAccount(LenientResource, frozen=True, kw_only=True):
    """secrets: which may be mounted; imagePullSecrets: for pulling images of pods that use the account."""

    secrets: tuple[NamedSecret, ...] = ()
    image_pull_secrets: tuple[NamedSecret, ...] = ()
    automount_service_account_token: bool | None = None
