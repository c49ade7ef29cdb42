"""What clients get is compared with what was issued, by real handshakes."""

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hearthgate.certificates.served import reconciler
from hearthgate.certificates.served.expected import Verdict, verdict
from hearthgate.certificates.served.probe import served_serial
from hearthgate.certificates.served.reconciler import KINDS, ServedReconciler
from hearthgate.certificates.shim.asks import Entrances
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik.ingressroute import IngressRoute
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

HOST = "a.home.test"


def issued(serial: int) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM, for *.home.test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "*.home.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.home.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


class Server:
    """Shows one certificate to everybody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.port = 0

    def show(self, pair: tuple[bytes, bytes]) -> None:
        for name, content in zip(("crt", "key"), pair, strict=True):
            (self._folder / name).write_bytes(content)
        self._context.load_cert_chain(self._folder / "crt", self._folder / "key")

    async def start(self) -> asyncio.Server:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        return server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    shown = Server(tmp_path)
    shown.show(issued(1))
    running = await shown.start()
    yield shown
    running.close()


@pytest.fixture
async def played(state_dir: Path) -> AsyncIterator[Stage]:
    async with stage(state_dir) as played:
        rule = {"match": f"Host(`{HOST}`)", "services": [{"name": "s", "port": 80}]}
        metadata = {"name": "wild", "namespace": "default"}
        spec = {"routes": [rule], "tls": {"secretName": "wild"}}
        await played.create(IngressRoute, {"metadata": metadata, "spec": spec})
        wanted = {"secretName": "wild", "dnsNames": ["*.home.test"], "issuerRef": {"name": "le"}}
        await played.create(Certificate, {"metadata": metadata, "spec": wanted})
        yield played


def secret(pair: tuple[bytes, bytes]) -> dict[str, Any]:
    data = {name: base64.b64encode(part).decode() for name, part in zip(("tls.crt", "tls.key"), pair, strict=True)}
    annotations = {reconciler.CERTIFICATE_NAME: "wild"}
    metadata = {"name": "wild", "namespace": "default", "annotations": annotations}
    return {"metadata": metadata, "type": "kubernetes.io/tls", "data": data}


async def test_a_handshake_shows_the_serial_or_nothing(server: Server, free_port: Any) -> None:
    assert await served_serial("127.0.0.1", server.port, HOST) == 1
    assert await served_serial("127.0.0.1", free_port(), HOST) is None


async def test_a_stale_certificate_is_told_and_its_end_too(
    played: Stage, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PATIENCE", (0.01, 0.01))
    monkeypatch.setattr(reconciler, "SELDOM", 0.05)
    looking = ServedReconciler(played.tools, lambda: [("127.0.0.1", server.port)], Entrances)
    second = issued(2)
    await played.create(Secret, secret(second))
    async with played.running([looking], KINDS):

        async def told(reason: str) -> bool:
            return any(message.startswith(f"{reason}:") for message in await played.events_of("wild"))

        await eventually(lambda: told("NotServed"), what="the warning")
        line = 'hearthgate_certificate_served{namespace="default",secret="wild"}'
        assert list(looking.lines())[-1] == f"{line} 0.0\n"
        server.show(second)
        await eventually(lambda: told("Served"), what="the end of it")
        assert list(looking.lines())[-1] == f"{line} 1.0\n"


@pytest.mark.parametrize(
    ("served", "expected"),
    [([], Verdict.UNKNOWN), ([7], Verdict.SERVED), ([8], Verdict.OTHER), ([9], Verdict.STALE)],
)
def test_verdicts(served: list[int], expected: Verdict) -> None:
    assert verdict(7, served, present=[7, 8]) is expected
