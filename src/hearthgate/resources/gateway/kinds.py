"""The kinds of gateway.networking.k8s.io as the API serves them, with upstream's columns and short names."""

from collections.abc import Iterator
from typing import Final

from hearthgate.resources import gateway
from hearthgate.resources.gateway.references import GROUP
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource

_AGE: Final = Column("AGE", ".metadata.creationTimestamp", "date")
_HOSTNAMES: Final = Column("HOSTNAMES", ".spec.hostnames")


def _kind(
    plural: str,
    resource: type[Resource],
    *columns: Column,
    version: str = "v1",
    short_names: tuple[str, ...] = (),
    namespaced: bool = True,
    status: bool = True,
) -> Kind:
    return Kind(
        GROUP,
        version,
        resource.__name__,
        plural,
        resource_type=resource,
        namespaced=namespaced,
        short_names=short_names,
        categories=("gateway-api",),
        status=status,
        upstream_status=status,
        columns=columns,
        whole_table=bool(columns),
    )


def _kinds() -> Iterator[Kind]:
    yield _kind(
        "gatewayclasses",
        gateway.GatewayClass,
        Column("CONTROLLER", ".spec.controllerName"),
        Column("ACCEPTED", '.status.conditions[?(@.type=="Accepted")].status'),
        _AGE,
        Column("DESCRIPTION", ".spec.description", priority=1),
        short_names=("gc",),
        namespaced=False,
    )
    yield _kind(
        "gateways",
        gateway.Gateway,
        Column("CLASS", ".spec.gatewayClassName"),
        Column("ADDRESS", ".status.addresses[*].value"),
        Column("PROGRAMMED", '.status.conditions[?(@.type=="Programmed")].status'),
        _AGE,
        short_names=("gtw",),
    )
    yield _kind("httproutes", gateway.HTTPRoute, _HOSTNAMES, _AGE)
    yield _kind("grpcroutes", gateway.GRPCRoute, _HOSTNAMES, _AGE)
    yield _kind("tlsroutes", gateway.TLSRoute, _HOSTNAMES, _AGE)
    yield _kind("tcproutes", gateway.TCPRoute, version="v1alpha2")
    yield _kind("udproutes", gateway.UDPRoute, version="v1alpha2")
    yield _kind(
        "referencegrants", gateway.ReferenceGrant, version="v1beta1", short_names=("refgrant",), status=False
    )
    yield _kind("backendtlspolicies", gateway.BackendTLSPolicy, short_names=("btlspolicy",))


KINDS: Final = tuple(_kinds())
_VERSIONS: Final = {
    "GatewayClass": ("v1beta1",),
    "Gateway": ("v1beta1",),
    "HTTPRoute": ("v1beta1",),
    "TLSRoute": ("v1alpha3", "v1alpha2"),
    "ReferenceGrant": ("v1",),
}
OTHERS: Final = tuple(
    (kind, tuple(kind._replace(version=version) for version in _VERSIONS.get(kind.kind, ()))) for kind in KINDS
)
"""The other served versions of each kind, which differ in name alone. Not among KINDS."""
