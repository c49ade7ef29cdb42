"""The RoutingModel: what the proxy shall do, in Traefik's words, with every reference resolved.

All values are frozen, hashable and compare by content, so that equal input gives equal bytes further down
and unchanged parts are recognised by identity.
"""

from hearthgate.ingress.routing.model.built import Built, Point, RoutingModel
from hearthgate.ingress.routing.model.endpoints import Endpoint, Endpoints, EndpointsKey, EndpointState
from hearthgate.ingress.routing.model.entrypoints import EntryPoint, UDPEntryPoint
from hearthgate.ingress.routing.model.proofs import Proof, ProofKind
from hearthgate.ingress.routing.model.routers import Observed, Router
from hearthgate.ingress.routing.model.services import (
    FailoverService,
    HealthCheck,
    LoadBalancer,
    Mirror,
    MirroredService,
    PassiveHealthCheck,
    Service,
    StickyCookie,
    Transport,
    WeightedMember,
    WeightedService,
    balancers,
    parts,
    service_middlewares,
)
from hearthgate.ingress.routing.model.streams import (
    BackendTLS,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TCPRouter,
    UDPRouter,
)
from hearthgate.ingress.routing.model.tls import DEFAULT_TLS_OPTIONS, Certificate, ClientAuth, TLSOptions
from hearthgate.ingress.routing.model.values import Value

__all__ = [
    "DEFAULT_TLS_OPTIONS",
    "BackendTLS",
    "Built",
    "Certificate",
    "ClientAuth",
    "Endpoint",
    "EndpointState",
    "Endpoints",
    "EndpointsKey",
    "EntryPoint",
    "FailoverService",
    "HealthCheck",
    "LoadBalancer",
    "Mirror",
    "MirroredService",
    "Observed",
    "PassiveHealthCheck",
    "Point",
    "Proof",
    "ProofKind",
    "Router",
    "RoutingModel",
    "Service",
    "StickyCookie",
    "StreamBalancer",
    "StreamMember",
    "StreamTransport",
    "TCPRouter",
    "TLSOptions",
    "Transport",
    "UDPEntryPoint",
    "UDPRouter",
    "Value",
    "WeightedMember",
    "WeightedService",
    "balancers",
    "parts",
    "service_middlewares",
]
