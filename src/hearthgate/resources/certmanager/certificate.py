"""Certificate: the names that a Secret shall hold a certificate for."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import IssuerRef, SecretKeyRef, Usage
from hearthgate.resources.meta import Condition, Lenient, Resource, Strict, differs
from hearthgate.resources.scalars import Duration, Name64


class OtherName(Strict, frozen=True, kw_only=True):
    """A name of a type that has no list of its own.

    oid: The type as object identifier with dots.
    utf8_value: The name.
    """

    oid: str = ""
    utf8_value: str = ""


class Subject(Strict, frozen=True, kw_only=True):
    """The subject of the certificate beside its common name."""

    organizations: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    street_addresses: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()
    serial_number: str = ""


class PrivateKey(Strict, frozen=True, kw_only=True):
    """The key of the certificate.

    rotation_policy: Always: a new key with each certificate; Never: keep the key.
    encoding: How the key is written into the Secret.
    algorithm: RSA, ECDSA or Ed25519.
    size: Bits: 2048 to 8192 for RSA (2048 unless set), 256, 384 or 521 for ECDSA (256 unless set).
    """

    rotation_policy: Literal["Always", "Never", ""] = "Always"
    encoding: Literal["PKCS1", "PKCS8", ""] = "PKCS1"
    algorithm: Literal["RSA", "ECDSA", "Ed25519", ""] = "RSA"
    size: int = 0


class SecretTemplate(Strict, frozen=True, kw_only=True):
    """What the Secret is marked with.

    annotations: Annotations of the Secret.
    labels: Labels of the Secret.
    """

    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class JKSKeystore(Strict, frozen=True, kw_only=True):
    """A Java key store in the Secret: keystore.jks. One of passwordSecretRef and password.

    create: Whether to make it.
    alias: The name of the entry.
    password_secret_ref: The Secret with the password.
    password: The password itself.
    """

    create: bool
    alias: str = "certificate"
    password_secret_ref: SecretKeyRef | None = None
    password: SecretBytes | None = None


class PKCS12Keystore(Strict, frozen=True, kw_only=True):
    """A PKCS #12 file in the Secret: keystore.p12. One of passwordSecretRef and password.

    create: Whether to make it.
    profile: Which ciphers it uses; LegacyDES unless set.
    password_secret_ref: The Secret with the password.
    password: The password itself.
    """

    create: bool
    profile: Annotated[
        Literal["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026", ""],
        differs("LegacyDES where upstream writes LegacyRC2; LegacyRC2 and Modern2026 are refused"),
    ] = ""
    password_secret_ref: SecretKeyRef | None = None
    password: SecretBytes | None = None


class Keystores(Strict, frozen=True, kw_only=True):
    """Further files in the Secret, for programs that take no PEM.

    jks: A Java key store.
    pkcs12: A PKCS #12 file.
    """

    jks: JKSKeystore | None = None
    pkcs12: PKCS12Keystore | None = None


class OutputFormat(Strict, frozen=True, kw_only=True):
    """A further form of key and certificate in the Secret.

    type: DER: the key as key.der; CombinedPEM: key and chain as tls-combined.pem.
    """

    type: Literal["DER", "CombinedPEM"]


class NameConstraintItem(Strict, frozen=True, kw_only=True):
    """Names by their domain or range."""

    dns_domains: tuple[str, ...] = ()
    ip_ranges: tuple[str, ...] = ()
    email_addresses: tuple[str, ...] = ()
    uri_domains: tuple[str, ...] = ()


class NameConstraints(Strict, frozen=True, kw_only=True):
    """Which names certificates of this CA may hold.

    critical: Whether who does not understand this must refuse the certificate.
    permitted: Only these.
    excluded: None of these.
    """

    critical: bool = False
    permitted: NameConstraintItem | None = None
    excluded: NameConstraintItem | None = None


class RenewalWindow(Strict, frozen=True, kw_only=True):
    """When certificates may be renewed.

    window_duration: How long the window is open.
    cron: When it opens: five fields, or a descriptor such as @daily.
    timezone: The time zone of cron, by its IANA name.
    """

    window_duration: Duration
    cron: str
    timezone: str = "UTC"


class Renewal(Strict, frozen=True, kw_only=True):
    """How and when to renew.

    policy: Disabled: never by itself.
    windows: Only in these windows; none: at any time.
    """

    policy: Literal["RenewBefore", "Disabled", ""] = "RenewBefore"
    windows: tuple[RenewalWindow, ...] = ()


class CertificateSpec(Strict, frozen=True, kw_only=True):
    """What the certificate shall say. It needs a name: commonName, literalSubject or one of the lists.

    secret_name: The Secret that gets key and certificate.
    issuer_ref: Who shall sign.
    common_name: The common name. Browsers look at dnsNames only.
    dns_names: Host names; *.example.org stands for all of one level.
    ip_addresses: IP addresses.
    uris: URIs.
    email_addresses: E-mail addresses.
    other_names: Names of further types.
    subject: The subject beside the common name.
    literal_subject: The whole subject as text (RFC 4514), in place of subject and commonName.
    duration: How long it shall be valid: 2160h (90 days) unless set. ACME servers decide it themselves.
    renew_before: How long before its end it is renewed; a third of the lifetime unless set, half of one that is
        shorter than ten days.
    renew_before_percentage: The same as a percentage of the lifetime.
    renewal: How and when to renew.
    usages: What the key may be used for: digital signature and key encipherment unless set.
    is_ca: Whether it may sign other certificates.
    private_key: The key of the certificate.
    signature_algorithm: How the request is signed; chosen to fit the key unless set.
    encode_usages_in_request: Whether the request names the usages.
    secret_template: What the Secret is marked with.
    additional_output_formats: Further forms of key and certificate in the Secret.
    keystores: Further files in the Secret, for programs that take no PEM.
    name_constraints: Of a CA: which names its certificates may hold.
    revision_history_limit: How many CertificateRequests are kept.
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
    """The time in which the CA wants the certificate to be renewed."""

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
    """What only ACME issuers know."""

    ari: RenewalInformation | None = None


class CertificateStatus(Lenient, frozen=True, kw_only=True):
    """The state of the certificate. Times are RFC 3339.

    conditions: Ready: the Secret holds what is asked; Issuing: a certificate is being obtained.
    last_failure_time: When the last attempt failed; none since the last success.
    failed_issuance_attempts: How often it failed since the last success.
    not_before: Valid from.
    not_after: Valid until.
    renewal_time: When it will be renewed.
    revision: How many certificates there have been.
    next_private_key_secret_name: The Secret with the key of the certificate that is being obtained.
    """

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
    """A TLS certificate that is obtained, kept in a Secret and renewed in time."""

    spec: CertificateSpec
    status: CertificateStatus | None = None
