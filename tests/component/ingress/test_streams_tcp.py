"""Connections on the real proxy: rules, TLS, arbitration with requests, middlewares, transports."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hearthgate.ingress.middlewares.streams import AllowedAddresses, ConnectionLimit
from hearthgate.ingress.routing.model import (
    BackendTLS,
    Certificate,
    ClientAuth,
    Endpoint,
    EntryPoint,
    Router,
    StreamBalancer,
    StreamMember,
    StreamTransport,
    TCPRouter,
    TLSOptions,
)
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from tests.component.ingress.certificates import certificate_of, self_signed
from tests.component.ingress.gateway import Backend, Gateway, ask, backend, gateway, model, router
from tests.component.ingress.streams import (
    StreamBackend,
    answer_of,
    anyone,
    open_stream,
    stream_backend,
    tcp_router,
)
from tests.waiting import eventually


class Stage(NamedTuple):
    gateway: Gateway
    site: Backend
    one: StreamBackend
    two: StreamBackend
    port: int

    async def serve(self, *routers: Router | TCPRouter, **fields: Any) -> tuple[str, ...]:
        """Serves them on one entrypoint; gives the messages of the problems."""
        own = {name: fields.pop(name) for name in EntryPoint.__struct_fields__ if name in fields}
        entrypoint = EntryPoint(name="web", host="127.0.0.1", port=self.port, **own)
        tcp = sorted((r for r in routers if isinstance(r, TCPRouter)), key=lambda r: (-r.priority, r.name))
        values = {"default_certificate": certificate("default"), "tcp_routers": tuple(tcp), **fields}
        served = model([entrypoint], [r for r in routers if isinstance(r, Router)], **values)
        endpoints = {**self.site.endpoints, **self.one.endpoints, **self.two.endpoints}
        translation = await self.gateway.serve(served, endpoints)
        return tuple(problem.message for problem in translation.problems)

    def page(self, rule: str, *, tls: bool = True, **fields: Any) -> Router:
        return router(rule, self.site.balancer(), tls=tls, **fields)

    def tls(self, rule: str, to: StreamBackend | None = None, **fields: Any) -> TCPRouter:
        return tcp_router(rule, (to or self.one).member(), tls=True, **fields)

    async def answers(self, sni: str = "", *alpn: str, **how: Any) -> str:
        """Who answers a TLS client: a stream's backend by its name, requests by their status."""
        asked = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r"
        if sni:
            asked = asked.replace("Host: x", f"Host: {sni}")
        answer = await answer_of(self.port, asked, tls=anyone(*alpn), sni=sni, **how)
        return answer.partition(":")[0] if not answer.startswith("HTTP/") else answer.split()[1]


def certificate(name: str, *names: str, serial: int = 1) -> Certificate:
    pair = self_signed(name, *names, serial=serial)
    ref = ObjectRef("Secret", "default", name)
    key = SecretBytes(pair.key)
    return Certificate(ref=ref, names=names or (name,), chain=pair.chain.decode(), key=key, not_after=1.0)


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with (
        gateway(tmp_path) as running,
        backend("site") as site,
        stream_backend("one", greets=False) as one,
        stream_backend("two") as two,
    ):
        yield Stage(running, site, one, two, free_port())


async def test_plain_streams_reach_their_service(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member()))
    assert await answer_of(stage.port) == "one: hello"


async def test_a_server_may_speak_first(stage: Stage) -> None:
    async with stream_backend("eager", greets=True) as eager:
        await stage.serve(tcp_router("HostSNI(`*`)", _at(eager)))
        stream = await open_stream(stage.port)
        assert await stream.line() == "eager>"
        stream.close()


def _at(target: StreamBackend, **transport: Any) -> StreamMember:
    """A member with its address in it, so that the stage need not know its endpoints."""
    address = (Endpoint("127.0.0.1", target.port),)
    balancer = StreamBalancer(name=target.name, addresses=address, transport=StreamTransport(**transport))
    return StreamMember(weight=1, balancer=balancer)


async def test_rules_by_address(stage: Stage) -> None:
    await stage.serve(
        tcp_router("ClientIP(`127.0.0.7`)", stage.one.member(), priority=100),
        tcp_router("HostSNI(`*`) && !ClientIP(`127.0.0.8/29`)", stage.two.member()),
    )
    answers = [await answer_of(stage.port, source=source) for source in ("127.0.0.7", "127.0.0.1", "127.0.0.9")]
    assert answers[:2] == ["one: hello", "two: hello"]
    assert answers[2].startswith("HTTP/1.1 400")


async def test_priorities_and_ties(stage: Stage) -> None:
    await stage.serve(
        tcp_router("ClientIP(`127.0.0.0/8`)", stage.one.member(), priority=1),
        tcp_router("HostSNI(`*`)", stage.two.member(), priority=2),
    )
    assert await answer_of(stage.port) == "two: hello"


NAMES = {
    "db.test": "one",
    "DB.test": "one",
    "x.wild.test": "two",
    "y.x.wild.test": "404",
    "db7.reg.test": "one",
    "other.test": "404",
    "": "404",
}


async def test_rules_by_name(stage: Stage) -> None:
    await stage.serve(
        stage.tls("HostSNI(`db.test`)"),
        stage.tls("HostSNI(`*.wild.test`)", stage.two),
        stage.tls("HostSNIRegexp(`^db[0-9]+\\.reg`)"),
    )
    assert {name: await stage.answers(name) for name in NAMES} == NAMES


async def test_rules_by_protocol(stage: Stage) -> None:
    await stage.serve(
        stage.tls("ALPN(`postgresql`)", priority=100),
        stage.tls("HostSNI(`a.test`) && !ALPN(`h2`) && !ALPN(`http/1.1`)", stage.two),
        tls_options=(TLSOptions(alpn=("postgresql", "http/1.1")),),
    )
    assert await stage.answers("a.test", "postgresql") == "one"
    assert await stage.answers("a.test", "http/1.1", "postgresql") == "one"
    assert await stage.answers("a.test", "mqtt") == "two"
    assert await stage.answers("a.test") == "two"
    assert await stage.answers("a.test", "http/1.1") == "404"


async def test_terminated_streams_have_their_certificate(stage: Stage) -> None:
    certificates = (certificate("db.test"),)
    await stage.serve(stage.tls("HostSNI(`db.test`)"), certificates=certificates)
    shown = await certificate_of(stage.port, "db.test")
    assert shown is not None
    assert shown.common_name == "db.test"
    assert await stage.answers("db.test") == "one"


async def test_options_of_streams(stage: Stage) -> None:
    own = (TLSOptions(), TLSOptions(name="old", max_version="1.2"), TLSOptions(name="strict", sni_strict=True))
    problems = await stage.serve(
        stage.tls("HostSNI(`db.test`)", tls_options="old"),
        stage.tls("HostSNI(`strict.test`)", tls_options="strict"),
        stage.tls("HostSNI(`new.test`)"),
        tls_options=own,
    )
    assert len(problems) == 1
    assert "sniStrict" in problems[0]
    for name, version in (("db.test", "TLSv1.2"), ("new.test", "TLSv1.3")):
        stream = await open_stream(stage.port, tls=anyone(), sni=name)
        assert stream.writer.get_extra_info("ssl_object").version() == version
        stream.close()
    assert await stage.answers("strict.test") == "404"


def server_context(folder: Path, name: str, *, ca: bytes = b"") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = self_signed(name)
    file = folder / f"{name}.pem"
    file.write_bytes(pair.chain + pair.key)
    context.load_cert_chain(file)
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=ca.decode())
    return context


async def test_passthrough_leaves_the_stream_alone(stage: Stage, tmp_path: Path) -> None:
    async with stream_backend("inner", tls=server_context(tmp_path, "inner.test")) as inner:
        await stage.serve(tcp_router("HostSNI(`pass.test`)", _at(inner), tls=True, passthrough=True))
        shown = await certificate_of(stage.port, "pass.test")
        assert shown is not None
        assert shown.common_name == "inner.test"
        assert await stage.answers("pass.test") == "inner"


class Case(NamedTuple):
    """Which routers there are, and who answers whom: `tls NAME`, `plain` and `http`."""

    pages: tuple[str, ...]
    plain_pages: tuple[str, ...]
    over_tls: tuple[str, ...]
    plain: tuple[str, ...]
    answers: dict[str, str]


ARBITRATION = {
    "a site's name goes before streams": Case(
        ("Host(`a.test`)",), (), ("HostSNI(`a.test`)", "HostSNI(`b.test`)"), (), {"a.test": "200", "b.test": "one"}
    ),
    "streams before sites without name": Case(
        ("PathPrefix(`/`)",), (), ("HostSNI(`a.test`)",), (), {"a.test": "one", "b.test": "200"}
    ),
    "sites without name before the catch-all": Case(
        ("PathPrefix(`/`)",), (), ("HostSNI(`*`)",), (), {"a.test": "200", "": "200"}
    ),
    "the catch-all before nobody": Case(
        ("Host(`a.test`)",), (), ("HostSNI(`*`)",), (), {"a.test": "200", "b.test": "one", "": "one"}
    ),
    "a wildcard site": Case(
        ("Host(`*.a.test`)",),
        (),
        ("HostSNIRegexp(`test$`)",),
        (),
        {"x.a.test": "200", "y.x.a.test": "one", "a.test": "one", "b.other": "404"},
    ),
    "a catch-all of high priority hides streams only": Case(
        ("Host(`a.test`)",),
        (),
        ("HostSNI(`*`) || ALPN(`x`)", "HostSNI(`b.test`)"),
        (),
        {"a.test": "200", "b.test": "one"},
    ),
    "plain streams before plain requests": Case(
        ("Host(`a.test`)",), ("PathPrefix(`/`)",), (), ("ClientIP(`127.0.0.1`)",), {"a.test": "200", "http": "two"}
    ),
    "plain requests where no stream matches": Case(
        ("Host(`a.test`)",), ("PathPrefix(`/`)",), (), ("ClientIP(`127.0.0.9`)",), {"a.test": "200", "http": "200"}
    ),
    "TLS never goes to a plain stream": Case(
        (), (), ("HostSNI(`a.test`)",), ("HostSNI(`*`)",), {"a.test": "one", "b.test": "404", "http": "two"}
    ),
}


@pytest.mark.parametrize("name", ARBITRATION)
async def test_requests_and_streams_on_one_entrypoint(stage: Stage, name: str) -> None:
    case = ARBITRATION[name]
    await stage.serve(
        *(stage.page(rule) for rule in case.pages),
        *(stage.page(rule, tls=False) for rule in case.plain_pages),
        *(stage.tls(rule) for rule in case.over_tls),
        *(tcp_router(rule, stage.two.member()) for rule in case.plain),
    )
    for who, expected in case.answers.items():
        if who == "http":
            line = await answer_of(stage.port, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r")
            answer = line.split()[1] if line.startswith("HTTP/") else line.partition(":")[0]
        else:
            answer = await stage.answers(who)
        assert answer == expected, who


async def test_options_of_sites_beside_streams(stage: Stage) -> None:
    """The matcher stands in for what the filter chains of requests say: options by name, wildcards included."""
    own = TLSOptions(name="own", max_version="1.2", hosts={"web": ("*.own.test", "exact.test")})
    await stage.serve(
        stage.page("Host(`*.own.test`) || Host(`exact.test`)", tls_options="own"),
        stage.page("Host(`y.x.own.test`)"),
        stage.page("Host(`free.test`)"),
        stage.tls("HostSNIRegexp(`.`)"),
        tls_options=(TLSOptions(), own),
    )
    versions = {}
    for name in ("x.own.test", "exact.test", "free.test"):
        stream = await open_stream(stage.port, tls=anyone(), sni=name)
        versions[name] = stream.writer.get_extra_info("ssl_object").version()
        stream.close()
        assert await stage.answers(name) == "200"
    assert versions == {"x.own.test": "TLSv1.2", "exact.test": "TLSv1.2", "free.test": "TLSv1.3"}
    assert await stage.answers("y.x.own.test") == "200"
    assert await stage.answers("stream.test") == "one"


@pytest.mark.parametrize("tls", [False, True])
async def test_trusted_peers_beside_streams(stage: Stage, tls: bool) -> None:
    await stage.serve(
        stage.page("Host(`a.test`)", tls=tls), stage.tls("HostSNI(`db.test`)"), trusted_ips=("127.0.0.2/32",)
    )
    for source, believed in (("127.0.0.2", True), ("127.0.0.1", False)):
        answer = await ask(
            stage.port,
            host="a.test",
            headers={"X-Forwarded-Host": "said.test"},
            tls=anyone() if tls else None,
            sni="a.test",
            source=source,
        )
        assert answer.sent("x-forwarded-host") == ("said.test" if believed else "a.test")


async def test_clients_behind_proxies(stage: Stage) -> None:
    """Only a proxy that is trusted is believed; of others the socket's address counts."""
    lan = AllowedAddresses(name="lan", ranges=("10.0.0.0/8",))
    await stage.serve(
        tcp_router("ClientIP(`10.0.0.7`)", stage.one.member(), middlewares=(lan,), priority=2),
        tcp_router("HostSNI(`*`)", stage.two.member(), priority=1),
        proxy_protocol=True,
        proxy_trusted_ips=("127.0.0.2/32",),
    )
    said = "PROXY TCP4 10.0.0.7 127.0.0.1 1 2\r\nhello"
    assert await answer_of(stage.port, said, source="127.0.0.2") == "one: hello"
    assert await answer_of(stage.port, said, source="127.0.0.1") == "two: hello"
    assert await answer_of(stage.port, source="127.0.0.2") == "two: hello"
    await stage.serve(
        tcp_router("HostSNI(`*`)", stage.one.member(), middlewares=(lan,)),
        proxy_protocol=True,
        proxy_trusted_ips=("127.0.0.2/32",),
    )
    assert await answer_of(stage.port, said, source="127.0.0.2") == "one: hello"
    assert await answer_of(stage.port, said, source="127.0.0.1") == ""


async def test_weights(stage: Stage) -> None:
    members = (stage.one.member(3), stage.two.member(1), stage.two.member(0, dial_timeout=1.0))
    await stage.serve(tcp_router("HostSNI(`*`)", *members))
    counts = Counter([(await answer_of(stage.port))[:3] for _ in range(80)])
    assert 45 <= counts["one"] <= 74, counts
    assert counts["one"] + counts["two"] == 80


async def test_nobody_to_choose_from(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member(0)))
    assert await answer_of(stage.port) == ""


async def test_allowed_addresses(stage: Stage) -> None:
    lan = AllowedAddresses(name="lan", ranges=("127.0.0.4/30", "fd00::/8"))
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member(), middlewares=(lan,)))
    assert await answer_of(stage.port, source="127.0.0.5") == "one: hello"
    assert await answer_of(stage.port, source="127.0.0.1") == ""


async def test_connections_at_once(stage: Stage) -> None:
    few = ConnectionLimit(name="few", amount=1)
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member(), middlewares=(few,)))
    first = await open_stream(stage.port)
    assert await first.say("a") == "one: a"
    assert await answer_of(stage.port) == ""
    first.close()

    async def free_again() -> bool:
        return await answer_of(stage.port) == "one: hello"

    await eventually(free_again)


@pytest.mark.parametrize("version", [1, 2])
async def test_the_proxy_protocol(stage: Stage, version: int) -> None:
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member(proxy_protocol=version)))
    stream = await open_stream(stage.port, source="127.0.0.3")
    stream.writer.write(b"hello\n")
    data = await asyncio.wait_for(stream.reader.readuntil(b"hello\n"), 5)
    local, peer = stream.writer.get_extra_info("sockname"), stream.writer.get_extra_info("peername")
    if version == 1:
        assert f"PROXY TCP4 127.0.0.3 127.0.0.1 {local[1]} {peer[1]}".encode() in data
    else:
        addresses = bytes([127, 0, 0, 3, 127, 0, 0, 1]) + local[1].to_bytes(2) + peer[1].to_bytes(2)
        # The signature holds line breaks, and the backend answers each line.
        assert b"\x00\x0c" + addresses in data
    stream.close()


async def test_tls_to_backends(stage: Stage, tmp_path: Path) -> None:
    identity = certificate("client")
    pair = self_signed("secure.test")
    context = server_context(tmp_path, "secure.test", ca=identity.chain.encode())
    async with stream_backend("secure", tls=context) as secure:
        good = BackendTLS(server_name="secure.test", root_cas=(pair.chain.decode(),), certificates=(identity,))
        named = BackendTLS(names=("secure.test",), root_cas=(pair.chain.decode(),), certificates=(identity,))
        lax = BackendTLS(insecure_skip_verify=True, certificates=(identity,))
        wrong = BackendTLS(server_name="other.test", root_cas=(pair.chain.decode(),), certificates=(identity,))
        address = BackendTLS(root_cas=(pair.chain.decode(),), certificates=(identity,))
        uri = BackendTLS(uris=("urn:x",), root_cas=(pair.chain.decode(),), certificates=(identity,))
        anonymous = BackendTLS(insecure_skip_verify=True)
        served = {good: True, named: True, lax: True, wrong: False, address: False, uri: False, anonymous: False}
        for tls, expected in served.items():
            await stage.serve(tcp_router("HostSNI(`*`)", _at(secure, tls=tls)))
            answer = await answer_of(stage.port)
            assert answer == ("secure: hello" if expected else ""), tls
        proxied = _at(secure, tls=lax, proxy_protocol=1)
        await stage.serve(tcp_router("HostSNI(`*`)", proxied))
        assert await answer_of(stage.port) == "", "the header comes before the handshake: this backend knows none"


async def test_half_closed_streams_stay(stage: Stage) -> None:
    await stage.serve(tcp_router("HostSNI(`*`)", stage.one.member()))
    stream = await open_stream(stage.port)
    stream.writer.write(b"last\n")
    stream.writer.write_eof()
    assert await stream.line() == "one: last"
    assert await stream.is_closed()


async def test_a_changed_endpoint_changes_no_chain(stage: Stage) -> None:
    routes = tcp_router("HostSNI(`*`)", stage.one.member())
    await stage.serve(routes)
    stream = await open_stream(stage.port)
    assert await stream.say("a") == "one: a"
    moved = {stage.one.key: (Endpoint("127.0.0.1", stage.two.port),)}
    resources = stage.gateway.translator.translate_endpoints(moved)
    assert resources is not None
    stage.one.port, before = stage.two.port, stage.one.port
    await stage.serve(routes)
    assert await answer_of(stage.port) == "two: hello"
    assert await stream.say("b") == "one: b"
    stage.one.port = before
    stream.close()


async def test_extremes_are_taken(stage: Stage) -> None:
    """What a manifest may say and Envoy cannot take is bounded before it is sent."""
    many = tuple(f"h{number}.test" for number in range(300))
    pages = [stage.page(f"Host(`{name}`)", name=name) for name in many]
    huge = stage.one.member(2**70, dial_timeout=1e12, keep_alive=1e9)
    tiny = stage.two.member(1, dial_timeout=1e-9, keep_alive=0.001)
    limit = ConnectionLimit(name="most", amount=2**31 - 1)
    rules = " || ".join(f"HostSNI(`a{number}.test`) && !ClientIP(`10.0.0.{number}`)" for number in range(200))
    await stage.serve(
        *pages,
        tcp_router("HostSNI(`*`)", huge, tiny, tls=True, middlewares=(limit,)),
        stage.tls(rules, stage.two),
    )
    assert await stage.answers("h7.test") == "200"
    assert await stage.answers("a199.test") == "two"
    assert await stage.answers("else.test") == "one"


async def test_names_outside(stage: Stage) -> None:
    outside = StreamBalancer(name="outside", addresses=(Endpoint("localhost", stage.one.port),))
    await stage.serve(tcp_router("HostSNI(`*`)", StreamMember(weight=1, balancer=outside)))

    async def resolved() -> bool:
        return await answer_of(stage.port) == "one: hello"

    await eventually(resolved)


async def test_clients_show_their_certificates(stage: Stage, tmp_path: Path) -> None:
    pair = self_signed("client")
    auth = ClientAuth(type="RequireAndVerifyClientCert", cas=(pair.chain.decode(),))
    await stage.serve(stage.tls("HostSNI(`db.test`)"), tls_options=(TLSOptions(client_auth=auth),))
    assert await answer_of(stage.port, tls=anyone(), sni="db.test") == ""
    file = tmp_path / "client.pem"
    file.write_bytes(pair.chain + pair.key)
    known = anyone()
    known.load_cert_chain(file)
    assert await answer_of(stage.port, tls=known, sni="db.test") == "one: hello"
