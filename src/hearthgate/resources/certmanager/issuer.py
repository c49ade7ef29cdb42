"""Issuer and ClusterIssuer: who signs. They differ in scope only."""

from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import Solver
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict, ignored, unsupported
from hearthgate.resources.scalars import Name64

_OTHER_ISSUER = unsupported("use acme, ca or selfSigned")


class ExternalAccountBinding(Strict, frozen=True, kw_only=True):
    """An account at the CA that the ACME account shall belong to.

    key_id: The CA's name for the account.
    key_secret_ref: The MAC key: base64url without padding.
    key_algorithm: The algorithm of the MAC.
    """

    key_id: str = msgspec.field(name="keyID")
    key_secret_ref: SecretKeyRef
    key_algorithm: Annotated[Literal["HS256", "HS384", "HS512", ""], ignored("it is always HS256")] = ""


class ACMEIssuer(Strict, frozen=True, kw_only=True):
    """A CA that speaks ACME (RFC 8555), such as Let's Encrypt.

    server: The URL of its directory.
    private_key_secret_ref: The Secret for the key of the account, which is made when there is none.
    email: Where the CA may write to.
    ca_bundle: The CAs that the server's own certificate may be from: PEM in base64.
    skip_tls_verify: Trust any certificate of the server: for tests only.
    external_account_binding: An account at the CA that the ACME account shall belong to.
    preferred_chain: Of several chains, the one whose last issuer has this common name.
    profile: The profile of certificates, where the CA has several.
    enable_duration_feature: Whether to ask for the duration of the Certificate; Let's Encrypt refuses that.
    disable_account_key_generation: Never make the key of the account.
    renewal_information_source: ARI: renew when the CA says; None: never ask it.
    solvers: How to prove that names are ours.
    """

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
    """Signs with a key pair of your own.

    secret_name: The Secret with tls.crt and tls.key.
    crl_distribution_points: Where revocations are listed.
    ocsp_servers: Which servers tell of revocations.
    issuing_certificate_urls: Where the CA's certificate can be fetched.
    """

    secret_name: str
    crl_distribution_points: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()
    issuing_certificate_urls: tuple[str, ...] = msgspec.field(default=(), name="issuingCertificateURLs")


class SelfSignedIssuer(Strict, frozen=True, kw_only=True):
    """Each certificate signs itself.

    crl_distribution_points: Where revocations are listed.
    """

    crl_distribution_points: tuple[str, ...] = ()


class IssuerSpec(Strict, frozen=True, kw_only=True):
    """Exactly one of them.

    acme: A CA that speaks ACME, such as Let's Encrypt.
    ca: A key pair of your own.
    self_signed: Each certificate signs itself.
    vault: HashiCorp Vault.
    venafi: Venafi.
    """

    acme: ACMEIssuer | None = None
    ca: CAIssuer | None = None
    self_signed: SelfSignedIssuer | None = None
    vault: Annotated[Any, _OTHER_ISSUER] = None
    venafi: Annotated[Any, _OTHER_ISSUER] = None


class ACMEAccountStatus(Lenient, frozen=True, kw_only=True):
    """The account at the CA.

    uri: The URL of the account.
    last_registered_email: The e-mail address that the CA knows.
    last_private_key_hash: A hash of the key that the account was registered with.
    """

    uri: str = ""
    last_registered_email: str = ""
    last_private_key_hash: str = ""


class IssuerStatus(Lenient, frozen=True, kw_only=True):
    """Whether it can sign.

    conditions: Ready.
    acme: The account at the CA.
    """

    conditions: tuple[Condition, ...] = ()
    acme: ACMEAccountStatus | None = None


class Issuer(Resource, frozen=True, kw_only=True):
    """Who signs the certificates of one namespace."""

    spec: IssuerSpec
    status: IssuerStatus | None = None


class ClusterIssuer(Resource, frozen=True, kw_only=True):
    """Who signs certificates, for all namespaces."""

    spec: IssuerSpec
    status: IssuerStatus | None = None
