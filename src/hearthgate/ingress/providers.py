"""Settings of where routes come from: `providers` and `core`, under Traefik's own names."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import Strict, differs, ignored, unsupported

AT_ONCE = "changes are taken as soon as they settle"
KUBECONFIG = "`hearthgate up --kubeconfig FILE` says which cluster is served"


class KubernetesCRD(Strict, frozen=True, kw_only=True):
    """Objects of traefik.io. `ingress_class` empty: objects without a class and those of class `traefik` are ours.

    namespaces, label_selector: which objects count at all; empty = all.
    cross_provider_namespaces: who may refer to services of other providers (`...@kubernetes`, `api@internal`);
        none given = everybody, an empty list = nobody.
    """

    allow_cross_namespace: bool = False
    allow_external_name_services: bool = False
    allow_empty_services: Annotated[bool, differs("on unless turned off, as in Traefik's chart")] = True
    ingress_class: str = ""
    namespaces: tuple[str, ...] = ()
    label_selector: str = ""
    cross_provider_namespaces: tuple[str, ...] | None = None
    native_lb_by_default: bool = msgspec.field(default=False, name="nativeLBByDefault")
    disable_cluster_scope_resources: Annotated[bool, ignored("Nodes are only looked at for nodePortLB")] = False
    throttle_duration: Annotated[int | str, ignored(AT_ONCE)] = 0
    endpoint: Annotated[str, unsupported(KUBECONFIG)] = ""
    token: Annotated[str, unsupported(KUBECONFIG)] = ""
    cert_auth_file_path: Annotated[str, unsupported(KUBECONFIG)] = ""


class IngressEndpoint(Strict, frozen=True, kw_only=True):
    """What Ingresses say of where they are reached: a fixed address or name, or what a Service has got
    (`published_service`: `namespace/name`, which wins)."""

    ip: str = ""
    hostname: str = ""
    published_service: str = ""


class KubernetesIngress(Strict, frozen=True, kw_only=True):
    """Ingresses of networking.k8s.io. `ingress_class` empty: those of IngressClasses whose controller is
    `traefik.io/ingress-controller`, of class `traefik`, and without a class.

    cross_provider_namespaces: whose Ingresses may name Middlewares and the like (`...@kubernetescrd`); none given
        = all, an empty list = none.
    strict_prefix_matching: whether a path of type Prefix ends at a `/`, as Kubernetes says.
    disable_ingress_class_lookup, disable_cluster_scope_resources: read no IngressClass: classes are names.
    report_node_internal_ips: for a published Service of type NodePort, the internal addresses of nodes too.
    """

    enabled: bool = True
    allow_external_name_services: bool = False
    allow_empty_services: Annotated[bool, differs("on unless turned off, as in Traefik's chart")] = True
    ingress_class: str = ""
    namespaces: tuple[str, ...] = ()
    label_selector: str = ""
    cross_provider_namespaces: tuple[str, ...] | None = None
    native_lb_by_default: bool = msgspec.field(default=False, name="nativeLBByDefault")
    disable_cluster_scope_resources: bool = False
    disable_ingress_class_lookup: bool = False
    strict_prefix_matching: bool = False
    ingress_endpoint: IngressEndpoint | None = None
    report_node_internal_ips: bool = msgspec.field(default=False, name="reportNodeInternalIPs")
    throttle_duration: Annotated[int | str, ignored(AT_ONCE)] = 0
    endpoint: Annotated[str, unsupported(KUBECONFIG)] = ""
    token: Annotated[str, unsupported(KUBECONFIG)] = ""
    cert_auth_file_path: Annotated[str, unsupported(KUBECONFIG)] = ""


class StatusService(Strict, frozen=True, kw_only=True):
    """A Service whose addresses Gateways say that they have."""

    name: str
    namespace: str


class StatusAddress(Strict, frozen=True, kw_only=True):
    """What Gateways say of where they are reached: fixed, or what a Service has got, which wins."""

    ip: str = ""
    hostname: str = ""
    service: StatusService | None = None


class KubernetesGateway(Strict, frozen=True, kw_only=True):
    """The Gateway API. Gateways are served whose GatewayClass names `traefik.io/gateway-controller` or
    `hearthgate.dev/gateway-controller`.

    namespaces: whose Gateways and routes count at all; empty = all. label_selector: of GatewayClasses.
    experimental_channel: whether TCPRoutes and UDPRoutes are served (upstream's default is false).
    """

    enabled: bool = True
    namespaces: tuple[str, ...] = ()
    label_selector: str = ""
    experimental_channel: bool = True
    status_address: StatusAddress | None = None
    native_lb_by_default: bool = msgspec.field(default=False, name="nativeLBByDefault")
    cross_provider_namespaces: Annotated[
        tuple[str, ...] | None, unsupported("a ReferenceGrant says who may refer to a TraefikService")
    ] = None
    throttle_duration: Annotated[int | str, ignored(AT_ONCE)] = 0
    qps: Annotated[float, ignored(AT_ONCE)] = 50
    burst: Annotated[int, ignored(AT_ONCE)] = 100
    endpoint: Annotated[str, unsupported(KUBECONFIG)] = ""
    token: Annotated[str, unsupported(KUBECONFIG)] = ""
    cert_auth_file_path: Annotated[str, unsupported(KUBECONFIG)] = ""


class Core(Strict, frozen=True, kw_only=True):
    """`default_rule_syntax`: of rules that name none."""

    default_rule_syntax: Literal["v3", "v2"] = "v3"
