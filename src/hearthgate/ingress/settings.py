"""Static settings of the ingress domain, under Traefik's own names."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.ingress.observability.settings import (
    API,
    AccessLog,
    EntryPointObservability,
    Metrics,
    Ping,
    Tracing,
)
from hearthgate.ingress.providers import Core, KubernetesCRD, KubernetesGateway, KubernetesIngress
from hearthgate.resources.meta import Strict, differs, ignored, unsupported
from hearthgate.resources.traefik.ingressroute import Domain

DEFAULT_READ_TIMEOUT = "0s"
"""Upstream's 60 s cuts long uploads: its users' most reported trouble. Slow headers are cut all the same."""


class EntryPointRedirect(Strict, frozen=True, kw_only=True):
    """`to` is an entrypoint's name or `:port`."""

    to: Annotated[str, differs("of an entrypoint its http3.advertisedPort counts before its own port")]
    scheme: str = "https"
    permanent: bool = True
    priority: int = 9223372036854775806


class Redirections(Strict, frozen=True, kw_only=True):
    entry_point: EntryPointRedirect | None = None


class EntryPointTLS(Strict, frozen=True, kw_only=True):
    """Of routes that say nothing about TLS. cert_resolver: who issues certificates for their hosts, or for
    `domains` in the place of those."""

    options: str = ""
    cert_resolver: Annotated[str, differs("the name of an Issuer of the namespace, else of a ClusterIssuer")] = ""
    domains: tuple[Domain, ...] = ()


class EncodedCharacters(Strict, frozen=True, kw_only=True):
    """Escapes that paths may hold; a request with one that they may not is answered 400."""

    allow_encoded_slash: bool = True
    allow_encoded_back_slash: bool = True
    allow_encoded_null_character: bool = True
    allow_encoded_semicolon: bool = True
    allow_encoded_percent: bool = True
    allow_encoded_question_mark: bool = True
    allow_encoded_hash: bool = True


class EntryPointHTTP(Strict, frozen=True, kw_only=True):
    """`middlewares` are `namespace-name@kubernetescrd` (or `namespace/name`), before those of every router.

    encode_query_semicolons: what becomes of `;` in queries: `%3B` (true) or `&` (false); None leaves it.
    sanitize_path: without it `..` and `//` reach rules and backends as the client wrote them.
    """

    redirections: Redirections | None = None
    middlewares: tuple[str, ...] = ()
    tls: EntryPointTLS | None = None
    encoded_characters: EncodedCharacters | None = None
    encode_query_semicolons: Annotated[bool | None, differs("unless set a `;` stays as it is; upstream: `&`")] = (
        None
    )
    sanitize_path: bool = True
    max_header_bytes: int = 1048576
    underscore_headers_strategy: Literal["keep", "delete", "reject"] = "keep"


class HTTP2Settings(Strict, frozen=True, kw_only=True):
    """The table sizes are bytes of HPACK's dynamic table (RFC 7541 4.2)."""

    max_concurrent_streams: int = 250
    max_decoder_header_table_size: int = 4096
    max_encoder_header_table_size: Annotated[
        int, ignored("the proxy uses what the client allows, at most 4096")
    ] = 4096


class HTTP3Settings(Strict, frozen=True, kw_only=True):
    """`advertised_port` 0 means the entrypoint's own."""

    advertised_port: int = 0


class ForwardedHeaders(Strict, frozen=True, kw_only=True):
    """Whose X-Forwarded-* headers are believed: everybody's (`insecure`), or those of `trusted_ips`.

    connection: headers that pass although the client's Connection header lists them as its own.
    not_append_x_forwarded_for: backends get X-Forwarded-For as it came, without the peer.
    add_x_forwarded_scheme_headers: X-Forwarded-Scheme and X-Scheme say what X-Forwarded-Proto says.
    """

    insecure: bool = False
    trusted_ips: tuple[str, ...] = msgspec.field(default=(), name="trustedIPs")
    connection: Annotated[tuple[str, ...], unsupported("the proxy takes away what a Connection header names")] = ()
    not_append_x_forwarded_for: bool = False
    add_x_forwarded_scheme_headers: bool = False


class ProxyProtocol(Strict, frozen=True, kw_only=True):
    """Whose PROXY protocol headers (versions 1 and 2) tell the client's address: everybody's, or `trusted_ips`'.
    Those of others are taken off and not believed."""

    insecure: bool = False
    trusted_ips: tuple[str, ...] = msgspec.field(default=(), name="trustedIPs")


class RespondingTimeouts(Strict, frozen=True, kw_only=True):
    """Durations, 0 = no limit. `read_timeout` bounds a whole request with its body, `write_timeout` all that
    follows its headers up to the end of the answer."""

    read_timeout: Annotated[int | str, differs("no limit unless set; upstream: 60s, which cuts uploads")] = (
        DEFAULT_READ_TIMEOUT
    )
    write_timeout: Annotated[int | str, differs("ends WebSockets too")] = "0s"
    idle_timeout: int | str = "180s"


class LifeCycle(Strict, frozen=True, kw_only=True):
    """Durations of the end: how long new requests are still taken as if nothing was, then how long those under
    way may take."""

    request_accept_grace_timeout: int | str = "0s"
    grace_time_out: int | str = "10s"


class EntryPointTransport(Strict, frozen=True, kw_only=True):
    """keep_alive_max_time, keep_alive_max_requests: after which a connection is closed; 0 = never."""

    responding_timeouts: RespondingTimeouts = RespondingTimeouts()
    life_cycle: LifeCycle = LifeCycle()
    keep_alive_max_time: int | str = "0s"
    keep_alive_max_requests: int = 0


class UDPSettings(Strict, frozen=True, kw_only=True):
    """`timeout`: how long a session without datagrams is kept, a duration."""

    timeout: int | str = "3s"


class EntryPoint(Strict, frozen=True, kw_only=True):
    """`address`: `[host]:port[/tcp|/udp]`. Without a host it listens on every address, IPv4 and IPv6.

    reuse_port: always so: a new proxy takes over while the old one finishes.
    allow_acme_by_pass: redirections leave `/.well-known/acme-challenge/` to the routers.
    """

    address: str
    as_default: bool = False
    reuse_port: Annotated[bool, ignored("it is always on")] = True
    allow_acme_by_pass: bool = msgspec.field(default=False, name="allowACMEByPass")
    http: EntryPointHTTP = EntryPointHTTP()
    http2: HTTP2Settings = HTTP2Settings()
    http3: HTTP3Settings | None = None
    forwarded_headers: ForwardedHeaders = ForwardedHeaders()
    proxy_protocol: ProxyProtocol | None = None
    transport: EntryPointTransport = EntryPointTransport()
    udp: UDPSettings = UDPSettings()
    observability: EntryPointObservability = EntryPointObservability()


class Providers(Strict, frozen=True, kw_only=True):
    kubernetes_crd: KubernetesCRD = msgspec.field(default=KubernetesCRD(), name="kubernetesCRD")
    kubernetes_ingress: KubernetesIngress = KubernetesIngress()
    kubernetes_gateway: KubernetesGateway = KubernetesGateway()


class DefaultServersTransport(Strict, frozen=True, kw_only=True):
    """What backends get that name no ServersTransport. `root_cas`: PEM files."""

    insecure_skip_verify: bool = False
    root_cas: tuple[str, ...] = msgspec.field(default=(), name="rootCAs")


class IngressSettings(Strict, frozen=True, kw_only=True):
    entry_points: Mapping[str, EntryPoint] = {}
    providers: Providers = Providers()
    core: Core = Core()
    servers_transport: DefaultServersTransport = DefaultServersTransport()
    access_log: AccessLog | None = None
    metrics: Metrics = Metrics()
    tracing: Tracing | None = None
    api: API | None = None
    ping: Ping | None = None
