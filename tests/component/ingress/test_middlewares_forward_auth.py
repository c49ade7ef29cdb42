"""forwardAuth through the real proxy: every option, and what Authelia and oauth2-proxy say to a reverse proxy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.component.ingress.certificates import self_signed
from tests.component.ingress.site import (
    Script,
    Site,
    Spec,
    manifest,
    middleware,
    post,
    script,
    secret,
    service,
    site,
)


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as one:
        yield one


@pytest.fixture
async def auth() -> AsyncIterator[Script]:
    async with script() as one:
        yield one


def asking(auth: Script, path: str = "/verify", **options: Any) -> list[Spec]:
    return [{"forwardAuth": {"address": auth.url + path, **options}}]


def answering(status: int, text: str = "", *headers: tuple[str, str]) -> Callable[[Any], web.Response]:
    return lambda _: web.Response(status=status, text=text, headers=headers)


async def test_the_question(running: Site, auth: Script) -> None:
    routes = {
        "a": asking(auth, "/verify?rd=https://x/"),
        "few": asking(auth, authRequestHeaders=["Accept", "Cookie"]),
        "method": asking(auth, preserveRequestMethod=True),
    }
    assert await running.serve(routes) == []
    sent = {"Cookie": "s=1", "X-Own": "1", "Connection": "close, X-Hop", "X-Hop": "1", "TE": "trailers"}
    answer = await running.get("a", "/p/a%2Fb?q=1", method="DELETE", headers=sent)
    assert answer.json["path"] == "/p/a%2Fb?q=1"
    asked = auth.last
    assert (asked.method, asked.path) == ("GET", "/verify?rd=https://x/")
    assert asked.header("host") == auth.url.removeprefix("http://")
    expected = {
        "cookie": "s=1",
        "x-own": "1",
        "x-hop": None,
        "te": None,
        "connection": None,
        "user-agent": None,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-method": "DELETE",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "a.test",
        "x-forwarded-uri": "/p/a%2Fb?q=1",
        "x-real-ip": "127.0.0.1",
    }
    assert {name: asked.header(name) for name in expected} == expected
    assert not [name for name, _ in asked.headers if name.startswith(("x-hg", "x-envoy"))]
    await running.get("few", headers=sent)
    names = {name for name, _ in auth.last.headers if not name.startswith("x-forwarded-")}
    assert names == {"host", "cookie"}
    await running.get("method", method="PUT", headers={"Content-Length": "0"})
    assert auth.last.method == "PUT"


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (
            None,
            {"for": "127.0.0.1", "method": "GET", "proto": "http", "host": "a.test", "uri": "/x", "prefix": "/up"},
        ),
        (
            True,
            {
                "for": "192.0.2.1, 127.0.0.1",
                "method": "PATCH",
                "proto": "https",
                "host": "other",
                "uri": "/their",
                "port": "8443",
                "prefix": "/up",
            },
        ),
        (
            False,
            {
                "for": "127.0.0.1",
                "method": "GET",
                "proto": "http",
                "host": "a.test",
                "uri": "/x",
                "port": "80",
                "prefix": None,
                "server": None,
            },
        ),
    ],
    ids=["not set", "true", "false"],
)
async def test_forwarded_headers(
    running: Site, auth: Script, trust: bool | None, expected: dict[str, str | None]
) -> None:
    running.trusted = ("127.0.0.0/8",)
    options: dict[str, Any] = {} if trust is None else {"trustForwardHeader": trust}
    assert await running.serve({"a": asking(auth, **options)}) == []
    said = {"For": "192.0.2.1", "Method": "PATCH", "Proto": "https", "Host": "other", "Uri": "/their"}
    said |= {"Port": "8443", "Prefix": "/up"}
    await running.get("a", "/x", headers={f"X-Forwarded-{name}": value for name, value in said.items()})
    assert {name: auth.last.header(f"x-forwarded-{name}") for name in expected} == expected


async def test_over_tls_the_scheme_and_port_are_told(running: Site, auth: Script) -> None:
    assert await running.serve({"a": asking(auth, trustForwardHeader=False)}) == []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    await running.get("a", tls=context)
    assert auth.last.header("x-forwarded-proto") == "https"
    assert auth.last.header("x-forwarded-port") == "443"


SPOOFED = (
    ("Remote-User", "evil"),
    ("remote-user", "evil"),
    ("Remote_User", "evil"),
    ("Remote-Groups", "root"),
    ("Remote_Groups", "root"),
    ("X-Other", "1"),
)


@pytest.mark.parametrize(
    "options",
    [
        {"authResponseHeaders": ["Remote-User", "Remote-Groups"]},
        {"authResponseHeadersRegex": "^Remote-"},
        {"authResponseHeaders": ["Remote-User"], "authResponseHeadersRegex": "^remote-(Groups)$"},
    ],
    ids=["names", "pattern", "both"],
)
async def test_headers_of_the_answer_replace_the_clients(running: Site, auth: Script, options: Any) -> None:
    assert await running.serve({"a": asking(auth, **options)}) == []
    auth.answer = answering(202, "", ("Remote-User", "ada"), ("Remote-Groups", "a"), ("Remote-Groups", "b"))
    answer = await running.get("a", headers=SPOOFED)
    assert answer.sent("remote-user") == "ada"
    assert answer.sent("remote-groups") == "a | b"
    assert answer.sent("remote_user") is None
    assert answer.sent("remote_groups") is None
    assert answer.sent("x-other") == "1"
    auth.answer = answering(200)
    answer = await running.get("a", headers=SPOOFED)
    assert [answer.sent(name) for name, _ in SPOOFED] == [None, None, None, None, None, "1"]


@pytest.mark.parametrize("pattern", [".*", "auth", "(?i)^X-", "path|method"])
async def test_a_wide_pattern_leaves_the_request_whole(running: Site, auth: Script, pattern: str) -> None:
    assert await running.serve({"a": asking(auth, authResponseHeadersRegex=pattern)}) == []
    auth.answer = answering(200, "", ("X-Auth", "yes"), ("X-Path", "p"))
    reader, writer = await asyncio.open_connection("127.0.0.1", running.plain)
    writer.write(b"POST /a?b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    assert '"method": "POST", "path": "/a?b"' in answer
    assert '"length": 3' in answer
    assert '"a.test"' in answer


@pytest.mark.parametrize("status", [401, 403, 302, 404, 500, 503])
async def test_refusals_are_handed_on(running: Site, auth: Script, status: int) -> None:
    assert await running.serve({"a": asking(auth)}) == []
    headers = (("X-Why", "1"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("Content-Type", "text/html"))
    auth.answer = answering(status, "<p>no", *headers)
    answer = await running.get("a")
    assert (answer.status, answer.body) == (status, b"<p>no")
    assert answer.header("x-why") == "1"
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert [value for key, value in answer.headers if key.lower() == "set-cookie"] == ["a=1; Path=/", "b=2"]
    assert not [key for key, _ in answer.headers if key.lower().startswith(("x-hg", "x-envoy"))]


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ("https://portal.test/?rd=x", "https://portal.test/?rd=x"),
        ("/login?a=b", "{base}/login?a=b"),
        ("login", "{base}/api/login"),
        ("../login#f", "{base}/login#f"),
        ("../../up", "{base}/up"),
        ("?again", "{base}/api/verify?again"),
        ("//other.test/x", "http://other.test/x"),
    ],
)
async def test_locations(running: Site, auth: Script, said: str, becomes: str) -> None:
    routes = {"a": asking(auth, "/api/verify?q"), "kept": asking(auth, preserveLocationHeader=True)}
    assert await running.serve(routes) == []
    auth.answer = answering(302, "", ("Location", said))
    assert (await running.get("a")).header("location") == becomes.format(base=auth.url)
    assert (await running.get("kept")).header("location") == said


async def test_without_an_answer_nobody_passes(running: Site, auth: Script, free_port: Callable[[], int]) -> None:
    dead = [{"forwardAuth": {"address": f"http://127.0.0.1:{free_port()}/"}}]
    unknown = [{"forwardAuth": {"address": "http://no-such-host.invalid/"}}]
    assert await running.serve({"dead": dead, "unknown": unknown}) == []
    for host in ("dead", "unknown"):
        answer = await running.get(host)
        assert (answer.status, answer.body) == (500, b"")


async def test_bodies(running: Site, auth: Script) -> None:
    routes = {
        "shown": asking(auth, forwardBody=True),
        "small": asking(auth, forwardBody=True, maxBodySize=10),
        "not": asking(auth),
    }
    assert await running.serve(routes) == []
    big = b"x" * 1_000_000
    status, body = await post(running.plain, "shown", big)
    assert (status, auth.last.body == big) == (200, True)
    assert b'"length": 1000000' in body
    status, body = await post(running.plain, "shown", big, **{"transfer-encoding": "chunked"})
    assert (status, auth.last.body == big) == (200, True)
    await running.get("shown")
    assert auth.last.body == b""
    count = len(auth.asked)
    assert (await post(running.plain, "small", b"12345678901"))[0] == 401
    assert (await post(running.plain, "small", b"12345678901", **{"transfer-encoding": "chunked"}))[0] == 401
    assert len(auth.asked) == count
    assert (await post(running.plain, "small", b"1234567890"))[0] == 200
    assert auth.last.body == b"1234567890"
    assert (await post(running.plain, "not", big))[0] == 200
    assert auth.last.body == b""


async def test_a_long_answer_is_a_refusal(running: Site, auth: Script) -> None:
    assert await running.serve({"a": asking(auth, maxResponseBodySize=3)}) == []
    auth.answer = answering(200, "1234")
    answer = await running.get("a")
    assert (answer.status, answer.body) == (401, b"")
    auth.answer = answering(200, "123")
    assert (await running.get("a")).status == 200


async def test_cookies_of_the_answer(running: Site, auth: Script, app: Script) -> None:
    options = {"addAuthCookiesToResponse": ["session", "csrf"]}
    route = {
        "match": "Host(`a.test`)",
        "services": [{"name": "own", "port": 80}],
        "middlewares": [{"name": "m"}],
    }
    documents = [
        *service("own", app.port),
        middleware("m", {"forwardAuth": {"address": auth.url, **options}}),
        manifest("traefik.io/v1alpha1", "IngressRoute", "a", spec={"routes": [route], "entryPoints": ["web"]}),
    ]
    assert await running.apply(documents) == []
    auth.answer = answering(200, "", ("Set-Cookie", "session=new; Path=/"), ("Set-Cookie", "secret=1"))
    app.answer = answering(
        200, "", ("Set-Cookie", "session=old"), ("Set-Cookie", "csrf=old"), ("Set-Cookie", "own=1")
    )
    answer = await running.get("a")
    cookies = [value for key, value in answer.headers if key.lower() == "set-cookie"]
    assert cookies == ["own=1", "session=new; Path=/"]
    auth.answer = answering(200)
    cookies = [value for key, value in (await running.get("a")).headers if key.lower() == "set-cookie"]
    assert cookies == ["session=old", "csrf=old", "own=1"]


@pytest.fixture
async def app() -> AsyncIterator[Script]:
    async with script() as one:
        yield one


async def test_order_with_others(running: Site, auth: Script) -> None:
    mark = {"headers": {"customRequestHeaders": {"X-In": "1"}, "customResponseHeaders": {"X-Out": "1"}}}
    strip = {"stripPrefix": {"prefixes": ["/api"]}}
    redirect = {"redirectRegex": {"regex": ".*/old$", "replacement": "https://new.test/"}}
    routes: dict[str, list[Spec]] = {
        "mixed": [mark, *asking(auth), strip],
        "after": [strip, *asking(auth, authResponseHeaders=["Remote-User"])],
        "inner": [*asking(auth), mark],
        "redirected": [*asking(auth), redirect],
        "first": [redirect, *asking(auth)],
    }
    assert await running.serve(routes) == []
    answer = await running.get("mixed", "/api/x")
    assert answer.json["path"] == "/x"
    assert (auth.last.header("x-in"), auth.last.header("x-forwarded-uri")) == ("1", "/api/x")
    answer = await running.get("after", "/api/x?q")
    assert answer.json["path"] == "/x?q"
    assert auth.last.header("x-forwarded-uri") == "/x?q"
    assert answer.sent("x-hg-uri") is None
    auth.answer = answering(403, "no")
    assert (await running.get("mixed")).header("x-out") == "1"
    assert (await running.get("inner")).header("x-out") is None
    assert (await running.get("redirected", "/old")).status == 403
    count = len(auth.asked)
    assert (await running.get("first", "/old")).status == 302
    assert len(auth.asked) == count


async def test_websockets_are_asked_for(running: Site, auth: Script) -> None:
    assert await running.serve({"a": asking(auth)}) == []
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }

    async def status() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.plain)
        lines = [
            "GET /ws HTTP/1.1",
            "Host: a.test",
            *(f"{key}: {value}" for key, value in headers.items()),
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return line.split(b" ")[1]

    assert await status() == b"101"
    assert auth.last.header("upgrade") is None
    assert auth.last.header("sec-websocket-version") == "13"
    auth.answer = answering(401)
    assert await status() == b"401"


async def test_authelia(running: Site, auth: Script) -> None:
    """`/api/authz/forward-auth`: 302 to the portal with the page as `rd`, 403, or 200 with Remote-* headers."""

    def authelia(request: web.BaseRequest) -> web.Response:
        page = f"{request.headers['X-Forwarded-Proto']}://{request.headers['X-Forwarded-Host']}"
        page += request.headers["X-Forwarded-URI"]
        if request.headers.get("Cookie") != "authelia_session=good":
            location = f"https://auth.test/?rd={page}&rm={request.headers['X-Forwarded-Method']}"
            return web.Response(status=302, headers={"Location": location, "Set-Cookie": "authelia_session=new"})
        return web.Response(headers={"Remote-User": "ada", "Remote-Email": "ada@home"})

    auth.answer = authelia
    address = "http://authelia.auth.svc.cluster.local:9091/api/authz/forward-auth"
    names = ["Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"]
    spec = {"address": address, "trustForwardHeader": True, "authResponseHeaders": names}
    found = await running.serve(
        {"app": [{"forwardAuth": spec}]}, *service("authelia", auth.port, namespace="auth", at=9091)
    )
    assert found == []
    answer = await running.get("app", "/page?x=1", headers={"Remote-User": "evil"})
    assert answer.status == 302
    assert answer.header("location") == "https://auth.test/?rd=http://app.test/page?x=1&rm=GET"
    assert answer.header("set-cookie") == "authelia_session=new"
    assert auth.last.path == "/api/authz/forward-auth"
    assert auth.last.header("host") == "authelia.auth.svc.cluster.local:9091"
    answer = await running.get(
        "app", "/page", headers={"Cookie": "authelia_session=good", "Remote-Groups": "root"}
    )
    assert answer.status == 200
    assert (answer.sent("remote-user"), answer.sent("remote-email")) == ("ada", "ada@home")
    assert answer.sent("remote-groups") is None


async def test_oauth2_proxy(running: Site, auth: Script) -> None:
    """`/oauth2/auth`: 202 with X-Auth-Request-* headers, or 401, which sends the user to sign in."""

    def oauth2_proxy(request: web.BaseRequest) -> web.Response:
        if request.headers.get("Cookie") != "_oauth2_proxy=good":
            return web.Response(
                status=401, text="Unauthorized\n", headers={"Set-Cookie": "_oauth2_proxy=; Max-Age=0"}
            )
        headers = [("X-Auth-Request-User", "ada"), ("Set-Cookie", "_oauth2_proxy=renewed; Secure")]
        return web.Response(status=202, headers=headers)

    auth.answer = oauth2_proxy
    spec = {
        "address": "http://oauth2-proxy.auth.svc/oauth2/auth",
        "authResponseHeadersRegex": "^X-Auth-Request-",
        "addAuthCookiesToResponse": ["_oauth2_proxy"],
        "authSigninURL": "https://auth.test/oauth2/start?rd=/",
    }
    assert (
        await running.serve(
            {"app": [{"forwardAuth": spec}]}, *service("oauth2-proxy", auth.port, namespace="auth")
        )
        == []
    )
    answer = await running.get("app")
    assert (answer.status, answer.body) == (302, b"")
    assert answer.header("location") == "https://auth.test/oauth2/start?rd=/"
    assert answer.header("set-cookie") == "_oauth2_proxy=; Max-Age=0"
    answer = await running.get("app", headers={"Cookie": "_oauth2_proxy=good", "X-Auth-Request-Email": "evil"})
    assert answer.status == 200
    assert answer.sent("x-auth-request-user") == "ada"
    assert answer.sent("x-auth-request-email") is None
    assert answer.header("set-cookie") == "_oauth2_proxy=renewed; Secure"


async def test_tls(running: Site, tmp_path: Path) -> None:
    pair, other = self_signed("localhost"), self_signed("other")
    (tmp_path / "server.pem").write_bytes(pair.chain + pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    async with script(context) as secure:
        address = f"https://localhost:{secure.port}/"
        routes: dict[str, list[Spec]] = {
            "known": [{"forwardAuth": {"address": address, "tls": {"caSecret": "ca"}}}],
            "foreign": [{"forwardAuth": {"address": address, "tls": {"caSecret": "other"}}}],
            "skipped": [{"forwardAuth": {"address": address, "tls": {"insecureSkipVerify": True}}}],
        }
        authorities = [
            secret("ca", {"tls.ca": pair.chain.decode()}),
            secret("other", {"ca.crt": other.chain.decode()}),
        ]
        assert await running.serve(routes, *authorities) == []
        assert [(await running.get(host)).status for host in routes] == [200, 500, 200]
        assert secure.last.header("host") == f"localhost:{secure.port}"


async def test_a_certificate_is_shown(running: Site, tmp_path: Path) -> None:
    pair, own = self_signed("localhost"), self_signed("gateway")
    (tmp_path / "server.pem").write_bytes(pair.chain + pair.key)
    (tmp_path / "clients.pem").write_bytes(own.chain)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "clients.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")
    async with script(context) as secure:
        address, tls = f"https://localhost:{secure.port}/", {"caSecret": "ca"}
        routes: dict[str, list[Spec]] = {
            "shown": [{"forwardAuth": {"address": address, "tls": {**tls, "certSecret": "own"}}}],
            "silent": [{"forwardAuth": {"address": address, "tls": tls}}],
        }
        secrets = [
            secret("ca", {"tls.ca": pair.chain.decode()}),
            secret("own", {"tls.crt": own.chain.decode(), "tls.key": own.key.decode()}, "kubernetes.io/tls"),
        ]
        assert await running.serve(routes, *secrets) == []
        assert [(await running.get(host)).status for host in routes] == [200, 500]


async def test_a_middleware_that_cannot_be_used_lets_nobody_pass(running: Site) -> None:
    spec = {"address": "http://authelia.auth.svc:9999/"}
    found = await running.serve({"a": [{"forwardAuth": spec}]}, *service("authelia", 1, namespace="auth", at=9091))
    assert any("Service auth/authelia has no port 9999 (its ports: 9091)" in problem for problem in found)
    assert (await running.get("a")).status == 404
