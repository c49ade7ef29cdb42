"""TLSOption and TLSStore."""

from typing import Annotated, Literal

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, differs, ignored
from hearthgate.resources.traefik.ingressroute import Domain


class ClientAuth(Strict, frozen=True, kw_only=True):
    """Certificates of clients.

    secret_names: Secrets whose tls.ca or ca.crt holds the authorities that client certificates must come from.
    client_auth_type: Whether clients may or must show a certificate, and whether it is verified.
    """

    secret_names: tuple[str, ...] = ()
    client_auth_type: Literal[
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
        "",
    ] = ""


class TLSOptionSpec(Strict, frozen=True, kw_only=True):
    """Versions, cipher suites and client certificates.

    min_version: The lowest version of TLS: VersionTLS10, VersionTLS11, VersionTLS12 or VersionTLS13.
    max_version: The highest version of TLS.
    cipher_suites: The cipher suites up to TLS 1.2, by their names in the registry.
    curve_preferences: The curves for the key exchange, such as X25519.
    client_auth: Certificates of clients.
    sni_strict: Refuse connections whose name no certificate fits.
    alpn_protocols: The protocols that are offered, the preferred one first.
    disable_session_tickets: Do not resume sessions by tickets.
    prefer_server_cipher_suites: Whether the server's order of cipher suites counts.
    """

    min_version: str = ""
    max_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    curve_preferences: tuple[str, ...] = ()
    client_auth: ClientAuth | None = None
    sni_strict: Annotated[bool, differs("of TCP routes in the options called default only")] = False
    alpn_protocols: tuple[str, ...] = ()
    disable_session_tickets: Annotated[bool, differs("tickets are never issued")] = False
    prefer_server_cipher_suites: Annotated[bool, ignored("upstream ignores it too")] = False


class TLSOption(Resource, frozen=True, kw_only=True):
    """How TLS connections of clients are made. The one called default is for all routes that name none.

    spec: Versions, cipher suites and client certificates.
    status: Whether it can be used, and why not.
    """

    spec: TLSOptionSpec
    status: ConditionsStatus | None = None


class CertificateRef(Strict, frozen=True, kw_only=True):
    """The Secret of a certificate.

    secret_name: The Secret with tls.crt and tls.key.
    """

    secret_name: str


class DefaultGeneratedCert(Strict, frozen=True, kw_only=True):
    """A default certificate that is issued.

    resolver: Who issues it.
    domain: The names that it is for.
    """

    resolver: Annotated[str, differs("the name of an Issuer of the namespace, else of a ClusterIssuer")] = ""
    domain: Domain | None = None


class TLSStoreSpec(Strict, frozen=True, kw_only=True):
    """The certificates beside those of the routes.

    default_certificate: The certificate for connections whose name no other one fits.
    default_generated_cert: Have the default certificate issued.
    certificates: More certificates, picked by their names.
    """

    default_certificate: CertificateRef | None = None
    default_generated_cert: DefaultGeneratedCert | None = None
    certificates: tuple[CertificateRef, ...] = ()


class TLSStore(Resource, frozen=True, kw_only=True):
    """Certificates beside those of the routes. Only the one called default is read.

    spec: The certificates.
    status: Whether it can be used, and why not.
    """

    spec: TLSStoreSpec
    status: ConditionsStatus | None = None
