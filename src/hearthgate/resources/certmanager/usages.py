"""Usages by cert-manager's words, as KeyUsage and ExtendedKeyUsage (RFC 5280, 4.2.1.3 and 4.2.1.12)."""

from collections.abc import Iterable, Mapping
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import ObjectIdentifier as Oid

DEFAULT: Final = ("digital signature", "key encipherment")

_BITS: Final[Mapping[str, str]] = {
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "data encipherment": "data_encipherment",
    "key agreement": "key_agreement",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_PURPOSES: Final[Mapping[str, Oid]] = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": Oid("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": Oid("1.3.6.1.5.5.7.3.6"),
    "ipsec user": Oid("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": Oid("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": Oid("2.16.840.1.113730.4.1"),
}
_SYNONYMS: Final[Mapping[str, str]] = {"signing": "digital signature", "s/mime": "email protection"}
_HALVES: Final = ("encipher only", "decipher only")


def effective(usages: Iterable[str], *, is_ca: bool) -> frozenset[str]:
    """What the words mean: synonyms made one, the default filled in, `cert sign` for a CA."""
    found = frozenset(_SYNONYMS.get(usage, usage) for usage in usages) or frozenset(DEFAULT)
    return found | {"cert sign"} if is_ca else found


def half_without_agreement(usages: Iterable[str]) -> str | None:
    """The word that means nothing here: RFC 5280 defines it beside `key agreement` alone."""
    found = frozenset(usages)
    return next((half for half in _HALVES if half in found and "key agreement" not in found), None)


def key_usage(usages: frozenset[str]) -> x509.KeyUsage | None:
    """Of `effective` usages; None when no bit is set."""
    bits = {attribute: usage in usages for usage, attribute in _BITS.items()}
    return x509.KeyUsage(**bits) if any(bits.values()) else None


def extended(usages: frozenset[str]) -> x509.ExtendedKeyUsage | None:
    """Of `effective` usages; None when there is none of them."""
    found = [oid for usage, oid in _PURPOSES.items() if usage in usages]
    return x509.ExtendedKeyUsage(found) if found else None


def words_of_key_usage(found: x509.KeyUsage) -> frozenset[str]:
    halves = frozenset(_HALVES) if not found.key_agreement else frozenset[str]()
    return frozenset(word for word, bit in _BITS.items() if word not in halves and getattr(found, bit))


def words_of_extended(found: x509.ExtendedKeyUsage) -> frozenset[str]:
    """Purposes without a word of their own by their identifier."""
    words = {oid: word for word, oid in _PURPOSES.items()}
    return frozenset(words.get(oid, oid.dotted_string) for oid in found)
