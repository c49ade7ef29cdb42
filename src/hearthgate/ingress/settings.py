"""Static settings of the ingress domain, under Traefik's own names."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from hearthgate.resources.meta import Strict, unsupported
from hearthgate.resources.traefik.ingressroute import Domain

DEFAULT_READ_TIMEOUT = "0s"
"""Upstream's 60 s cuts long uploads: its users' most reported trouble. Slow headers are cut all the same."""


class EntryPointRedirect(Strict, frozen=True, kw_only=True):
    """`to` is an entrypoint's name or `:port`."""

    to: str
    scheme: str = "https"
    permanent: bool = True
    priority: int = 9223372036854775806


class Redirections(Strict, frozen=True, kw_only=True):
    entry_point: EntryPointRedirect | None = None


class EntryPointTLS(Strict, frozen=True, kw_only=True):
    options: str = ""
    cert_resolver: Annotated[str, unsupported()] = ""
    domains: Annotated[tuple[Domain, ...], unsupported()] = ()


class EntryPointHTTP(Strict, frozen=True, kw_only=True):
    """`middlewares` are `namespace-name@kubernetescrd` (or `namespace/name`), before those of every router."""

    redirections: Redirections | None = None
    middlewares: tuple[str, ...] = ()
    tls: EntryPointTLS | None = None
    max_header_bytes: int = 1048576


class HTTP2Settings(Strict, frozen=True, kw_only=True):
    max_concurrent_streams: int = 250


class HTTP3Settings(Strict, frozen=True, kw_only=True):
    """`advertised_port` 0 means the entrypoint's own."""

    advertised_port: int = 0


class ForwardedHeaders(Strict, frozen=True, kw_only=True):
    """Whose X-Forwarded-* headers are believed: everybody's (`insecure`), or those of `trusted_ips`."""

    insecure: bool = False
    trusted_ips: tuple[str, ...] = msgspec.field(default=(), name="trustedIPs")


class RespondingTimeouts(Strict, frozen=True, kw_only=True):
    """Durations. `read_timeout` bounds a whole request with its body, 0 leaves it unbounded."""

    read_timeout: int | str = DEFAULT_READ_TIMEOUT
    idle_timeout: int | str = "180s"


class LifeCycle(Strict, frozen=True, kw_only=True):
    grace_time_out: int | str = "10s"


class EntryPointTransport(Strict, frozen=True, kw_only=True):
    responding_timeouts: RespondingTimeouts = RespondingTimeouts()
    life_cycle: LifeCycle = LifeCycle()


class UDPSettings(Strict, frozen=True, kw_only=True):
    """`timeout`: how long a session without datagrams is kept, a duration."""

    timeout: int | str = "3s"


class EntryPoint(Strict, frozen=True, kw_only=True):
    """`address`: `[host]:port[/tcp|/udp]`. Without a host it listens on every address, IPv4 and IPv6."""

    address: str
    as_default: bool = False
    http: EntryPointHTTP = EntryPointHTTP()
    http2: HTTP2Settings = HTTP2Settings()
    http3: HTTP3Settings | None = None
    forwarded_headers: ForwardedHeaders = ForwardedHeaders()
    transport: EntryPointTransport = EntryPointTransport()
    udp: UDPSettings = UDPSettings()


class KubernetesCRD(Strict, frozen=True, kw_only=True):
    """`ingress_class` empty: objects without a class and those of class `traefik` are ours."""

    allow_cross_namespace: bool = False
    allow_external_name_services: bool = False
    allow_empty_services: bool = True
    ingress_class: str = ""
    namespaces: tuple[str, ...] = ()


class Providers(Strict, frozen=True, kw_only=True):
    kubernetes_crd: KubernetesCRD = msgspec.field(default=KubernetesCRD(), name="kubernetesCRD")


class DefaultServersTransport(Strict, frozen=True, kw_only=True):
    """What backends get that name no ServersTransport. `root_cas`: PEM files."""

    insecure_skip_verify: bool = False
    root_cas: tuple[str, ...] = msgspec.field(default=(), name="rootCAs")


class IngressSettings(Strict, frozen=True, kw_only=True):
    entry_points: Mapping[str, EntryPoint] = {}
    providers: Providers = Providers()
    servers_transport: DefaultServersTransport = DefaultServersTransport()
