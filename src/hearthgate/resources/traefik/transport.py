"""ServersTransport: how the proxy speaks to backends."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, ignored, unsupported


class RootCA(Strict, frozen=True, kw_only=True):
    """Exactly one of the two. Keys read: `tls.ca`, then `ca.crt`.

    secret: A Secret with the authority's certificate.
    config_map: A ConfigMap with the authority's certificate.
    """

    secret: str = ""
    config_map: str = ""


class PeerCertSAN(Strict, frozen=True, kw_only=True):
    """A name that the certificate of a backend must have.

    type: The sort of name, such as DNS or URI.
    value: The name.
    """

    type: str = ""
    value: str = ""


class ForwardingTimeouts(Strict, frozen=True, kw_only=True):
    """Times of connections to backends.

    dial_timeout: How long connecting may take.
    response_header_timeout: How long the headers of the response may take; 0: no limit.
    idle_conn_timeout: How long an unused connection stays open.
    read_idle_timeout: After so long without a frame an HTTP/2 connection is pinged.
    ping_timeout: How long the answer to a ping may take.
    """

    dial_timeout: int | str = "30s"
    response_header_timeout: int | str = 0
    idle_conn_timeout: int | str = "90s"
    read_idle_timeout: int | str = 0
    ping_timeout: int | str = "15s"


class Spiffe(Strict, frozen=True, kw_only=True):
    """Identities by SPIFFE.

    ids: The identities that are accepted.
    trust_domain: The domain whose identities are accepted.
    """

    ids: tuple[str, ...] = ()
    trust_domain: str = ""


class ServersTransportSpec(Strict, frozen=True, kw_only=True):
    """TLS and times towards backends.

    server_name: The name that backends are asked for and their certificates are checked against.
    insecure_skip_verify: Do not verify the certificates of backends.
    root_cas: The authorities that certificates of backends must come from.
    root_cas_secrets: The older form of rootCAs.
    certificates_secrets: Secrets with certificates to show to backends.
    cipher_suites: The cipher suites towards backends.
    min_version: The lowest version of TLS towards backends.
    max_version: The highest version of TLS towards backends.
    max_idle_conns_per_host: -1 uses a connection for one request only; other numbers are left to the proxy.
    disable_http2: Do not speak HTTP/2 to backends.
    forwarding_timeouts: Times of connections to backends.
    peer_cert_uri: The URI that certificates of backends must have.
    peer_cert_sans: The names of which certificates of backends must have one.
    spiffe: Identities by SPIFFE.
    """

    server_name: str = ""
    insecure_skip_verify: bool = False
    root_cas: tuple[RootCA, ...] = msgspec.field(default=(), name="rootCAs")
    root_cas_secrets: Annotated[tuple[str, ...], ignored("use rootCAs")] = msgspec.field(
        default=(), name="rootCAsSecrets"
    )
    certificates_secrets: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()
    min_version: Annotated[
        str, differs("works without maxVersion; upstream then uses the default transport, silently")
    ] = ""
    max_version: str = ""
    max_idle_conns_per_host: Annotated[
        int, differs("-1 works; other numbers are a warning: idleConnTimeout ends what is not used")
    ] = 0
    disable_http2: bool = msgspec.field(default=False, name="disableHTTP2")
    forwarding_timeouts: ForwardingTimeouts | None = None
    peer_cert_uri: str = msgspec.field(default="", name="peerCertURI")
    peer_cert_sans: tuple[PeerCertSAN, ...] = msgspec.field(default=(), name="peerCertSANs")
    spiffe: Annotated[
        Spiffe | None,
        unsupported("there is no SPIFFE Workload API here: use certificatesSecrets and peerCertSANs"),
    ] = None


class ServersTransport(Resource, frozen=True, kw_only=True):
    """How the proxy speaks to backends.

    spec: TLS and times.
    status: Whether it can be used, and why not.
    """

    spec: ServersTransportSpec
    status: ConditionsStatus | None = None
