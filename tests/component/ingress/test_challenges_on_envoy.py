"""Proofs that CAs look for, given by a real Envoy: HTTP-01 as an answer, TLS-ALPN-01 as a handshake."""

import asyncio
import hashlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509

from hearthgate.ingress.proofs.certificate import IDENTIFIER
from tests.component.ingress.certificates import certificate_of, self_signed
from tests.component.ingress.challenges import CA, TLS_ALPN, Stage, challenge, route, staged
from tests.component.ingress.site import manifest, middleware, service
from tests.component.ingress.streams import anyone, stream_backend


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with staged(tmp_path, free_port) as found:
        yield found


async def handshake(port: int, name: str, protocols: Sequence[str] = (CA,)) -> x509.Certificate | None:
    """The certificate that a CA is shown, once the connection has ended as it should; None when it is refused."""
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=anyone(*protocols), server_hostname=name
        )
    except (OSError, EOFError):
        return None
    made = writer.get_extra_info("ssl_object")
    assert made.selected_alpn_protocol() == CA
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    return x509.load_der_x509_certificate(made.getpeercert(binary_form=True))


def is_proof(certificate: x509.Certificate | None, *names: x509.GeneralName, key: str = "token-1.thumb") -> bool:
    """As RFC 8737 3 asks for it."""
    assert certificate is not None
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    identifier = certificate.extensions.get_extension_for_oid(IDENTIFIER)
    assert identifier.critical
    assert isinstance(identifier.value, x509.UnrecognizedExtension)
    assert identifier.value.value == b"\x04\x20" + hashlib.sha256(key.encode()).digest()
    return list(found.value) == list(names)


async def test_http_proof_stands_before_redirections_guards_and_routes(stage: Stage) -> None:
    nobody = middleware("nobody", {"ipAllowList": {"sourceRange": ["192.0.2.1"]}})
    away = middleware("away", {"redirectScheme": {"scheme": "https"}})
    everything = route("everything", "PathPrefix(`/`)", "away", "nobody")
    mine = route("mine", "Host(`a.test`)", "away", "nobody", entrypoint="websecure")
    problems = await stage.apply(nobody, away, everything, mine, challenge("c", "a.test"))
    assert problems == []
    for tls in (False, True):
        answer = await stage.fetch("a.test", tls=tls)
        assert (answer.status, answer.body) == (200, b"token-1.thumb")
        assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert (await stage.fetch("a.test", path="/")).status == 302
    assert (await stage.fetch("b.test")).status == 302, "of that host alone"
    assert (await stage.fetch("a.test", "other")).status == 302, "of that token alone"


@pytest.mark.parametrize("host", ["nobody.test", "NOBODY.test", "nobody.test.", "nobody.test:80"])
async def test_http_proof_of_a_host_that_nobody_routes(stage: Stage, host: str) -> None:
    await stage.apply(challenge("c", "nobody.test"))
    assert (await stage.fetch(host)).body == b"token-1.thumb"
    assert (await stage.fetch(host, path="/")).status == 404


@pytest.mark.parametrize(("address", "host"), [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "[2001:db8::7]")])
async def test_http_proof_of_an_address(stage: Stage, address: str, host: str) -> None:
    await stage.apply(challenge("c", address))
    assert (await stage.fetch(host)).body == b"token-1.thumb"


async def test_other_tokens_go_on_to_the_routes(stage: Stage) -> None:
    """Of a cert-manager beside us, whose solver is reached by a route of its own, and of any other ACME client."""
    await stage.apply(route("solver", "Host(`a.test`)"), challenge("c", "a.test"))
    answer = await stage.fetch("a.test", "theirs")
    assert answer.status == 200
    assert answer.json["path"] == "/.well-known/acme-challenge/theirs"


async def test_http_proof_goes_with_its_challenge_and_no_listener_changes(stage: Stage) -> None:
    await stage.apply()
    before = stage.listeners()
    first, second = challenge("c", "a.test"), challenge("d", "a.test", token="token-2")
    await stage.apply(first, second)
    assert [(await stage.fetch("a.test", token)).body for token in ("token-1", "token-2")] == [
        b"token-1.thumb",
        b"token-2.thumb",
    ]
    await stage.apply(first, challenge("d", "a.test", token="token-2", state="valid"))
    assert [(await stage.fetch("a.test", token)).status for token in ("token-1", "token-2")] == [200, 404]
    await stage.apply(first, challenge("h", "a.test", TLS_ALPN))
    assert stage.listeners() == before


async def test_handshake_of_a_ca_and_of_a_browser(stage: Stage) -> None:
    pair = self_signed("a.test")
    values = {"tls.crt": pair.chain.decode(), "tls.key": pair.key.decode()}
    secret = manifest("v1", "Secret", "a", stringData=values, type="kubernetes.io/tls")
    mine = route("mine", "Host(`a.test`)", entrypoint="websecure", tls={"secretName": "a"})
    await stage.apply(secret, mine, challenge("c", "a.test", TLS_ALPN))
    assert is_proof(await handshake(stage.site.secure, "a.test"), x509.DNSName("a.test"))
    assert is_proof(await handshake(stage.site.secure, "A.test"), x509.DNSName("a.test"))
    shown = await certificate_of(stage.site.secure, "a.test")
    assert shown is not None
    assert shown.common_name == "a.test"
    assert (await stage.fetch("a.test", path="/", tls=True)).status == 200
    assert await handshake(stage.site.secure, "b.test") is None
    await stage.apply(secret, mine)
    assert await handshake(stage.site.secure, "a.test") is None


async def test_handshake_for_an_address(stage: Stage) -> None:
    await stage.apply(challenge("c", "192.0.2.7", TLS_ALPN), challenge("d", "2001:db8::7", TLS_ALPN))
    for address in map(ipaddress.ip_address, ("192.0.2.7", "2001:db8::7")):
        certificate = await handshake(stage.site.secure, address.reverse_pointer)
        assert is_proof(certificate, x509.IPAddress(address))


async def test_handshake_where_tls_options_of_their_own_rule(stage: Stage) -> None:
    strict = {"minVersion": "VersionTLS13", "clientAuth": {"clientAuthType": "RequireAnyClientCert"}}
    options = manifest("traefik.io/v1alpha1", "TLSOption", "own", spec=strict)
    own = route("own", "Host(`a.test`)", entrypoint="websecure", tls={"options": {"name": "own"}})
    wild = route("wild", "Host(`*.w.test`)", entrypoint="websecure", tls={"options": {"name": "own"}})
    hosts = ("a.test", "b.w.test")
    await stage.apply(options, own, wild)
    before = stage.listeners()
    http = [challenge(f"h{n}", host) for n, host in enumerate(hosts)]
    await stage.apply(options, own, wild, *http, *(challenge(host, host, TLS_ALPN) for host in hosts))
    assert stage.listeners() == before
    for host in hosts:
        assert is_proof(await handshake(stage.site.secure, host), x509.DNSName(host))
        assert (await stage.fetch(host)).body == b"token-1.thumb"


async def test_http_proof_over_tls_where_options_of_their_own_rule(stage: Stage) -> None:
    options = manifest("traefik.io/v1alpha1", "TLSOption", "own", spec={"minVersion": "VersionTLS13"})
    match = "Host(`a.test`) || Host(`*.w.test`)"
    own = route("own", match, entrypoint="websecure", tls={"options": {"name": "own"}})
    hosts = ("a.test", "b.w.test", "nobody.test")
    await stage.apply(options, own, *(challenge(host, host) for host in hosts))
    for host in hosts:
        assert (await stage.fetch(host, tls=True)).body == b"token-1.thumb", host
    assert (await stage.fetch("c.w.test", tls=True)).status == 200
    assert (await stage.fetch("c.w.test", tls=True)).json["backend"] == "app"


async def test_handshakes_of_others_pass_on_to_whoever_takes_connections_unread(stage: Stage) -> None:
    """A server behind us that proves its names itself."""
    pair = self_signed("theirs")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = stage.site.gateway.folder / "theirs.pem"
    file.write_bytes(pair.chain + pair.key)
    server.load_cert_chain(file)
    server.set_alpn_protocols([CA])
    async with stream_backend("theirs", tls=server) as theirs:
        passing = [
            *service("theirs", theirs.port),
            manifest(
                "traefik.io/v1alpha1",
                "IngressRouteTCP",
                "theirs",
                spec={
                    "entryPoints": ["websecure"],
                    "tls": {"passthrough": True},
                    "routes": [
                        {
                            "match": "HostSNI(`theirs.test`) || HostSNI(`both.test`)",
                            "services": [{"name": "theirs", "port": 80}],
                        }
                    ],
                },
            ),
        ]
        mine = route("mine", "Host(`a.test`)", entrypoint="websecure")
        await stage.apply(*passing, mine)
        before = stage.listeners()
        assert (await shown_to_ca(stage.site.secure, "theirs.test")) == "theirs"
        proofs = [challenge("a", "a.test", TLS_ALPN), challenge("n", "nobody.test", TLS_ALPN)]
        await stage.apply(*passing, mine, *proofs)
        assert stage.listeners() == before, "names that nobody takes unread are no business of the listener"
        assert is_proof(await handshake(stage.site.secure, "a.test"), x509.DNSName("a.test"))
        assert is_proof(await handshake(stage.site.secure, "nobody.test"), x509.DNSName("nobody.test"))
        assert (await shown_to_ca(stage.site.secure, "both.test")) == "theirs"
        await stage.apply(*passing, mine, *proofs, challenge("b", "both.test", TLS_ALPN))
        assert is_proof(await handshake(stage.site.secure, "both.test"), x509.DNSName("both.test"))
        assert (await shown_to_ca(stage.site.secure, "theirs.test")) == "theirs"


async def shown_to_ca(port: int, name: str) -> str:
    """The common name of the certificate of whoever answers a CA."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anyone(CA), server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    subject = x509.load_der_x509_certificate(der).subject
    return str(subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
