"""IngressRouteTCP, MiddlewareTCP and ServersTransportTCP: streams instead of requests."""

from typing import Annotated, Final, Literal

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, ignored, unsupported
from hearthgate.resources.traefik.ingressroute import MAX_PRIORITY, Domain
from hearthgate.resources.traefik.service import ObjectReference, Weight
from hearthgate.resources.traefik.transport import PeerCertSAN, RootCA, Spiffe

_HALF_CLOSED: Final = "always -1: a half-closed connection stays until the other side closes it too"


class ProxyProtocol(Strict, frozen=True, kw_only=True):
    """Tells backends the client's address ahead of the stream.

    version: 1 or 2.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=2)] = 2


class ServiceTCP(Strict, frozen=True, kw_only=True):
    """A Service that streams go to.

    name: The Service.
    port: Its port, by number or name.
    namespace: Its namespace; that of the route unless set.
    weight: Its share among several services.
    servers_transport: The ServersTransportTCP: how to speak to it.
    tls: Whether to speak TLS to it.
    native_lb: Go to the Service's own address in place of its endpoints.
    node_port_lb: Go to the nodes' ports in place of its endpoints.
    proxy_protocol: Tell it the client's address.
    termination_delay: Milliseconds until a half-closed connection is closed.
    """

    name: str
    port: int | str
    namespace: str = ""
    weight: Weight | None = None
    servers_transport: str = ""
    tls: bool = False
    native_lb: bool = msgspec.field(default=False, name="nativeLB")
    node_port_lb: bool = msgspec.field(default=False, name="nodePortLB")
    proxy_protocol: ProxyProtocol | None = None
    termination_delay: Annotated[int | None, differs(_HALF_CLOSED)] = None


class RouteTCP(Strict, frozen=True, kw_only=True):
    """One router.

    match: The rule that connections must match, such as HostSNI(`db.example.org`).
    priority: Of several rules that match, the highest priority wins; 0 stands for the length of the rule.
    syntax: v3, or v2 for the older rule language of Traefik 2.
    middlewares: MiddlewareTCPs that connections pass, in this order.
    services: Where connections go; several services share them by their weights.
    """

    match: str
    priority: Annotated[int, msgspec.Meta(le=MAX_PRIORITY)] = 0
    syntax: Literal["v3", "v2", ""] = ""
    middlewares: tuple[ObjectReference, ...] = ()
    services: tuple[ServiceTCP, ...] = ()


class RouteTLSTCP(Strict, frozen=True, kw_only=True):
    """How routes are served over TLS.

    secret_name: A Secret of type kubernetes.io/tls beside the route: the certificate and its key.
    passthrough: Hand the encrypted stream on, in place of decrypting it here.
    options: The TLSOption that applies to the hosts of the rules.
    store: The TLSStore; only the one called default is read.
    cert_resolver: Who issues a certificate for the hosts of the rules.
    domains: The names that it is issued for, in place of those hosts.
    """

    secret_name: str = ""
    passthrough: bool = False
    options: ObjectReference | None = None
    store: ObjectReference | None = None
    cert_resolver: Annotated[str, differs("the name of an Issuer of the namespace, else of a ClusterIssuer")] = ""
    domains: tuple[Domain, ...] = ()


class IngressRouteTCPSpec(Strict, frozen=True, kw_only=True):
    """The routers, and where they are served.

    routes: The routers.
    entry_points: The entrypoints that serve them; none: the default ones.
    ingress_class_name: The class of the routes.
    tls: How they are served over TLS; none: in the clear.
    """

    routes: tuple[RouteTCP, ...]
    entry_points: tuple[str, ...] = ()
    ingress_class_name: str = ""
    tls: RouteTLSTCP | None = None


class IngressRouteTCP(Resource, frozen=True, kw_only=True):
    """Routes TCP connections to Services."""

    spec: IngressRouteTCPSpec
    status: ConditionsStatus | None = None


class InFlightConn(Strict, frozen=True, kw_only=True):
    """Limits connections of one address.

    amount: So many at once.
    """

    amount: Annotated[
        int, msgspec.Meta(ge=0), differs("the clients of a route together, a warning says so; upstream: each")
    ] = 0


class IPAllowListTCP(Strict, frozen=True, kw_only=True):
    """Lets in who comes from these addresses.

    source_range: Addresses and CIDRs.
    """

    source_range: tuple[str, ...] = ()


class MiddlewareTCPSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of them.

    in_flight_conn: Limits connections of one address.
    ip_allow_list: Lets in who comes from these addresses.
    ip_white_list: The old name of ipAllowList.
    """

    in_flight_conn: InFlightConn | None = None
    ip_allow_list: IPAllowListTCP | None = None
    ip_white_list: IPAllowListTCP | None = None


class MiddlewareTCP(Resource, frozen=True, kw_only=True):
    """What happens to TCP connections on the way."""

    spec: MiddlewareTCPSpec
    status: ConditionsStatus | None = None


class BackendTLS(Strict, frozen=True, kw_only=True):
    """TLS to the backends.

    server_name: The name to ask for and to check.
    insecure_skip_verify: Trust any certificate.
    root_cas: The CAs to trust.
    root_cas_secrets: Secrets with the CAs to trust.
    certificates_secrets: Secrets with certificates to show to the backends.
    peer_cert_uri: The URI that the backend's certificate must hold.
    peer_cert_sans: Names of which the backend's certificate must hold one.
    spiffe: Checks by SPIFFE.
    """

    server_name: str = ""
    insecure_skip_verify: bool = False
    root_cas: tuple[RootCA, ...] = msgspec.field(default=(), name="rootCAs")
    root_cas_secrets: Annotated[tuple[str, ...], ignored("use rootCAs")] = msgspec.field(
        default=(), name="rootCAsSecrets"
    )
    certificates_secrets: Annotated[tuple[str, ...], differs("the first one is shown")] = ()
    peer_cert_uri: str = msgspec.field(default="", name="peerCertURI")
    peer_cert_sans: tuple[PeerCertSAN, ...] = msgspec.field(default=(), name="peerCertSANs")
    spiffe: Annotated[Spiffe | None, unsupported()] = None


class ServersTransportTCPSpec(Strict, frozen=True, kw_only=True):
    """How to speak to TCP backends. A whole number as a duration is seconds.

    dial_timeout: How long connecting may take.
    dial_keep_alive: The interval of TCP keep-alives.
    termination_delay: How long a half-closed connection stays.
    proxy_protocol: Tell backends the client's address.
    tls: TLS to the backends.
    """

    dial_timeout: int | str = "30s"
    dial_keep_alive: int | str = "15s"
    termination_delay: Annotated[int | str, differs(_HALF_CLOSED)] = "100ms"
    proxy_protocol: ProxyProtocol | None = None
    tls: BackendTLS | None = None


class ServersTransportTCP(Resource, frozen=True, kw_only=True):
    """How to speak to TCP backends."""

    spec: ServersTransportTCPSpec
    status: ConditionsStatus | None = None
