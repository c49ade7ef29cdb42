"""Java key stores in their old format, JKS: written, and opened to see whether a password fits.

The format is Sun's own (sun.security.provider.JavaKeyStore and KeyProtector): big-endian, a SHA-1 over password,
a magic word and content at the end, keys hidden by a SHA-1 key stream. It protects nothing by today's measure;
who reads the Secret has the key beside it anyway.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hearthgate.certificates.x509.keys import Key
from hearthgate.certificates.x509.names import tagged
from hearthgate.model.secret import SecretBytes

_MAGIC: Final = 0xFEEDFEED
_VERSION: Final = 2
_KEY_ENTRY: Final = 1
_TRUSTED_ENTRY: Final = 2
_WHITENER: Final = b"Mighty Aphrodite"
_DIGEST: Final = hashlib.sha1
_PROTECTOR: Final = bytes.fromhex("300e060a2b060104012a021101010500")
"""AlgorithmIdentifier 1.3.6.1.4.1.42.2.17.1.1, no parameters."""
_SEQUENCE: Final = 0x30
_OCTETS: Final = 0x04
_SIZE: Final = 20
CA_ALIAS: Final = "ca"


def keystore(
    key: Key,
    chain: Sequence[x509.Certificate],
    ca: x509.Certificate | None,
    *,
    alias: str,
    password: SecretBytes,
    created: datetime,
) -> bytes:
    """Key and chain under the alias, and the CA, when it is known, as a certificate that is trusted. The same
    bytes for the same input."""
    entries = [_key_entry(key, chain, alias, password, created)]
    if ca is not None:
        entries.append(_trusted_entry(ca, created))
    return _store(entries, password)


def truststore(ca: x509.Certificate, *, password: SecretBytes, created: datetime) -> bytes:
    return _store([_trusted_entry(ca, created)], password)


def opens(store: bytes, password: SecretBytes) -> bool:
    """Whether it is a key store, whole, and this is its password."""
    if len(store) < 12 + _SIZE or struct.unpack(">I", store[:4])[0] != _MAGIC:
        return False
    content, digest = store[:-_SIZE], store[-_SIZE:]
    return hmac.compare_digest(_integrity(content, password), digest)


def _store(entries: Sequence[bytes], password: SecretBytes) -> bytes:
    content = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    return content + _integrity(content, password)


def _integrity(content: bytes, password: SecretBytes) -> bytes:
    return _DIGEST(_java(password) + _WHITENER + content).digest()


def _key_entry(
    key: Key, chain: Sequence[x509.Certificate], alias: str, password: SecretBytes, created: datetime
) -> bytes:
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    hidden = tagged(_SEQUENCE, _PROTECTOR + tagged(_OCTETS, _hidden(plain, password)))
    return b"".join(
        (
            _head(_KEY_ENTRY, alias, created),
            struct.pack(">I", len(hidden)),
            hidden,
            struct.pack(">I", len(chain)),
            *(_certificate(certificate) for certificate in chain),
        )
    )


def _trusted_entry(ca: x509.Certificate, created: datetime) -> bytes:
    return _head(_TRUSTED_ENTRY, CA_ALIAS, created) + _certificate(ca)


def _head(kind: int, alias: str, created: datetime) -> bytes:
    """Java finds an alias by its lower case alone."""
    return struct.pack(">I", kind) + _text(alias.lower()) + struct.pack(">Q", int(created.timestamp()) * 1000)


def _certificate(certificate: x509.Certificate) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    return _text("X.509") + struct.pack(">I", len(der)) + der


def _text(text: str) -> bytes:
    """Java's writeUTF; admission keeps aliases short."""
    written = text.encode()
    return struct.pack(">H", len(written)) + written


def _java(password: SecretBytes) -> bytes:
    """A Java String: UTF-16 without a mark."""
    return password.reveal().decode("utf-8", "replace").encode("utf-16-be")


def _hidden(plain: bytes, password: SecretBytes) -> bytes:
    """The salt comes from key and password in place of chance: with the key in it, it is as good, and the same
    Secret is made of the same input."""
    secret = _java(password)
    salt = hmac.new(plain, secret, "sha256").digest()[:_SIZE]
    stream = b"".join(_stream(secret, salt, len(plain)))
    mixed = bytes(one ^ other for one, other in zip(plain, stream, strict=False))
    return salt + mixed + _DIGEST(secret + plain).digest()


def _stream(secret: bytes, salt: bytes, size: int) -> Iterator[bytes]:
    block = salt
    for _ in range(0, size, _SIZE):
        block = _DIGEST(secret + block).digest()
        yield block
