"""Further files in the Secret: `additionalOutputFormats` and `keystores`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hearthgate.certificates.secrets import jks, pkcs12
from hearthgate.certificates.x509.keys import Key
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.certificate import CertificateSpec

DER_KEY: Final = "key.der"
COMBINED: Final = "tls-combined.pem"
JKS_KEYSTORE, JKS_TRUSTSTORE = "keystore.jks", "truststore.jks"
PKCS12_KEYSTORE, PKCS12_TRUSTSTORE = "keystore.p12", "truststore.p12"


class Passwords(NamedTuple):
    """Those of the key stores that the spec wants: its own, or what `passwordSecretRef` leads to. None: there is
    none yet, and the store is not written."""

    jks: SecretBytes | None = None
    pkcs12: SecretBytes | None = None


NO_PASSWORDS: Final = Passwords()


class Pair(NamedTuple):
    """What stores are made of. pem: the key as it is in the Secret. ca: None when the issuer tells none."""

    key: Key
    key_pem: bytes
    chain_pem: bytes
    chain: Sequence[x509.Certificate]
    ca: x509.Certificate | None
    created: datetime


def output_formats(spec: CertificateSpec, key_pem: bytes, chain_pem: bytes) -> dict[str, bytes]:
    """By key of the Secret."""
    wanted = {output.type for output in spec.additional_output_formats}
    found: dict[str, bytes] = {}
    if "DER" in wanted:
        found[DER_KEY] = der_of(key_pem)
    if "CombinedPEM" in wanted:
        found[COMBINED] = key_pem + b"\n" + chain_pem
    return found


def der_of(key_pem: bytes) -> bytes:
    """What the PEM holds, in the same form."""
    key = load_pem_private_key(key_pem, password=None)
    old = b"-----BEGIN PRIVATE KEY-----" not in key_pem
    return key.private_bytes(
        Encoding.DER, PrivateFormat.TraditionalOpenSSL if old else PrivateFormat.PKCS8, NoEncryption()
    )


def keystores(spec: CertificateSpec, pair: Pair, passwords: Passwords) -> dict[str, bytes]:
    """By key of the Secret. The CA is in a store of its own too, when it is known."""
    found: dict[str, bytes] = {}
    wanted = spec.keystores
    if wanted is None:
        return found
    if wanted.jks is not None and wanted.jks.create and passwords.jks:
        found[JKS_KEYSTORE] = jks.keystore(
            pair.key,
            pair.chain,
            pair.ca,
            alias=wanted.jks.alias or "certificate",
            password=passwords.jks,
            created=pair.created,
        )
        if pair.ca is not None:
            found[JKS_TRUSTSTORE] = jks.truststore(pair.ca, password=passwords.jks, created=pair.created)
    if wanted.pkcs12 is not None and wanted.pkcs12.create and passwords.pkcs12:
        profile = wanted.pkcs12.profile
        found[PKCS12_KEYSTORE] = pkcs12.keystore(
            pair.key, pair.chain, pair.ca, profile=profile, password=passwords.pkcs12
        )
        if pair.ca is not None:
            found[PKCS12_TRUSTSTORE] = pkcs12.truststore(pair.ca, profile=profile, password=passwords.pkcs12)
    return found


def unopened(spec: CertificateSpec, data: dict[str, SecretBytes], passwords: Passwords) -> Iterator[str]:
    """Keys of stores that are wanted, whose password is known, and that are missing or do not open with it."""
    wanted = spec.keystores
    if wanted is None:
        return
    has_ca = bool(data.get("ca.crt"))
    for store, truststore, password, opens, create in (
        (JKS_KEYSTORE, JKS_TRUSTSTORE, passwords.jks, jks.opens, wanted.jks and wanted.jks.create),
        (
            PKCS12_KEYSTORE,
            PKCS12_TRUSTSTORE,
            passwords.pkcs12,
            pkcs12.opens,
            wanted.pkcs12 and wanted.pkcs12.create,
        ),
    ):
        if not create or not password:
            continue
        for name in (store, truststore) if has_ca else (store,):
            held = data.get(name)
            if not held or not opens(held.reveal(), password):
                yield name
