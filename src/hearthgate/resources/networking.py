"""networking.k8s.io/v1: Ingress, IngressClass and NetworkPolicy."""

from typing import Literal

import msgspec

from hearthgate.resources.core import LenientResource
from hearthgate.resources.meta import Lenient
from hearthgate.resources.scalars import PortNumber, Selector

DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


class IngressClassSpec(Lenient, frozen=True, kw_only=True):
    controller: str = ""


class IngressClass(LenientResource, frozen=True, kw_only=True):
    spec: IngressClassSpec = IngressClassSpec()

    @property
    def is_default(self) -> bool:
        return self.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION) == "true"


class BackendPort(Lenient, frozen=True, kw_only=True):
    """A name or a number, not both."""

    name: str = ""
    number: int = 0


class BackendService(Lenient, frozen=True, kw_only=True):
    name: str
    port: BackendPort = BackendPort()


class LocalReference(Lenient, frozen=True, kw_only=True):
    """Any object of the same namespace."""

    api_group: str | None = None
    kind: str
    name: str


class IngressBackend(Lenient, frozen=True, kw_only=True):
    """Exactly one of the two."""

    service: BackendService | None = None
    resource: LocalReference | None = None


class IngressPath(Lenient, frozen=True, kw_only=True):
    """path: empty means everything. ImplementationSpecific: as the class of the Ingress wants it."""

    path: str = ""
    path_type: Literal["Exact", "Prefix", "ImplementationSpecific"]
    backend: IngressBackend


class HTTPRule(Lenient, frozen=True, kw_only=True):
    paths: tuple[IngressPath, ...]


class IngressRule(Lenient, frozen=True, kw_only=True):
    """host: empty for every host; `*.` at its start stands for one label. Without http: the default backend."""

    host: str = ""
    http: HTTPRule | None = None


class IngressTLS(Lenient, frozen=True, kw_only=True):
    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Lenient, frozen=True, kw_only=True):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class PortStatus(Lenient, frozen=True, kw_only=True):
    port: int
    protocol: str = "TCP"
    error: str | None = None


class IngressPoint(Lenient, frozen=True, kw_only=True):
    """Where the Ingress is reached: an address or a hostname."""

    ip: str = ""
    hostname: str = ""
    ports: tuple[PortStatus, ...] = ()


class IngressLoadBalancer(Lenient, frozen=True, kw_only=True):
    ingress: tuple[IngressPoint, ...] = ()


class IngressStatus(Lenient, frozen=True, kw_only=True):
    load_balancer: IngressLoadBalancer = IngressLoadBalancer()


class Ingress(LenientResource, frozen=True, kw_only=True):
    spec: IngressSpec = IngressSpec()
    status: IngressStatus | None = None


class PolicyPort(Lenient, frozen=True, kw_only=True):
    """port: a number, or a name that the pod of the destination gives; None for all of the protocol. endPort:
    the last of a range that a numeric port begins."""

    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    port: int | str | None = None
    end_port: PortNumber | None = None


class IPBlock(Lenient, frozen=True, kw_only=True):
    """Addresses of `cidr` that are in none of `except`."""

    cidr: str
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")


class PolicyPeer(Lenient, frozen=True, kw_only=True):
    """An address block, or pods: those that both selectors select, in the policy's own namespace when there is
    no namespace selector."""

    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: IPBlock | None = None


class IngressPolicyRule(Lenient, frozen=True, kw_only=True):
    """Any of the peers to any of the ports; an empty list is no restriction."""

    from_: tuple[PolicyPeer, ...] = msgspec.field(default=(), name="from")
    ports: tuple[PolicyPort, ...] = ()


class EgressPolicyRule(Lenient, frozen=True, kw_only=True):
    """Any of the peers at any of the ports; an empty list is no restriction."""

    to: tuple[PolicyPeer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicySpec(Lenient, frozen=True, kw_only=True):
    """policyTypes empty: Ingress, and Egress too when there are egress rules."""

    pod_selector: Selector = Selector()
    policy_types: tuple[Literal["Ingress", "Egress"], ...] = ()
    ingress: tuple[IngressPolicyRule, ...] = ()
    egress: tuple[EgressPolicyRule, ...] = ()


class NetworkPolicy(LenientResource, frozen=True, kw_only=True):
    spec: NetworkPolicySpec = NetworkPolicySpec()
