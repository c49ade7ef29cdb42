"""Filters of HTTPRoutes on a real Envoy, option by option."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.component.ingress.gateway import ask
from tests.component.ingress.gateway_api import http_route, serve, to
from tests.component.ingress.site import Site, middleware, script, service, site
from tests.waiting import eventually


@pytest.fixture
async def gateway(tmp_path: Path, free_port: Any) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as running:
        yield running


def rule(*filters: Any, path: str = "/", name: str = "app", **more: Any) -> dict[str, Any]:
    return {"matches": [{"path": {"value": path}}], "filters": list(filters), "backendRefs": [to(name)], **more}


def modifier(side: str, **changes: Any) -> dict[str, Any]:
    field = f"{side}HeaderModifier"
    return {"type": field[0].upper() + field[1:], field: changes}


def pairs(**fields: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in fields.items()]


def redirect(**options: Any) -> dict[str, Any]:
    return {"type": "RequestRedirect", "requestRedirect": options}


def rewrite(**options: Any) -> dict[str, Any]:
    return {"type": "URLRewrite", "urlRewrite": options}


def replaced(prefix: str) -> dict[str, str]:
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": prefix}


def full(path: str) -> dict[str, str]:
    return {"type": "ReplaceFullPath", "replaceFullPath": path}


async def test_headers_are_set_added_and_removed(gateway: Site) -> None:
    request = modifier(
        "request",
        set=pairs(X_Set="new%", Host="inner.test"),
        add=pairs(X_Add="second"),
        remove=["X-Gone", "Connection"],
    )
    response = modifier("response", set=pairs(X_Backend="mine"), add=pairs(X_More="a"), remove=["Content-Type"])
    found = await serve(gateway, service("app", gateway.app.port), http_route("app", rule(request, response)))
    where = "HTTPRoute default/app: spec.rules[0].filters[0].requestHeaderModifier.remove[1]"
    assert found == [f"warning: {where}: Connection is managed by the proxy: has no effect"]
    headers = [("X-Set", "old"), ("X-Add", "first"), ("X-Gone", "1")]
    answer = await gateway.get("any", headers=headers)
    assert answer.status == 200
    assert answer.sent("x-set") == "new%"
    assert answer.sent("host") == "inner.test"
    assert answer.sent("x-add") in ("first | second", "first,second", "first, second")
    assert answer.sent("x-gone") is None
    assert answer.header("x-backend") == "mine"
    assert answer.header("x-more") == "a"
    assert answer.header("content-type") is None


REDIRECTS = {
    "scheme": (redirect(scheme="https"), "/a?q=1", 302, "https://any.test/a?q=1"),
    "host": (redirect(hostname="other.test"), "/a", 302, "http://other.test:{port}/a"),
    "port": (redirect(port=8443, scheme="https"), "/a", 302, "https://any.test:8443/a"),
    "standard port": (redirect(port=80), "/a", 302, "http://any.test/a"),
    "status": (redirect(scheme="https", statusCode=301), "/", 301, "https://any.test/"),
    "see other": (redirect(scheme="https", statusCode=303), "/", 303, "https://any.test/"),
    "permanent": (redirect(scheme="https", statusCode=308), "/", 308, "https://any.test/"),
    "full path": (redirect(scheme="https", path=full("/new")), "/in/x?q=1", 302, "https://any.test/new?q=1"),
    "prefix": (redirect(scheme="https", path=replaced("/out")), "/in/x?q=1", 302, "https://any.test/out/x?q=1"),
    "whole prefix": (redirect(scheme="https", path=replaced("/out/")), "/in", 302, "https://any.test/out"),
    "no prefix": (redirect(scheme="https", path=replaced("/")), "/in/x", 302, "https://any.test/x"),
}


async def test_redirections(gateway: Site) -> None:
    routes = [
        http_route(
            name.replace(" ", "-"),
            {**rule(one, path="/in" if "path" in one["requestRedirect"] else "/"), "backendRefs": []},
            hostnames=[f"{name.replace(' ', '-')}.test"],
        )
        for name, (one, *_) in REDIRECTS.items()
    ]
    assert await serve(gateway, *routes) == []
    for name, (_, path, status, location) in REDIRECTS.items():
        host = f"{name.replace(' ', '-')}.test"
        answer = await gateway.get(host.removesuffix(".test"), path, headers={"X": "1"})
        wanted = location.replace("any.test", host).replace(":{port}", "")
        assert (answer.status, answer.header("location")) == (status, wanted), name
    # The port that the client named stays when nothing else is asked for.
    answer = await ask(gateway.plain, "/a", host=f"host.test:{gateway.plain}")
    assert answer.header("location") == f"http://other.test:{gateway.plain}/a"


REWRITES = {
    "host": (rewrite(hostname="inner.test"), "/", "/in/a", "/in/a"),
    "full": (rewrite(path=full("/new")), "/", "/in/a?q=1", "/new?q=1"),
    "prefix": (rewrite(path=replaced("/out")), "/in", "/in/a%20b?q=1", "/out/a%20b?q=1"),
    "prefix-alone": (rewrite(path=replaced("/out")), "/in", "/in", "/out"),
    "prefix-slash": (rewrite(path=replaced("/out")), "/in", "/in/", "/out/"),
    "slashed": (rewrite(path=replaced("/out/")), "/in/", "/in/a", "/out/a"),
    "root": (rewrite(path=replaced("/")), "/in", "/in/a", "/a"),
    "root-alone": (rewrite(path=replaced("")), "/in", "/in", "/"),
    "from-root": (rewrite(path=replaced("/out")), "/", "/a", "/out/a"),
    "escaped": (rewrite(path=replaced("/o%20ut")), "/i n", "/i%20n/a", "/o%20ut/a"),
}


async def test_rewriting(gateway: Site) -> None:
    routes = [
        http_route(name, rule(one, path=path), hostnames=[f"{name}.test"])
        for name, (one, path, *_) in REWRITES.items()
    ]
    assert await serve(gateway, service("app", gateway.app.port), *routes) == []
    for name, (_, _, asked, seen) in REWRITES.items():
        answer = await gateway.get(name, asked)
        assert answer.status == 200, (name, answer)
        assert answer.json["path"] == seen, name
        assert answer.sent("host") == ("inner.test" if name == "host" else f"{name}.test")
    assert (await gateway.get("prefix", "/inside")).status == 404


async def test_copies_go_to_the_mirror(gateway: Site) -> None:
    def mirror(**share: Any) -> dict[str, Any]:
        return {"type": "RequestMirror", "requestMirror": {"backendRef": to("copy"), **share}}

    async with script() as copy:
        await serve(
            gateway,
            service("app", gateway.app.port),
            service("copy", copy.port),
            http_route("all", rule(mirror()), hostnames=["all.test"]),
            http_route("none", rule(mirror(percent=0)), hostnames=["none.test"]),
            http_route("half", rule(mirror(fraction={"numerator": 1, "denominator": 2})), hostnames=["half.test"]),
            http_route("two", rule(mirror(), mirror()), hostnames=["two.test"]),
        )
        answer = await gateway.get("all", "/copied?q=1", headers={"X-Own": "1"})
        assert answer.json["backend"] == "app"
        await eventually(lambda: len(copy.asked) == 1, what="the copy")
        assert (copy.last.path, copy.last.header("x-own"), copy.last.header("host")) == (
            "/copied?q=1",
            "1",
            "all.test",
        )
        assert (await gateway.get("none")).status == 200
        assert (await gateway.get("two", "/two")).status == 200
        await eventually(lambda: len(copy.asked) == 3, what="two copies")
        for _ in range(60):
            await gateway.get("half", "/half")
        await eventually(lambda: len(copy.asked) > 3 + 15, what="half of the copies")
        assert len(copy.asked) < 3 + 45


async def test_pages_of_other_origins(gateway: Site) -> None:
    cors = {
        "type": "CORS",
        "cors": {
            "allowOrigins": ["https://exact.test", "https://*.wild.test"],
            "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["X-Asked"],
            "exposeHeaders": ["X-Shown"],
            "allowCredentials": True,
            "maxAge": 60,
        },
    }
    await serve(gateway, service("app", gateway.app.port), http_route("app", rule(cors)))

    async def preflight(origin: str) -> Any:
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        return await gateway.get("any", method="OPTIONS", headers=headers)

    for origin in ("https://exact.test", "https://a.wild.test", "https://a.b.wild.test"):
        answer = await preflight(origin)
        assert answer.status == 200
        assert answer.header("access-control-allow-origin") == origin
        assert answer.header("access-control-allow-methods") == "GET,PUT"
        assert answer.header("access-control-allow-headers") == "X-Asked"
        assert answer.header("access-control-allow-credentials") == "true"
        assert answer.header("access-control-max-age") == "60"
    for origin in ("https://wild.test", "https://evil.test", "https://exact.test.evil", "http://a.wild.test"):
        assert (await preflight(origin)).header("access-control-allow-origin") is None, origin
    shown = await gateway.get("any", headers={"Origin": "https://exact.test"})
    assert shown.json["backend"] == "app"
    assert shown.header("access-control-expose-headers") == "X-Shown"


async def test_middlewares_by_reference(gateway: Site) -> None:
    extension = {
        "type": "ExtensionRef",
        "extensionRef": {"group": "traefik.io", "kind": "Middleware", "name": "prefix"},
    }
    await serve(
        gateway,
        service("app", gateway.app.port),
        middleware("prefix", {"addPrefix": {"prefix": "/added"}}),
        http_route("app", rule(extension), hostnames=["app.test"]),
        http_route("then", rule(extension, rewrite(path=replaced("/x")), path="/in"), hostnames=["then.test"]),
    )
    assert (await gateway.get("app", "/a")).json["path"] == "/added/a"
    assert (await gateway.get("then", "/in/a")).json["path"] == "/added/in/a"


async def test_deadlines(gateway: Site) -> None:
    async with silent() as late:
        await serve(
            gateway,
            service("app", gateway.app.port),
            service("late", late),
            http_route("request", rule(name="late", timeouts={"request": "200ms"}), hostnames=["request.test"]),
            http_route(
                "backend",
                rule(name="late", timeouts={"request": "9s", "backendRequest": "200ms"}),
                hostnames=["backend.test"],
            ),
            http_route("never", rule(timeouts={"request": "0s"}), hostnames=["never.test"]),
        )
        assert (await gateway.get("request")).status == 504
        assert (await gateway.get("backend")).status == 504
        assert (await gateway.get("never")).status == 200


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a server that takes connections and never answers."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_filters_of_one_backend(gateway: Site) -> None:
    async with script() as other:
        marked = to("other", filters=[modifier("request", set=pairs(X_To="other"))], weight=1)
        plain = to("app", filters=[modifier("response", set=pairs(X_From="app"))], weight=1)
        matches = {"matches": [{"path": {"value": "/"}}]}
        found = await serve(
            gateway,
            service("app", gateway.app.port),
            service("other", other.port),
            http_route("two", {**matches, "backendRefs": [marked, plain]}, hostnames=["two.test"]),
            http_route("one", {**matches, "backendRefs": [marked]}, hostnames=["one.test"]),
        )
        assert found == []
        await gateway.get("one")
        assert other.last.header("x-to") == "other"
        seen: Counter[str] = Counter()
        for _ in range(40):
            before = len(other.asked)
            answer = await gateway.get("two")
            if len(other.asked) > before:
                assert answer.header("x-from") is None
                assert other.last.header("x-to") == "other"
                seen["other"] += 1
            else:
                assert answer.header("x-from") == "app"
                assert answer.sent("x-to") is None
                seen["app"] += 1
        assert min(seen["app"], seen["other"]) > 5


REFUSED = {
    "two of a kind": [redirect(scheme="https"), rewrite(hostname="a.test")],
    "no content": [{"type": "URLRewrite"}],
    "outside": [{"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP"}}],
    "not a path": [rewrite(path=full("/a b"))],
    "no new path": [rewrite(path={"type": "ReplaceFullPath"})],
    "a mirror of more": [
        {
            "type": "RequestMirror",
            "requestMirror": {"backendRef": to("app"), "fraction": {"numerator": 2, "denominator": 1}},
        }
    ],
}


async def test_a_rule_with_a_filter_that_is_not_served_is_dropped_alone(gateway: Site) -> None:
    routes = [
        http_route(
            name.replace(" ", "-"),
            {**rule(*filters, path="/no")},
            rule(path="/yes"),
            hostnames=[f"{name.replace(' ', '-')}.test"],
        )
        for name, filters in REFUSED.items()
    ]
    found = await serve(gateway, service("app", gateway.app.port), *routes)
    assert len(found) == len(REFUSED)
    for name in REFUSED:
        host = name.replace(" ", "-")
        assert (await gateway.get(host, "/no")).status == 404, name
        assert (await gateway.get(host, "/yes")).status == 200, name
