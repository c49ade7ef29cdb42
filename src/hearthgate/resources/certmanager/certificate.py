"""Certificate: the names that a Secret shall hold a certificate for."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import IssuerRef, SecretKeyRef, Usage
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict
from hearthgate.resources.scalars import Duration, Name64


class OtherName(Strict, frozen=True, kw_only=True):
    """A SAN of another type: its object identifier with dots, and its text."""

    oid: str = ""
    utf8_value: str = ""


class Subject(Strict, frozen=True, kw_only=True):
    organizations: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    street_addresses: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()
    serial_number: str = ""


class PrivateKey(Strict, frozen=True, kw_only=True):
    """size 0: 2048 bits for RSA, 256 for ECDSA; Ed25519 has one size."""

    rotation_policy: Literal["Always", "Never", ""] = "Always"
    encoding: Literal["PKCS1", "PKCS8", ""] = "PKCS1"
    algorithm: Literal["RSA", "ECDSA", "Ed25519", ""] = "RSA"
    size: int = 0


class SecretTemplate(Strict, frozen=True, kw_only=True):
    """What the Secret is marked with besides."""

    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class JKSKeystore(Strict, frozen=True, kw_only=True):
    """Exactly one of passwordSecretRef and password."""

    create: bool
    alias: str = "certificate"
    password_secret_ref: SecretKeyRef | None = None
    password: SecretBytes | None = None


class PKCS12Keystore(Strict, frozen=True, kw_only=True):
    """Exactly one of passwordSecretRef and password. An empty profile is LegacyRC2."""

    create: bool
    profile: Literal["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026", ""] = ""
    password_secret_ref: SecretKeyRef | None = None
    password: SecretBytes | None = None


class Keystores(Strict, frozen=True, kw_only=True):
    jks: JKSKeystore | None = None
    pkcs12: PKCS12Keystore | None = None


class OutputFormat(Strict, frozen=True, kw_only=True):
    """DER: the key as `key.der`. CombinedPEM: key and chain as `tls-combined.pem`."""

    type: Literal["DER", "CombinedPEM"]


class NameConstraintItem(Strict, frozen=True, kw_only=True):
    dns_domains: tuple[str, ...] = ()
    ip_ranges: tuple[str, ...] = ()
    email_addresses: tuple[str, ...] = ()
    uri_domains: tuple[str, ...] = ()


class NameConstraints(Strict, frozen=True, kw_only=True):
    """For a CA: which names its certificates may hold."""

    critical: bool = False
    permitted: NameConstraintItem | None = None
    excluded: NameConstraintItem | None = None


class RenewalWindow(Strict, frozen=True, kw_only=True):
    """cron: five fields or a descriptor such as @daily, in the time zone (IANA name): when the window opens."""

    window_duration: Duration
    cron: str
    timezone: str = "UTC"


class Renewal(Strict, frozen=True, kw_only=True):
    policy: Literal["RenewBefore", "Disabled", ""] = "RenewBefore"
    windows: tuple[RenewalWindow, ...] = ()


class CertificateSpec(Strict, frozen=True, kw_only=True):
    """At least one name: a common name (or one in literalSubject), or any of the lists of alternative names.

    duration None: 90 days. renewBefore: how long before the end; renewBeforePercentage: the share of the
    lifetime that is left; neither: a third of the lifetime. usages empty: digital signature, key encipherment.
    """

    secret_name: str
    issuer_ref: IssuerRef
    common_name: Name64 = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    email_addresses: tuple[str, ...] = ()
    other_names: tuple[OtherName, ...] = ()
    subject: Subject | None = None
    literal_subject: str = ""
    duration: Duration | None = None
    renew_before: Duration | None = None
    renew_before_percentage: int | None = None
    renewal: Renewal | None = None
    usages: tuple[Usage, ...] = ()
    is_ca: bool = msgspec.field(default=False, name="isCA")
    private_key: PrivateKey | None = None
    signature_algorithm: Literal[
        "SHA256WithRSA",
        "SHA384WithRSA",
        "SHA512WithRSA",
        "ECDSAWithSHA256",
        "ECDSAWithSHA384",
        "ECDSAWithSHA512",
        "PureEd25519",
        "",
    ] = ""
    encode_usages_in_request: bool = True
    secret_template: SecretTemplate | None = None
    additional_output_formats: tuple[OutputFormat, ...] = ()
    keystores: Keystores | None = None
    name_constraints: NameConstraints | None = None
    revision_history_limit: Annotated[int, msgspec.Meta(ge=1)] = 1


class SuggestedWindow(Lenient, frozen=True, kw_only=True):
    start: str | None = None
    end: str | None = None


class RenewalInformation(Lenient, frozen=True, kw_only=True):
    """What the CA says of the right time to renew (RFC 9773)."""

    suggested_window: SuggestedWindow | None = None
    explanation_url: str = msgspec.field(default="", name="explanationURL")
    last_checked: str | None = None
    next_check: str | None = None
    last_error: str = ""


class CertificateACMEStatus(Lenient, frozen=True, kw_only=True):
    ari: RenewalInformation | None = None


class CertificateStatus(Lenient, frozen=True, kw_only=True):
    """Conditions Ready and Issuing. Times are RFC 3339."""

    conditions: tuple[Condition, ...] = ()
    last_failure_time: str | None = None
    failed_issuance_attempts: int | None = None
    not_before: str | None = None
    not_after: str | None = None
    renewal_time: str | None = None
    revision: int | None = None
    next_private_key_secret_name: str | None = None
    acme: CertificateACMEStatus | None = None


class Certificate(Resource, frozen=True, kw_only=True):
    spec: CertificateSpec
    status: CertificateStatus | None = None
