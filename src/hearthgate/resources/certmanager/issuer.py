"""Issuer and ClusterIssuer: who signs. They differ in scope only."""

from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import Solver
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict, ignored, unsupported
from hearthgate.resources.scalars import Name64

_OTHER_ISSUER = unsupported("use acme, ca or selfSigned")


class ExternalAccountBinding(Strict, frozen=True, kw_only=True):
    """The Secret holds the MAC key in base64url without padding."""

    key_id: str = msgspec.field(name="keyID")
    key_secret_ref: SecretKeyRef
    key_algorithm: Annotated[Literal["HS256", "HS384", "HS512", ""], ignored("it is always HS256")] = ""


class ACMEIssuer(Strict, frozen=True, kw_only=True):
    """server: the URL of the directory. privateKeySecretRef: the account's key, made when there is none
    (key `tls.key` unless it says another). caBundle: PEM in base64, not together with skipTLSVerify."""

    server: str
    private_key_secret_ref: SecretKeyRef
    email: str = ""
    ca_bundle: str = ""
    skip_tls_verify: bool = msgspec.field(default=False, name="skipTLSVerify")
    external_account_binding: ExternalAccountBinding | None = None
    preferred_chain: Name64 = ""
    profile: str = ""
    enable_duration_feature: bool = False
    disable_account_key_generation: bool = False
    renewal_information_source: Literal["ARI", "None", ""] = ""
    solvers: tuple[Solver, ...] = ()


class CAIssuer(Strict, frozen=True, kw_only=True):
    """Signs with the key pair of the Secret."""

    secret_name: str
    crl_distribution_points: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()
    issuing_certificate_urls: tuple[str, ...] = msgspec.field(default=(), name="issuingCertificateURLs")


class SelfSignedIssuer(Strict, frozen=True, kw_only=True):
    crl_distribution_points: tuple[str, ...] = ()


class IssuerSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of them."""

    acme: ACMEIssuer | None = None
    ca: CAIssuer | None = None
    self_signed: SelfSignedIssuer | None = None
    vault: Annotated[Any, _OTHER_ISSUER] = None
    venafi: Annotated[Any, _OTHER_ISSUER] = None


class ACMEAccountStatus(Lenient, frozen=True, kw_only=True):
    """uri: the account's. lastPrivateKeyHash: which key it was registered with."""

    uri: str = ""
    last_registered_email: str = ""
    last_private_key_hash: str = ""


class IssuerStatus(Lenient, frozen=True, kw_only=True):
    """Condition Ready."""

    conditions: tuple[Condition, ...] = ()
    acme: ACMEAccountStatus | None = None


class Issuer(Resource, frozen=True, kw_only=True):
    spec: IssuerSpec
    status: IssuerStatus | None = None


class ClusterIssuer(Resource, frozen=True, kw_only=True):
    spec: IssuerSpec
    status: IssuerStatus | None = None
