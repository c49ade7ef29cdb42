"""IngressRouteTCP, MiddlewareTCP and ServersTransportTCP: streams instead of requests."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, ignored, unsupported
from hearthgate.resources.traefik.ingressroute import MAX_PRIORITY, Domain
from hearthgate.resources.traefik.service import ObjectReference, Weight
from hearthgate.resources.traefik.transport import PeerCertSAN, RootCA, Spiffe


class ProxyProtocol(Strict, frozen=True, kw_only=True):
    version: Annotated[int, msgspec.Meta(ge=1, le=2)] = 2


class ServiceTCP(Strict, frozen=True, kw_only=True):
    """A Service. `port` is a number or a name; `tls` speaks TLS to the backends."""

    name: str
    port: int | str
    namespace: str = ""
    weight: Weight | None = None
    servers_transport: str = ""
    tls: bool = False
    native_lb: bool = msgspec.field(default=False, name="nativeLB")
    node_port_lb: bool = msgspec.field(default=False, name="nodePortLB")
    proxy_protocol: Annotated[ProxyProtocol | None, ignored("use a ServersTransportTCP")] = None
    termination_delay: Annotated[int | None, ignored("use a ServersTransportTCP")] = None


class RouteTCP(Strict, frozen=True, kw_only=True):
    """One router. `priority` 0 means unset: the length of the rule decides."""

    match: str
    priority: Annotated[int, msgspec.Meta(le=MAX_PRIORITY)] = 0
    syntax: Literal["v3", "v2", ""] = ""
    middlewares: tuple[ObjectReference, ...] = ()
    services: tuple[ServiceTCP, ...] = ()


class RouteTLSTCP(Strict, frozen=True, kw_only=True):
    """`passthrough` hands the encrypted stream on; otherwise it is decrypted here."""

    secret_name: str = ""
    passthrough: bool = False
    options: ObjectReference | None = None
    store: ObjectReference | None = None
    cert_resolver: Annotated[str, unsupported("use secretName")] = ""
    domains: Annotated[tuple[Domain, ...], unsupported("certificates are chosen by their own names")] = ()


class IngressRouteTCPSpec(Strict, frozen=True, kw_only=True):
    routes: tuple[RouteTCP, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""
    tls: RouteTLSTCP | None = None


class IngressRouteTCP(Resource, frozen=True, kw_only=True):
    spec: IngressRouteTCPSpec
    status: ConditionsStatus | None = None


class InFlightConn(Strict, frozen=True, kw_only=True):
    """At most so many connections at once from one address."""

    amount: Annotated[int, msgspec.Meta(ge=0)] = 0


class IPAllowListTCP(Strict, frozen=True, kw_only=True):
    source_range: tuple[str, ...] = ()


class MiddlewareTCPSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of them."""

    in_flight_conn: InFlightConn | None = None
    ip_allow_list: IPAllowListTCP | None = None
    ip_white_list: Annotated[IPAllowListTCP | None, unsupported("use ipAllowList")] = None


class MiddlewareTCP(Resource, frozen=True, kw_only=True):
    spec: MiddlewareTCPSpec
    status: ConditionsStatus | None = None


class BackendTLS(Strict, frozen=True, kw_only=True):
    server_name: str = ""
    insecure_skip_verify: bool = False
    root_cas: tuple[RootCA, ...] = msgspec.field(default=(), name="rootCAs")
    root_cas_secrets: Annotated[tuple[str, ...], ignored("use rootCAs")] = msgspec.field(
        default=(), name="rootCAsSecrets"
    )
    certificates_secrets: tuple[str, ...] = ()
    peer_cert_uri: str = msgspec.field(default="", name="peerCertURI")
    peer_cert_sans: tuple[PeerCertSAN, ...] = msgspec.field(default=(), name="peerCertSANs")
    spiffe: Annotated[Spiffe | None, unsupported()] = None


class ServersTransportTCPSpec(Strict, frozen=True, kw_only=True):
    """A whole number as a duration is seconds."""

    dial_timeout: int | str = "30s"
    dial_keep_alive: int | str = "15s"
    termination_delay: int | str = "100ms"
    proxy_protocol: ProxyProtocol | None = None
    tls: BackendTLS | None = None


class ServersTransportTCP(Resource, frozen=True, kw_only=True):
    spec: ServersTransportTCPSpec
    status: ConditionsStatus | None = None
