"""Certificate.spec: names, times, key, marks and stores. Where upstream checks in passing or not at all
(a lone renewBeforePercentage, host names that no certificate can hold), this does."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.certmanager.certificate import (
    CertificateSpec,
    JKSKeystore,
    NameConstraintItem,
    NameConstraints,
    PKCS12Keystore,
    PrivateKey,
    Renewal,
)
from hearthgate.resources.certmanager.checks.wording import (
    exactly_one,
    invalid,
    issuer_ref,
    labels,
    missing,
    object_name,
    qualified,
    secret_key,
)
from hearthgate.resources.certmanager.cron import CronProblem, read_cron, read_zone
from hearthgate.resources.certmanager.subjects import OID, SubjectProblem, common_name, read_subject
from hearthgate.resources.certmanager.usages import half_without_agreement
from hearthgate.resources.walk import Mistake

DEFAULT_DURATION: Final = 2160 * 3600.0
_LEAST_DURATION: Final = 3600.0
_LEAST_BEFORE: Final = 300.0
_COMMON_NAME_LIMIT: Final = 64
_ANNOTATIONS_LIMIT: Final = 256 * 1024
_ALIAS_LIMIT: Final = 255
_OWN_PREFIX: Final = "cert-manager.io/"
_OWN_ALLOWED: Final = "cert-manager.io/allow-direct-injection"
_EMAIL: Final = re.compile(r"[^\s@<>()\[\]:;,\\\"]+@[^\s@<>()\[\]:;,\\\"]+", re.ASCII)
_ECDSA_SIZES: Final = (256, 384, 521)
_CANNOT: Final = {
    "LegacyRC2": "use LegacyDES: whatever reads LegacyRC2 reads it",
    "Modern2026": "use Modern2023",
}


def mistakes(spec: CertificateSpec) -> Iterator[Mistake]:
    """Paths begin with `spec.`"""
    yield from object_name("spec.secretName", spec.secret_name)
    yield from issuer_ref("spec.issuerRef", spec.issuer_ref)
    yield from _subject(spec)
    yield from _names(spec)
    yield from _durations(spec)
    if spec.renewal is not None:
        yield from _renewal(spec.renewal)
    if half := half_without_agreement(spec.usages):
        yield invalid("spec.usages", f"{half!r} says nothing without 'key agreement' (add it, or drop the other)")
    yield from _key(spec.private_key or PrivateKey(), spec.signature_algorithm)
    yield from _marks(spec)
    types = [output.type for output in spec.additional_output_formats]
    for kind in sorted({kind for kind in types if types.count(kind) > 1}):
        yield invalid("spec.additionalOutputFormats", f"has {kind} more than once")
    if spec.keystores is not None:
        if spec.keystores.jks is not None and spec.keystores.jks.create:
            yield from _keystore("spec.keystores.jks", spec.keystores.jks)
        if spec.keystores.pkcs12 is not None and spec.keystores.pkcs12.create:
            yield from _keystore("spec.keystores.pkcs12", spec.keystores.pkcs12)
    if spec.name_constraints is not None:
        yield from _constraints(spec.name_constraints, is_ca=spec.is_ca)


def _subject(spec: CertificateSpec) -> Iterator[Mistake]:
    named = spec.common_name
    if len(named.encode()) > _COMMON_NAME_LIMIT:
        yield invalid(
            "spec.commonName", f"{shorten(named)} is longer than 64 bytes (leave it out: dnsNames count)"
        )
    if spec.literal_subject:
        for field, given in (("commonName", spec.common_name), ("subject", spec.subject)):
            if given:
                yield invalid(
                    "spec.literalSubject", f"stands beside spec.{field}: write all of the subject in one of them"
                )
        try:
            named = common_name(read_subject(spec.literal_subject))
        except SubjectProblem as problem:
            named = "?"
            yield invalid("spec.literalSubject", str(problem))
    if not (named or spec.dns_names or spec.ip_addresses or spec.uris or spec.email_addresses or spec.other_names):
        yield missing("spec", "names nothing: it needs dnsNames, commonName or another list of names")


def _names(spec: CertificateSpec) -> Iterator[Mistake]:
    for index, name in enumerate(spec.dns_names):
        if not name or not name.isascii() or any(mark.isspace() for mark in name):
            yield invalid(
                f"spec.dnsNames[{index}]", f"{shorten(name)} is not a host name in ASCII{_punycode(name)}"
            )
    for index, text in enumerate(spec.ip_addresses):
        try:
            is_address = "%" not in text and bool(ipaddress.ip_address(text))
        except ValueError:
            is_address = False
        if not is_address:
            yield invalid(f"spec.ipAddresses[{index}]", f"{shorten(text)} is not an IP address")
    for index, text in enumerate(spec.uris):
        if not text or not text.isascii() or any(mark.isspace() for mark in text):
            yield invalid(f"spec.uris[{index}]", f"{shorten(text)} is not a URI (escape what is not ASCII)")
    for index, text in enumerate(spec.email_addresses):
        if not _EMAIL.fullmatch(text):
            yield invalid(
                f"spec.emailAddresses[{index}]", f"{shorten(text)} is not a plain address: me@example.org"
            )
    for index, other in enumerate(spec.other_names):
        if not OID.fullmatch(other.oid):
            yield invalid(
                f"spec.otherNames[{index}].oid", f"{shorten(other.oid)} is not an object identifier: 1.3.6.1"
            )
        if not other.utf8_value:
            yield missing(f"spec.otherNames[{index}].utf8Value")


def _durations(spec: CertificateSpec) -> Iterator[Mistake]:
    duration = parse_duration(spec.duration) if spec.duration is not None else DEFAULT_DURATION
    if duration < _LEAST_DURATION:
        yield invalid("spec.duration", f"{spec.duration} is too short: the least is 1h")
    percentage = spec.renew_before_percentage
    if spec.renew_before is not None:
        before = parse_duration(spec.renew_before)
        if percentage is not None:
            yield invalid("spec.renewBefore", "stands beside renewBeforePercentage: only one of them may be set")
        if before < _LEAST_BEFORE:
            yield invalid("spec.renewBefore", f"{spec.renew_before} is too short: the least is 5m")
        if before >= duration:
            yield invalid(
                "spec.renewBefore",
                f"{spec.renew_before} is not shorter than the duration, {spec.duration or '2160h'}",
            )
    if percentage is not None:
        if not 0 < percentage < 100:
            yield invalid("spec.renewBeforePercentage", f"{percentage} is not within 1 to 99")
        elif duration * percentage / 100 < _LEAST_BEFORE:
            yield invalid("spec.renewBeforePercentage", f"{percentage} of {spec.duration} is less than 5m")


def _renewal(renewal: Renewal) -> Iterator[Mistake]:
    if renewal.windows and renewal.policy == "Disabled":
        yield invalid("spec.renewal.windows", "stand beside policy Disabled, which never renews: drop one of them")
    for index, window in enumerate(renewal.windows):
        below = f"spec.renewal.windows[{index}]"
        if parse_duration(window.window_duration) <= 0:
            yield invalid(f"{below}.windowDuration", f"{window.window_duration} is not greater than 0")
        for field, value, read in (("timezone", window.timezone, read_zone), ("cron", window.cron, read_cron)):
            try:
                read(value)
            except CronProblem as problem:
                yield invalid(f"{below}.{field}", str(problem))


def _key(key: PrivateKey, signature: str) -> Iterator[Mistake]:
    algorithm = key.algorithm or "RSA"
    if algorithm == "RSA" and key.size and not 2048 <= key.size <= 8192:
        yield invalid("spec.privateKey.size", f"{key.size} is not within 2048 to 8192, the sizes of RSA")
    if algorithm == "ECDSA" and key.size and key.size not in _ECDSA_SIZES:
        yield invalid("spec.privateKey.size", f"{key.size} is not 256, 384 or 521, the sizes of ECDSA")
    if signature:
        needed = "RSA" if signature.endswith("RSA") else "ECDSA" if signature.startswith("ECDSA") else "Ed25519"
        if needed != algorithm:
            yield invalid(
                "spec.signatureAlgorithm",
                f"{signature} needs a key of {needed}, not of {algorithm} (spec.privateKey)",
            )


def _marks(spec: CertificateSpec) -> Iterator[Mistake]:
    template = spec.secret_template
    if template is None:
        return
    field = "spec.secretTemplate.annotations"
    for name in template.annotations:
        yield from qualified(f"{field}.{name}", name.lower())
        if name.startswith(_OWN_PREFIX) and name != _OWN_ALLOWED:
            yield invalid(
                f"{field}.{name}", f"annotations under {_OWN_PREFIX} are written by the controller: drop it"
            )
    if (
        sum(len(name.encode()) + len(text.encode()) for name, text in template.annotations.items())
        > _ANNOTATIONS_LIMIT
    ):
        yield invalid(field, "are longer than 256 KiB together")
    yield from labels("spec.secretTemplate.labels", template.labels)


def _keystore(field: str, store: JKSKeystore | PKCS12Keystore) -> Iterator[Mistake]:
    given = [
        name
        for name, value in (("passwordSecretRef", store.password_secret_ref), ("password", store.password))
        if value is not None
    ]
    yield from exactly_one(field, given, ("passwordSecretRef", "password"))
    if store.password_secret_ref is not None:
        yield from secret_key(f"{field}.passwordSecretRef", store.password_secret_ref)
    if store.password is not None and not store.password:
        yield invalid(f"{field}.password", "is empty")
    if isinstance(store, PKCS12Keystore) and store.profile in _CANNOT:
        message = f"{store.profile} cannot be made ({_CANNOT[store.profile]})"
        yield Mistake(f"{field}.profile", Reason.UNSUPPORTED, message)
    if isinstance(store, JKSKeystore) and len(store.alias.encode()) > _ALIAS_LIMIT:
        yield invalid(f"{field}.alias", "is longer than 255 bytes")


def _constraints(wanted: NameConstraints, *, is_ca: bool) -> Iterator[Mistake]:
    field = "spec.nameConstraints"
    if not is_ca:
        yield invalid(field, "are for a CA only: set isCA")
    items = {"permitted": wanted.permitted, "excluded": wanted.excluded}
    if not any(item is not None and _listed(item) for item in items.values()):
        yield missing(field, "needs permitted or excluded, with at least one name")
    for name, item in items.items():
        for index, text in enumerate(item.ip_ranges if item is not None else ()):
            try:
                is_range = "/" in text and bool(ipaddress.ip_network(text, strict=False))
            except ValueError:
                is_range = False
            if not is_range:
                yield invalid(
                    f"{field}.{name}.ipRanges[{index}]", f"{shorten(text)} is not a range such as 10.0.0.0/8"
                )


def _listed(item: NameConstraintItem) -> bool:
    return bool(item.dns_domains or item.ip_ranges or item.email_addresses or item.uri_domains)


def _punycode(name: str) -> str:
    try:
        written = name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return f" (write {written!r})" if written and written != name else ""
