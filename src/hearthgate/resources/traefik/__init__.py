"""traefik.io/v1alpha1: every field of upstream v3.7, decoded. What is not honoured yet is marked so."""

from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.service import TraefikService
from hearthgate.resources.traefik.tcp import IngressRouteTCP, MiddlewareTCP, ServersTransportTCP
from hearthgate.resources.traefik.tls import TLSOption, TLSStore
from hearthgate.resources.traefik.transport import ServersTransport
from hearthgate.resources.traefik.udp import IngressRouteUDP

__all__ = [
    "IngressRoute",
    "IngressRouteTCP",
    "IngressRouteUDP",
    "Middleware",
    "MiddlewareTCP",
    "ServersTransport",
    "ServersTransportTCP",
    "TLSOption",
    "TLSStore",
    "TraefikService",
]
