"""TLSOption and TLSStore."""

from typing import Annotated, Literal

from hearthgate.resources.meta import ConditionsStatus, Resource, Strict, ignored, unsupported
from hearthgate.resources.traefik.ingressroute import Domain


class ClientAuth(Strict, frozen=True, kw_only=True):
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
    min_version: str = ""
    max_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    curve_preferences: tuple[str, ...] = ()
    client_auth: ClientAuth | None = None
    sni_strict: bool = False
    alpn_protocols: tuple[str, ...] = ()
    disable_session_tickets: bool = False
    prefer_server_cipher_suites: Annotated[bool, ignored("upstream ignores it too")] = False


class TLSOption(Resource, frozen=True, kw_only=True):
    spec: TLSOptionSpec
    status: ConditionsStatus | None = None


class CertificateRef(Strict, frozen=True, kw_only=True):
    secret_name: str


class DefaultGeneratedCert(Strict, frozen=True, kw_only=True):
    resolver: str = ""
    domain: Domain | None = None


class TLSStoreSpec(Strict, frozen=True, kw_only=True):
    default_certificate: CertificateRef | None = None
    default_generated_cert: Annotated[DefaultGeneratedCert | None, unsupported("use defaultCertificate")] = None
    certificates: tuple[CertificateRef, ...] = ()


class TLSStore(Resource, frozen=True, kw_only=True):
    spec: TLSStoreSpec
    status: ConditionsStatus | None = None
