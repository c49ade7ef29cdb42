"""gateway.networking.k8s.io: every field of the specification's v1.5, decoded.

Stored versions are those that all released bundles since v1.4 serve where there is a choice: v1 of GatewayClass,
Gateway, HTTPRoute, GRPCRoute, BackendTLSPolicy and TLSRoute, v1beta1 of ReferenceGrant, v1alpha2 of TCPRoute and
UDPRoute.
"""

from hearthgate.resources.gateway.gateways import Gateway, GatewayClass
from hearthgate.resources.gateway.grants import ReferenceGrant
from hearthgate.resources.gateway.policies import BackendTLSPolicy
from hearthgate.resources.gateway.routes import GRPCRoute, HTTPRoute
from hearthgate.resources.gateway.streams import TCPRoute, TLSRoute, UDPRoute

__all__ = [
    "BackendTLSPolicy",
    "GRPCRoute",
    "Gateway",
    "GatewayClass",
    "HTTPRoute",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "UDPRoute",
]
