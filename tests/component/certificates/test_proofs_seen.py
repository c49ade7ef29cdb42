"""Our own looks at proofs of HTTP-01 and TLS-ALPN-01, against servers that give them, give others, or nothing."""

import asyncio
import contextlib
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.dns01 import asking
from hearthgate.certificates.orders.http01 import PATH, HTTP01Proofs
from hearthgate.certificates.orders.tlsalpn01 import PROTOCOL, TLSALPN01Proofs
from hearthgate.ingress.proofs.certificate import proof_pair
from hearthgate.ingress.routing.model import Proof, ProofKind
from hearthgate.resources.certmanager import Challenge
from tests.acme.listener import make_listener
from tests.acme.pebble import Pebble, run_pebble
from tests.component.certificates.acme_stage import acme_issuer, issuing
from tests.component.certificates.requests_made import chain_of, ended, request
from tests.component.certificates.stage import stage
from tests.ports import free_port

KEY = f"token.{AccountKey.generate().thumbprint}"


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    """Its DNS server says 127.0.0.1 for every name."""
    with run_pebble() as running:
        yield running


def challenge(host: str = "www.example.test", type_: str = "HTTP-01") -> Challenge:
    spec = {
        "url": "https://ca.test/c/1",
        "authorizationURL": "https://ca.test/a/1",
        "dnsName": host,
        "type": type_,
        "token": "token",
        "key": KEY,
        "solver": {},
        "issuerRef": {"name": "acme"},
    }
    return msgspec.convert({"metadata": {"name": "c", "namespace": "default"}, "spec": spec}, Challenge)


@contextlib.asynccontextmanager
async def serving(answer: web.StreamResponse | str | int, *, tls: bool = False, to: int = 0) -> AsyncIterator[int]:
    """The port of a server that gives this text, this status, or redirects to this port by HTTPS."""

    async def handle(asked: web.Request) -> web.Response:
        assert asked.path == f"{PATH}token"
        if to:
            raise web.HTTPFound(f"https://localhost:{to}{asked.path}")
        return web.Response(text=answer) if isinstance(answer, str) else web.Response(status=int(str(answer)))

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        context = None
        if tls:
            with tempfile.TemporaryDirectory() as folder:
                context = make_listener().context(Path(folder))
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def http(port: int, pebble: Pebble | None = None) -> HTTP01Proofs:
    servers = () if pebble is None else (pebble.dns,)
    return HTTP01Proofs(lambda: servers, port=port)


class TestHTTP01:
    async def test_sees_the_proof_at_a_name_that_only_other_resolvers_know(self, pebble: Pebble) -> None:
        async with serving(KEY) as port:
            seen = await http(port, pebble).look(challenge())
        assert seen.ok, seen
        assert seen.detail == f"GET http://www.example.test:{port}{PATH}token gives the proof"

    async def test_of_an_address(self) -> None:
        async with serving(f"{KEY}\n") as port:
            assert (await http(port).look(challenge("127.0.0.1"))).ok

    async def test_follows_redirections_to_https_without_a_certificate(self, pebble: Pebble) -> None:
        async with serving(KEY, tls=True) as secured, serving("", to=secured) as port:
            assert (await http(port, pebble).look(challenge())).ok

    @pytest.mark.parametrize(
        ("answer", "words"),
        [("hello", "another answer than the proof"), (404, "status 404")],
        ids=["other", "404"],
    )
    async def test_something_else(self, pebble: Pebble, answer: str | int, words: str) -> None:
        async with serving(answer) as port:
            seen = await http(port, pebble).look(challenge())
        assert (seen.ok, words in seen.detail, "lead to this proxy?" in seen.detail) == (False, True, True)
        assert "hello" not in seen.detail  # whatever it is, it is nobody's business

    async def test_nobody_there(self, pebble: Pebble) -> None:
        seen = await http(free_port(), pebble).look(challenge())
        assert (seen.ok, "onnect" in seen.detail) == (False, True)

    async def test_a_name_that_does_not_exist(self) -> None:
        seen = await http(80).look(challenge("does-not-exist.invalid"))
        assert not seen.ok
        assert "does-not-exist.invalid" in seen.detail

    async def test_resolvers_that_do_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "UDP_TRIES", (0.1,))
        dead = f"127.0.0.1:{free_port()}"
        seen = await HTTP01Proofs(lambda: (dead,), port=80).look(challenge())
        assert (seen.ok, "www.example.test" in seen.detail) == (False, True)

    async def test_pebble_finds_what_we_have_seen(self, tmp_path: Path, pebble: Pebble) -> None:
        """The whole way; here a server of the test takes the proofs from the Challenges, as the proxy does."""
        async with stage(tmp_path) as api:

            async def handle(asked: web.Request) -> web.Response:
                token = asked.path.removeprefix(PATH)
                keys = {one.spec.token: one.spec.key for one in await api.all(Challenge)}
                return web.Response(text=keys[token]) if token in keys else web.Response(status=404)

            port = free_port()
            runner = web.AppRunner(_app(handle), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            with run_pebble(http_port=port) as judge:
                proofs = HTTP01Proofs(lambda: (judge.dns,), port=port)
                async with issuing(api, {"HTTP-01": proofs}):
                    await acme_issuer(api, judge.directory, judge.ca, solvers=[{"http01": {"ingress": {}}}])
                    names = ["a.example.test", "b.example.test"]
                    await request(api, "web-1", issuer="acme", dnsNames=names, ipAddresses=["127.0.0.1"])
                    assert (await ended(api, "web-1")).reason == "Issued"
                    chain = await chain_of(api, "web-1")
                    assert (sorted(chain.leaf.names.dns), chain.leaf.names.ips) == (names, ("127.0.0.1",))
            await runner.cleanup()


def _app(handle: object) -> web.Application:
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)  # type: ignore[arg-type]
    return app


@contextlib.asynccontextmanager
async def shaking_hands(host: str, key: str, protocol: str = PROTOCOL) -> AsyncIterator[int]:
    """The port of a server that shows the proxy's certificate for this proof."""
    pair = proof_pair(Proof(kind=ProofKind.TLS_ALPN, host=host, token="token", key_authorization=key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([protocol])
    file = os.memfd_create("pair")
    os.write(file, pair.chain + pair.key)
    context.load_cert_chain(f"/proc/self/fd/{file}")
    os.close(file)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class TestTLSALPN01:
    @pytest.mark.parametrize("host", ["www.example.test", "127.0.0.1"])
    async def test_sees_the_proof(self, pebble: Pebble, host: str) -> None:
        async with shaking_hands(host, KEY) as port:
            seen = await TLSALPN01Proofs(lambda: (pebble.dns,), port=port).look(challenge(host, "TLS-ALPN-01"))
        assert seen.ok, seen

    @pytest.mark.parametrize(
        ("key", "protocol", "words"),
        [
            ("token.other", PROTOCOL, "shows another certificate than the proof"),
            (KEY, "http/1.1", "TLS handshake"),
        ],
        ids=["another proof", "another protocol"],
    )
    async def test_something_else(self, pebble: Pebble, key: str, protocol: str, words: str) -> None:
        async with shaking_hands("www.example.test", key, protocol) as port:
            look = TLSALPN01Proofs(lambda: (pebble.dns,), port=port).look
            seen = await look(challenge(type_="TLS-ALPN-01"))
        assert (seen.ok, words in seen.detail) == (False, True), seen

    async def test_nobody_there(self, pebble: Pebble) -> None:
        port = free_port()
        seen = await TLSALPN01Proofs(lambda: (pebble.dns,), port=port).look(challenge(type_="TLS-ALPN-01"))
        assert (seen.ok, f"port {port} of www.example.test" in seen.detail) == (False, True)
