"""Certificates for trying things out: a little authority, a wildcard signed by it, a backend's own."""

import base64
import contextlib
import datetime
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=90)
LASTS = datetime.timedelta(days=3650)
"""Of an authority."""
RENEW_BEFORE = datetime.timedelta(days=30)


class Pair:
    """A certificate with its key."""

    def __init__(self, names: Sequence[str], *, issuer: "Pair | None" = None, authority: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.datetime.now(datetime.UTC)
        parent_key = issuer.key if issuer else self.key
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + (LASTS if authority else LIFETIME))
            .add_extension(
                x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
            )
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=authority, crl_sign=authority, **usage),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(parent_key.public_key()), critical=False
            )
        )
        if not authority:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        self.certificate: x509.Certificate = builder.sign(parent_key, hashes.SHA256())

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@contextlib.contextmanager
def self_signed(name: str) -> Iterator[tuple[str, str]]:
    """Files with a certificate that nobody vouches for, and its key; gone after the block."""
    pair = Pair([name])
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
        certificate.write_bytes(pair.certificate_pem)
        key.touch(0o600)
        key.write_bytes(pair.key_pem)
        yield str(certificate), str(key)


def ensure_authority(folder: Path, authority_file: Path, domain: str, namespace: str) -> None:
    """Leaves in `folder` a manifest with the Secret `example-ca`, from which a CA issuer signs, valid for 30 days
    at least. Its certificate lands in `authority_file`."""
    manifest = folder / "example-ca.json"
    if authority_file.is_file() and manifest.is_file() and _lasts(authority_file):
        return
    authority = Pair([f"{domain} example authority"], authority=True)
    data = {"tls.crt": authority.certificate_pem, "tls.key": authority.key_pem}
    _write_secrets(manifest, "example-ca", data, (namespace,))
    authority_file.write_bytes(authority.certificate_pem)


def ensure_wildcard(folder: Path, authority_file: Path, domain: str, namespaces: Iterable[str]) -> None:
    """Leaves in `folder` a manifest with a Secret `wildcard-tls` for each namespace, valid for 30 days at least.

    The authority's certificate lands in `authority_file`; its key is thrown away, so that nothing else can
    ever be signed by it.
    """
    manifest = folder / "wildcard-tls.json"
    wanted = sorted(namespaces)
    if authority_file.is_file() and manifest.is_file() and _is_good(authority_file, manifest, wanted):
        return
    authority = Pair([f"{domain} example authority"], authority=True)
    pair = Pair([f"*.{domain}", domain], issuer=authority)
    data = {"tls.crt": pair.certificate_pem + authority.certificate_pem, "tls.key": pair.key_pem}
    _write_secrets(manifest, "wildcard-tls", data, wanted)
    authority_file.write_bytes(authority.certificate_pem)


def _write_secrets(manifest: Path, name: str, data: Mapping[str, bytes], namespaces: Iterable[str]) -> None:
    """The same Secret for each namespace."""
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        for namespace in namespaces
    ]
    manifest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = manifest.with_name(f".{manifest.stem}.new")
    fresh.touch(0o600)
    fresh.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": secrets}))
    fresh.replace(manifest)


def _lasts(authority_file: Path) -> bool:
    authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
    return authority.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > RENEW_BEFORE


def _is_good(authority_file: Path, manifest: Path, namespaces: list[str]) -> bool:
    held = [item["metadata"]["namespace"] for item in json.loads(manifest.read_text())["items"]]
    return _lasts(authority_file) and held == namespaces
