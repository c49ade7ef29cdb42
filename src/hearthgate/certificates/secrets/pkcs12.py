"""PKCS #12 files (RFC 7292), by cert-manager's profiles.

LegacyDES is what an unset profile writes: upstream writes LegacyRC2 then, whose 40-bit RC2 no library here makes;
whatever reads that reads 3DES too. Modern2026 (PBMAC1, RFC 9579) cannot be made either: admission refuses both.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import KeySerializationEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PBES,
    PKCS12Certificate,
    load_pkcs12,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

from hearthgate.certificates.x509.keys import Key
from hearthgate.model.secret import SecretBytes

_ROUNDS: Final = 2048


def keystore(
    key: Key,
    chain: Sequence[x509.Certificate],
    ca: x509.Certificate | None,
    *,
    profile: str,
    password: SecretBytes,
) -> bytes:
    """Key, chain and the CA, when it is known. Other bytes each time: salts come from chance."""
    others = [*chain[1:], *([ca] if ca is not None and ca not in chain else [])]
    return serialize_key_and_certificates(None, key, chain[0], others, _encryption(profile, password))


def truststore(ca: x509.Certificate, *, profile: str, password: SecretBytes) -> bytes:
    """With the mark by which Java trusts the certificate."""
    return serialize_java_truststore([PKCS12Certificate(ca, b"ca")], _encryption(profile, password))


def opens(store: bytes, password: SecretBytes) -> bool:
    """Whether it is such a file, and this is its password."""
    try:
        load_pkcs12(store, password.reveal())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _encryption(profile: str, password: SecretBytes) -> KeySerializationEncryption:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS)
    if profile == "Modern2023":
        builder = builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    else:
        builder = builder.key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())  # noqa: S303
    return builder.build(password.reveal())
