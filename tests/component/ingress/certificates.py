"""Throwaway certificates, and TLS clients that say which one they were shown."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    chain: bytes
    key: bytes


@cache
def self_signed(common_name: str, *names: str, serial: int = 1) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names or (common_name,)]), False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), private)


class Shown(NamedTuple):
    common_name: str
    serial: int


def shown(der: bytes) -> Shown:
    certificate = x509.load_der_x509_certificate(der)
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return Shown(str(name), certificate.serial_number)


class TlsConnection:
    """An open TLS connection that can ask for pages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.shown = shown(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))

    async def get(self, host: str) -> str:
        self._writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        return (await self._reader.readexactly(length)).decode()

    async def close(self) -> None:
        self._writer.close()


async def connect_tls(port: int, name: str | None) -> TlsConnection:
    """Raises OSError (ssl.SSLError, ConnectionError) when the handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="" if name is None else name
        )
    return TlsConnection(reader, writer)


async def certificate_of(port: int, name: str | None) -> Shown | None:
    """What a client is shown that asks for `name`; None when the handshake fails."""
    try:
        connection = await connect_tls(port, name)
    except (OSError, EOFError):
        return None
    await connection.close()
    return connection.shown
