"""ServersTransport from manifests, each option on the wire."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.component.ingress.certificates import Pair, self_signed
from tests.component.ingress.gateway import Answer
from tests.component.ingress.site import Manifest, Script, Site, manifest, script, secret, service, site

NAME = "backend.test"
URI = "spiffe://homelab/backend"


def pair_context(folder: Path, pair: Pair, *, client_ca: bytes = b"") -> ssl.SSLContext:
    file = folder / "server.pem"
    file.write_bytes(pair.chain + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode())
    return context


def served(port: int, transport: dict[str, Any] | None, *, scheme: str = "https") -> list[Manifest]:
    """The route `t.test` to a Service on `port`, by a ServersTransport."""
    reference: dict[str, Any] = {"name": "backend", "port": 80, "scheme": scheme}
    documents = list(service("backend", port))
    if transport is not None:
        documents.append(manifest("traefik.io/v1alpha1", "ServersTransport", "own", spec=transport))
        reference["serversTransport"] = "own"
    route = {"match": "Host(`t.test`)", "services": [reference]}
    spec = {"entryPoints": ["web"], "routes": [route]}
    return [*documents, manifest("traefik.io/v1alpha1", "IngressRoute", "t", spec=spec)]


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as one:
        yield one


@asynccontextmanager
async def secure(folder: Path, pair: Pair, client_ca: bytes = b"") -> AsyncIterator[Script]:
    async with script(pair_context(folder, pair, client_ca=client_ca)) as one:
        one.answer = describe
        yield one


def describe(request: web.BaseRequest) -> web.Response:
    assert request.transport is not None
    tls = request.transport.get_extra_info("ssl_object")
    shown = tls.getpeercert() if tls is not None else None
    said = {"version": tls.version(), "cipher": tls.cipher()[0], "client": bool(shown)} if tls else {}
    return web.json_response(said | {"connection": request.headers.get("connection", "")})


def authority(name: str, pair: Pair) -> Manifest:
    return secret(name, {"ca.crt": pair.chain.decode()})


def bundle(name: str, pair: Pair) -> Manifest:
    return manifest("v1", "ConfigMap", name, data={"ca.crt": pair.chain.decode()})


def shown(name: str, pair: Pair) -> Manifest:
    data = {"tls.crt": pair.chain, "tls.key": pair.key}
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return manifest("v1", "Secret", name, type="kubernetes.io/tls", data=encoded)


def with_uri() -> Pair:
    """A self-signed certificate with a name and a URI."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.UniformResourceIdentifier(URI)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM), private)


async def answer(one: Site, documents: list[Manifest]) -> Answer:
    problems = await one.apply(documents)
    assert not [text for text in problems if "error" in text], problems
    return await one.get("t")


SELF = with_uri()
OTHER = self_signed("other.test")
BY_CA = {"rootCAs": [{"secret": "ca"}]}
VERIFIED: list[tuple[str, dict[str, Any], int]] = [
    ("an authority in a Secret", {**BY_CA, "serverName": NAME}, 200),
    ("an authority in a ConfigMap", {"rootCAs": [{"configMap": "bundle"}], "serverName": NAME}, 200),
    ("another authority", {"rootCAs": [{"secret": "other"}], "serverName": NAME}, 502),
    ("another name", {**BY_CA, "serverName": "other.test"}, 502),
    ("nothing verified", {"insecureSkipVerify": True}, 200),
    ("a name of the list", {**BY_CA, "peerCertSANs": [{"type": "DNSName", "value": NAME}]}, 200),
    ("no name of the list", {**BY_CA, "peerCertSANs": [{"type": "DNSName", "value": "x.test"}]}, 502),
    ("its URI", {**BY_CA, "peerCertURI": URI}, 200),
    ("another URI", {**BY_CA, "serverName": NAME, "peerCertURI": f"{URI}/x"}, 502),
]


@pytest.mark.parametrize(("case", "spec", "status"), VERIFIED, ids=[case for case, _, _ in VERIFIED])
async def test_whom_a_transport_believes(
    running: Site, tmp_path: Path, case: str, spec: dict[str, Any], status: int
) -> None:
    async with secure(tmp_path, SELF) as backend:
        documents = [*served(backend.port, spec), authority("ca", SELF), bundle("bundle", SELF)]
        found = await answer(running, [*documents, authority("other", OTHER)])
        assert found.status == status, case


async def test_the_certificate_that_a_backend_is_shown(running: Site, tmp_path: Path) -> None:
    async with secure(tmp_path, SELF, client_ca=OTHER.chain) as backend:
        plain = await answer(running, served(backend.port, {"insecureSkipVerify": True}))
        assert plain.status == 502
        spec = {"insecureSkipVerify": True, "certificatesSecrets": ["mine"]}
        found = await answer(running, [*served(backend.port, spec), shown("mine", OTHER)])
        assert found.json["client"] is True


async def test_versions_and_ciphers_of_tls(running: Site, tmp_path: Path) -> None:
    cipher = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    async with secure(tmp_path, SELF) as backend:
        skip: dict[str, Any] = {"insecureSkipVerify": True}
        default = await answer(running, served(backend.port, skip))
        assert default.json["version"] == "TLSv1.3"
        lower = await answer(running, served(backend.port, {**skip, "maxVersion": "VersionTLS12"}))
        assert lower.json["version"] == "TLSv1.2"
        spec = {**skip, "maxVersion": "VersionTLS12", "cipherSuites": [cipher]}
        assert (await answer(running, served(backend.port, spec))).json[
            "cipher"
        ] == "ECDHE-ECDSA-AES256-GCM-SHA384"
        only = await answer(running, served(backend.port, {**skip, "minVersion": "VersionTLS13"}))
        assert only.json["version"] == "TLSv1.3"


async def test_answers_that_begin_too_late(running: Site) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close() if over.is_set() else await over.wait()

    over = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    spec = {"forwardingTimeouts": {"responseHeaderTimeout": "200ms"}}
    assert (await answer(running, served(port, spec, scheme="http"))).status == 504
    over.set()
    server.close()


async def test_answers_may_take_longer_than_their_headers(running: Site) -> None:
    """A download is not cut: the time counts for the headers alone."""
    documents = served(running.app.port, {"forwardingTimeouts": {"responseHeaderTimeout": "300ms"}}, scheme="http")
    assert not await running.apply(documents)
    asked = asyncio.create_task(running.get("t", "/gated"))
    await asyncio.wait([asked], timeout=0.8)
    running.app.release.set()
    assert (await asked).body.endswith(b"data: second\n\n")


async def test_a_connection_for_each_request(running: Site) -> None:
    async with script() as backend:
        peers: set[Any] = set()

        def note(request: web.BaseRequest) -> web.Response:
            assert request.transport is not None
            peers.add(request.transport.get_extra_info("peername"))
            return web.Response()

        backend.answer = note
        spec = {"maxIdleConnsPerHost": -1}
        for _ in range(4):
            assert (await answer(running, served(backend.port, spec, scheme="http"))).status == 200
        assert len(peers) == 4


async def test_a_backend_that_does_not_listen(running: Site, free_port: Callable[[], int]) -> None:
    spec = {"forwardingTimeouts": {"dialTimeout": "300ms", "idleConnTimeout": "1s"}}
    assert (await answer(running, served(free_port(), spec, scheme="http"))).status == 502


async def test_tls_where_none_is_spoken_and_none_where_it_is(running: Site, tmp_path: Path) -> None:
    async with secure(tmp_path, SELF) as tls, script() as plain:
        assert (await answer(running, served(plain.port, {"insecureSkipVerify": True}))).status == 502
        assert (await answer(running, served(tls.port, None, scheme="http"))).status == 502


async def test_what_cannot_be_done_is_refused(running: Site) -> None:
    spec = {
        "cipherSuites": ["TLS_NONE", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
        "minVersion": "VersionTLS13",
        "maxVersion": "VersionTLS12",
        "peerCertSANs": [{"type": "Email", "value": "a@b.test"}],
        "certificatesSecrets": ["gone"],
        "maxIdleConnsPerHost": 5,
        "forwardingTimeouts": {"pingTimeout": "soon"},
    }
    problems = await running.apply(served(running.app.port, spec, scheme="http"))
    fields = {text.split(": ")[2] for text in problems if "ServersTransport default/own" in text}
    assert fields >= {
        "spec.cipherSuites[0]",
        "spec.cipherSuites[1]",
        "spec.peerCertSANs[0].type",
        "spec.certificatesSecrets[0]",
        "spec.maxIdleConnsPerHost",
        "spec.forwardingTimeouts.pingTimeout",
        "spec.minVersion",
    }, problems
    assert (await running.get("t")).status == 404
