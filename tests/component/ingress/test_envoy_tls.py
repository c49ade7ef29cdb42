"""TLS on entrypoints: certificates by name, options, client certificates, misdirected requests, HTTP/2, HTTP/3."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from hearthgate.ingress.routing.model import Certificate, ClientAuth, EntryPoint, TLSOptions
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from tests.component.ingress.certificates import Shown, certificate_of, self_signed
from tests.component.ingress.gateway import Backend, Gateway, ask, backend, gateway, model, router
from tests.component.ingress.http3 import connected


class Stage(NamedTuple):
    gateway: Gateway
    backend: Backend
    port: int

    async def serve(self, *rules: str | tuple[str, str], **fields: Any) -> tuple[str, ...]:
        """Serves rules, each with the name of its TLS options; gives the messages of the problems."""
        entrypoint = EntryPoint(
            name="web", host="127.0.0.1", port=self.port, http3=fields.pop("http3", False), advertised_port=443
        )
        routers = []
        for each in rules:
            text, options = each if isinstance(each, tuple) else (each, "default")
            routers.append(router(text, self.backend.balancer(), tls=True, tls_options=options))
        values = {"default_certificate": certificate("default"), **fields}
        translation = await self.gateway.serve(model([entrypoint], routers, **values), self.backend.endpoints)
        return tuple(problem.message for problem in translation.problems)


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with gateway(tmp_path) as running, backend("one") as one:
        yield Stage(running, one, free_port())


def certificate(name: str, *names: str, serial: int = 1, not_after: float = 1.0) -> Certificate:
    pair = self_signed(name, *names, serial=serial)
    return Certificate(
        ref=ObjectRef("Secret", "default", name),
        names=names or (name,),
        chain=pair.chain.decode(),
        key=SecretBytes(pair.key),
        not_after=not_after,
    )


def client(*alpn: str, identity: str = "", folder: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if identity and folder is not None:
        pair = self_signed(identity)
        file = folder / f"{identity}.pem"
        file.write_bytes(pair.chain + pair.key)
        context.load_cert_chain(file)
    return context


async def status(port: int, context: ssl.SSLContext, host: str, sni: str | None = None) -> int | None:
    """The status of a request over TLS; None when the connection fails."""
    try:
        return (await ask(port, host=host, tls=context, sni=sni or host)).status
    except (OSError, EOFError):
        return None


async def test_certificates_by_name(stage: Stage) -> None:
    certificates = (certificate("exact.test"), certificate("wild", "*.test"))
    await stage.serve("PathPrefix(`/`)", certificates=certificates)
    shown = {name: await certificate_of(stage.port, name) for name in ("exact.test", "EXACT.test", "b.test")}
    assert shown == {
        "exact.test": Shown("exact.test", 1),
        "EXACT.test": Shown("exact.test", 1),
        "b.test": Shown("wild", 1),
    }
    for name in ("deep.b.test", "other.example", None):
        assert await certificate_of(stage.port, name) == Shown("default", 1), name


async def test_a_renewed_certificate_is_shown_at_once(stage: Stage) -> None:
    await stage.serve("PathPrefix(`/`)", certificates=(certificate("a.test"),))
    assert await certificate_of(stage.port, "a.test") == Shown("a.test", 1)
    await stage.serve("PathPrefix(`/`)", certificates=(certificate("a.test", serial=2),))
    assert await certificate_of(stage.port, "a.test") == Shown("a.test", 2)


async def test_sni_strict_refuses_names_without_certificate(stage: Stage) -> None:
    options = (TLSOptions(sni_strict=True),)
    await stage.serve("PathPrefix(`/`)", certificates=(certificate("a.test"),), tls_options=options)
    assert await certificate_of(stage.port, "a.test") == Shown("a.test", 1)
    assert await certificate_of(stage.port, "b.test") is None
    assert await certificate_of(stage.port, None) is None


def pinned(**fields: Any) -> tuple[TLSOptions, ...]:
    """Options `own` for `own.test`, beside the default ones."""
    return (TLSOptions(), TLSOptions(name="own", hosts={"web": ("own.test",)}, **fields))


async def test_versions_and_ciphers(stage: Stage) -> None:
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")
    own = pinned(max_version="1.2", ciphers=suites, curves=("P-256",))
    await stage.serve(("Host(`own.test`)", "own"), "Host(`free.test`)", tls_options=own)
    for host, version, suite in (
        ("own.test", "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("free.test", "TLSv1.3", ""),
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", stage.port, ssl=client(), server_hostname=host)
        assert writer.get_extra_info("ssl_object").version() == version
        assert suite in ("", writer.get_extra_info("cipher")[0])
        writer.close()
    modern = client()
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    assert await status(stage.port, modern, "own.test") is None
    assert await status(stage.port, modern, "free.test") == 200


EVERY_CIPHER = (
    *(
        f"TLS_{exchange}_WITH_{bulk}"
        for exchange in ("ECDHE_RSA", "ECDHE_ECDSA", "RSA")
        for bulk in ("AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_GCM_SHA256", "AES_256_GCM_SHA384")
    ),
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_FALLBACK_SCSV",
)


async def test_every_cipher_and_curve_that_options_may_name_is_accepted(stage: Stage) -> None:
    curves = ("P-256", "P-384", "P-521", "X25519", "X25519MLKEM768")
    own = pinned(ciphers=EVERY_CIPHER, curves=curves, min_version="1.0")
    assert not await stage.serve(("Host(`own.test`)", "own"), tls_options=own)
    assert await status(stage.port, client(), "own.test") == 200


async def test_protocols_by_alpn(stage: Stage) -> None:
    await stage.serve(("Host(`own.test`)", "own"), "Host(`free.test`)", tls_options=pinned(alpn=("http/1.1",)))
    for host, version in (("own.test", "HTTP/1.1"), ("free.test", "HTTP/2")):
        async with httpx.AsyncClient(http2=True, verify=client("h2", "http/1.1")) as session:
            url = f"https://127.0.0.1:{stage.port}/"
            answer = await session.get(url, headers={"Host": host}, extensions={"sni_hostname": host})
        assert (answer.status_code, answer.http_version) == (200, version)
        assert dict(answer.json()["headers"])["X-Forwarded-Proto"] == "https"


CLIENT_AUTH = {
    # type: (without a certificate, with a stranger's, with a known one)
    "RequestClientCert": (200, 200, 200),
    "RequireAnyClientCert": (None, 200, 200),
    "VerifyClientCertIfGiven": (200, None, 200),
    "RequireAndVerifyClientCert": (None, None, 200),
}


@pytest.mark.parametrize("kind", CLIENT_AUTH)
async def test_client_certificates(stage: Stage, tmp_path: Path, kind: str) -> None:
    verifies = "Verify" in kind
    cas = (self_signed("known").chain.decode(),) if verifies else ()
    own = pinned(client_auth=ClientAuth(type=kind, cas=cas))
    await stage.serve(("Host(`own.test`)", "own"), "Host(`free.test`)", tls_options=own)
    contexts = [client(), client(identity="stranger", folder=tmp_path), client(identity="known", folder=tmp_path)]
    found = tuple([await status(stage.port, context, "own.test") for context in contexts])
    assert found == CLIENT_AUTH[kind]
    assert await status(stage.port, client(), "free.test") == 200


async def test_hosts_are_served_only_under_their_own_options(stage: Stage, tmp_path: Path) -> None:
    auth = ClientAuth(type="RequireAndVerifyClientCert", cas=(self_signed("known").chain.decode(),))
    own = pinned(client_auth=auth)
    await stage.serve(("Host(`own.test`)", "own"), "Host(`free.test`)", "PathPrefix(`/`)", tls_options=own)
    known = client(identity="known", folder=tmp_path)
    assert await status(stage.port, client(), "own.test", sni="free.test") == 421
    assert await status(stage.port, client(), "own.test.", sni="free.test") == 421
    assert await status(stage.port, known, "free.test", sni="own.test") == 421
    assert await status(stage.port, known, "unheard-of.test", sni="own.test") == 421
    assert await status(stage.port, client(), "unheard-of.test") == 200
    assert await status(stage.port, known, "own.test") == 200


async def test_wildcard_options_leave_hosts_of_others_alone(stage: Stage) -> None:
    own = (TLSOptions(), TLSOptions(name="own", max_version="1.2", hosts={"web": ("*.own.test",)}))
    await stage.serve(("Host(`*.own.test`)", "own"), "Host(`free.own.test`)", tls_options=own)
    modern = client()
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    assert await status(stage.port, modern, "any.own.test") is None
    assert await status(stage.port, client(), "any.own.test") == 200
    assert await status(stage.port, modern, "free.own.test") == 200


async def test_plain_and_tls_share_a_port(stage: Stage) -> None:
    await stage.serve("Host(`site.test`)")
    assert (await ask(stage.port)).status == 404
    assert (await ask(stage.port, tls=client(), sni="site.test")).sent("x-forwarded-port") == "443"


async def test_http3(stage: Stage) -> None:
    certificates = (certificate("exact.test"), certificate("wild", "*.test"))
    await stage.serve("PathPrefix(`/`)", certificates=certificates, http3=True)
    expected = {"exact.test": "exact.test", "b.test": "wild", "other.example": "default"}
    for host, name in expected.items():
        async with connected(stage.port, host) as connection:
            assert connection.shown.common_name == name
            answer = await connection.get(host, "/x?y=1")
        assert (answer.status, answer.json["path"]) == (200, "/x?y=1")
        assert answer.sent("x-forwarded-for") == "127.0.0.1"
        assert answer.sent("x-forwarded-proto") == "https"
    over_tcp = await ask(stage.port, host="exact.test", tls=client(), sni="exact.test")
    assert over_tcp.header("alt-svc") == 'h3=":443"; ma=2592000'


async def test_http3_knows_the_peers_address(stage: Stage) -> None:
    await stage.serve(
        "Host(`a.test`) && ClientIP(`127.0.0.1`)", "Host(`b.test`) && !ClientIP(`127.0.0.0/8`)", http3=True
    )
    for host, outcome in (("a.test", 200), ("b.test", 404)):
        async with connected(stage.port, host) as connection:
            assert (await connection.get(host)).status == outcome


async def test_http3_is_not_offered_where_client_certificates_are_asked_for(stage: Stage) -> None:
    auth = ClientAuth(type="RequireAndVerifyClientCert", cas=(self_signed("known").chain.decode(),))
    said = await stage.serve(
        ("Host(`own.test`)", "own"), "Host(`free.test`)", tls_options=pinned(client_auth=auth), http3=True
    )
    assert ["HTTP/3" in message for message in said] == [True]
    async with connected(stage.port, "own.test") as connection:
        assert (await connection.get("own.test")).status == 421
    over_tcp = await ask(stage.port, host="free.test", tls=client(), sni="free.test")
    assert over_tcp.header("alt-svc") is not None


async def test_sni_strict_over_http3(stage: Stage) -> None:
    options = (TLSOptions(sni_strict=True),)
    await stage.serve("PathPrefix(`/`)", certificates=(certificate("a.test"),), tls_options=options, http3=True)
    async with connected(stage.port, "a.test") as connection:
        assert connection.shown.common_name == "a.test"
    with pytest.raises((ConnectionError, TimeoutError)):
        async with asyncio.timeout(1), connected(stage.port, "b.test"):
            pass
