"""All kinds that Hearthgate serves and reads."""

from types import MappingProxyType

from hearthgate.resources import core, discovery, networking, traefik
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource

_TRAEFIK_CATEGORIES = ("hearthgate",)
_READY = Column("READY", '.status.conditions[?(@.type=="Accepted")].status')
_REASON = Column("REASON", '.status.conditions[?(@.type=="Accepted")].reason', priority=1)


def _traefik(kind: str, plural: str, resource: type[Resource], *columns: Column) -> Kind:
    return Kind(
        "traefik.io",
        "v1alpha1",
        kind,
        plural,
        resource_type=resource,
        categories=_TRAEFIK_CATEGORIES,
        status=True,
        columns=(*columns, _READY, _REASON),
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        "",
        "v1",
        "Namespace",
        "namespaces",
        resource_type=core.Namespace,
        namespaced=False,
        short_names=("ns",),
        status=True,
        upstream_status=True,
        columns=(Column("STATUS", ".status.phase"),),
    ),
    Kind(
        "",
        "v1",
        "Service",
        "services",
        resource_type=core.Service,
        short_names=("svc",),
        categories=("all",),
        status=True,
        upstream_status=True,
        columns=(
            Column("TYPE", ".spec.type"),
            Column("CLUSTER-IP", ".spec.clusterIP"),
            Column("EXTERNAL-IP", ".status.loadBalancer.ingress[*].ip"),
            Column("PORT(S)", ".spec.ports[*].port"),
            Column("SELECTOR", ".spec.selector", priority=1),
        ),
    ),
    Kind(
        "",
        "v1",
        "Secret",
        "secrets",
        resource_type=core.Secret,
        columns=(Column("TYPE", ".type"), Column("DATA", ".data", "integer")),
    ),
    Kind(
        "",
        "v1",
        "ConfigMap",
        "configmaps",
        resource_type=core.ConfigMap,
        short_names=("cm",),
        columns=(Column("DATA", ".data", "integer"),),
    ),
    Kind(
        "",
        "v1",
        "Endpoints",
        "endpoints",
        resource_type=core.Endpoints,
        short_names=("ep",),
        columns=(Column("ENDPOINTS", ".subsets[*].addresses[*].ip"),),
    ),
    Kind(
        "",
        "v1",
        "Node",
        "nodes",
        resource_type=core.Node,
        namespaced=False,
        short_names=("no",),
        status=True,
        upstream_status=True,
        columns=(
            Column("STATUS", '.status.conditions[?(@.type=="Ready")].status'),
            Column("ROLES", ".metadata.labels"),
            Column("INTERNAL-IP", '.status.addresses[?(@.type=="InternalIP")].address', priority=1),
        ),
    ),
    Kind(
        "",
        "v1",
        "Pod",
        "pods",
        resource_type=core.Pod,
        short_names=("po",),
        categories=("all",),
        status=True,
        upstream_status=True,
        columns=(
            Column("READY", ".status.containerStatuses[*].ready"),
            Column("STATUS", ".status.phase"),
            Column("RESTARTS", ".status.containerStatuses[*].restartCount"),
            Column("IP", ".status.podIP", priority=1),
            Column("NODE", ".spec.nodeName", priority=1),
        ),
    ),
    Kind(
        "",
        "v1",
        "Event",
        "events",
        resource_type=core.Event,
        short_names=("ev",),
        columns=(
            Column("LAST SEEN", ".lastTimestamp", "date"),
            Column("TYPE", ".type"),
            Column("REASON", ".reason"),
            Column("OBJECT", ".involvedObject.name"),
            Column("SUBOBJECT", ".involvedObject.fieldPath", priority=1),
            Column("SOURCE", ".source.component", priority=1),
            Column("MESSAGE", ".message"),
            Column("FIRST SEEN", ".firstTimestamp", "date", priority=1),
            Column("COUNT", ".count", "integer", priority=1),
            Column("NAME", ".metadata.name", priority=1),
        ),
    ),
    Kind(
        "discovery.k8s.io",
        "v1",
        "EndpointSlice",
        "endpointslices",
        resource_type=discovery.EndpointSlice,
        columns=(
            Column("ADDRESSTYPE", ".addressType"),
            Column("PORTS", ".ports[*].port"),
            Column("ENDPOINTS", ".endpoints[*].addresses[*]"),
        ),
    ),
    Kind(
        "networking.k8s.io",
        "v1",
        "IngressClass",
        "ingressclasses",
        resource_type=networking.IngressClass,
        namespaced=False,
        columns=(Column("CONTROLLER", ".spec.controller"), Column("PARAMETERS", ".spec.parameters")),
    ),
    _traefik(
        "IngressRoute",
        "ingressroutes",
        traefik.IngressRoute,
        Column("ENTRYPOINTS", ".spec.entryPoints[*]", priority=1),
        Column("MATCH", ".spec.routes[*].match", priority=1),
    ),
    _traefik("Middleware", "middlewares", traefik.Middleware),
    _traefik("ServersTransport", "serverstransports", traefik.ServersTransport),
    _traefik("TLSOption", "tlsoptions", traefik.TLSOption),
    _traefik("TLSStore", "tlsstores", traefik.TLSStore),
    _traefik("TraefikService", "traefikservices", traefik.TraefikService),
)

BY_API_VERSION = MappingProxyType({(kind.api_version, kind.kind): kind for kind in KINDS})
BY_TYPE = MappingProxyType({kind.resource_type: kind for kind in KINDS if kind.resource_type is not None})
