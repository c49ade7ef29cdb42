"""ServersTransport: how the proxy speaks to backends."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, ignored, unsupported


class RootCA(Strict, frozen=True, kw_only=True):
    """Exactly one of the two. Keys read: `tls.ca`, then `ca.crt`."""

    secret: str = ""
    config_map: str = ""


class PeerCertSAN(Strict, frozen=True, kw_only=True):
    type: str = ""
    value: str = ""


class ForwardingTimeouts(Strict, frozen=True, kw_only=True):
    dial_timeout: int | str = "30s"
    response_header_timeout: int | str = 0
    idle_conn_timeout: int | str = "90s"
    read_idle_timeout: Annotated[int | str, unsupported()] = 0
    ping_timeout: Annotated[int | str, unsupported()] = "15s"


class Spiffe(Strict, frozen=True, kw_only=True):
    ids: tuple[str, ...] = ()
    trust_domain: str = ""


class ServersTransportSpec(Strict, frozen=True, kw_only=True):
    server_name: str = ""
    insecure_skip_verify: bool = False
    root_cas: tuple[RootCA, ...] = msgspec.field(default=(), name="rootCAs")
    root_cas_secrets: Annotated[tuple[str, ...], ignored("use rootCAs")] = msgspec.field(
        default=(), name="rootCAsSecrets"
    )
    certificates_secrets: Annotated[tuple[str, ...], unsupported()] = ()
    cipher_suites: Annotated[tuple[str, ...], unsupported()] = ()
    min_version: Annotated[str, unsupported()] = ""
    max_version: Annotated[str, unsupported()] = ""
    max_idle_conns_per_host: Annotated[int, unsupported()] = 0
    disable_http2: bool = msgspec.field(default=False, name="disableHTTP2")
    forwarding_timeouts: ForwardingTimeouts | None = None
    peer_cert_uri: Annotated[str, unsupported("use serverName")] = msgspec.field(default="", name="peerCertURI")
    peer_cert_sans: Annotated[tuple[PeerCertSAN, ...], unsupported("use serverName")] = msgspec.field(
        default=(), name="peerCertSANs"
    )
    spiffe: Annotated[Spiffe | None, unsupported()] = None


class ServersTransport(Resource, frozen=True, kw_only=True):
    spec: ServersTransportSpec
    status: ConditionsStatus | None = None
