"""errors through the real proxy: which answers are replaced, with what, and what the pages' service is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.component.ingress.site import Answer, Script, Site, Spec, manifest, middleware, script, service, site


class Stage:
    """Routes `HOST.test` to `app`, which answers as the path says, with pages from `pages`."""

    def __init__(self, running: Site, app: Script, pages: Script) -> None:
        self.site, self.app, self.pages = running, app, pages
        app.answer = self._app
        pages.answer = lambda request: web.Response(
            status=203,
            text=f"page {request.path_qs}",
            headers=[("X-Page", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
        )

    def _app(self, request: web.BaseRequest) -> web.Response:
        parts = request.path.split("/")
        size = int(parts[2]) if len(parts) > 2 else 3
        response = web.Response(status=int(parts[1]), body=b"x" * size, headers={"X-App": "1", "ETag": '"1"'})
        if request.query_string == "chunked":
            response.enable_chunked_encoding()
        return response

    async def serve(self, routes: dict[str, list[Spec]], *more: dict[str, Any]) -> list[str]:
        documents = [*service("own", self.app.port), *service("pages", self.pages.port), *more]
        for host, specs in routes.items():
            names = [f"{host}-{index}" for index in range(len(specs))]
            documents += [middleware(name, spec) for name, spec in zip(names, specs, strict=True)]
            route = {
                "match": f"Host(`{host}.test`)",
                "services": [{"name": "own", "port": 80}],
                "middlewares": [{"name": name} for name in names],
            }
            spec = {"routes": [route], "entryPoints": ["web"]}
            documents.append(manifest("traefik.io/v1alpha1", "IngressRoute", host, spec=spec))
        return await self.site.apply(documents)

    async def get(self, host: str, path: str, **options: Any) -> Answer:
        return await self.site.get(host, path, **options)


def pages(*status: str, **options: Any) -> Spec:
    values: dict[str, Any] = {"service": {"name": "pages", "port": 80}, "query": "/{status}.html", **options}
    return {"errors": {"status": list(status), **values}}


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with site(tmp_path, free_port) as running, script() as app, script() as served:
        yield Stage(running, app, served)


async def test_only_listed_statuses_are_replaced(stage: Stage) -> None:
    assert await stage.serve({"a": [pages("404", "500-502", "504,506")]}) == []
    for status in (404, 500, 501, 502, 504, 506):
        answer = await stage.get("a", f"/{status}")
        assert (answer.status, answer.body) == (status, f"page /{status}.html".encode())
    for status in (200, 403, 405, 499, 503, 505):
        answer = await stage.get("a", f"/{status}")
        assert (answer.status, answer.body, answer.header("x-app")) == (status, b"xxx", "1")


async def test_headers_are_those_of_the_page(stage: Stage) -> None:
    assert await stage.serve({"a": [pages("500")]}) == []
    answer = await stage.get("a", "/500")
    assert (answer.header("x-page"), answer.header("x-app"), answer.header("etag")) == ("1", None, None)
    assert [value for key, value in answer.headers if key.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert not [key for key, _ in answer.headers if key.lower().startswith(("x-hg", "x-envoy"))]


async def test_placeholders_and_rewrites(stage: Stage) -> None:
    rewrites = {"500-599": 503, "502": 404}
    query = "{status}/{originalStatus}?u={url}"
    assert await stage.serve({"a": [pages("500-599", statusRewrites=rewrites, query=query)]}) == []
    answer = await stage.get("a", "/500?q=a%20b&c=é".replace("é", "%C3%A9"))
    assert answer.status == 503
    assert stage.pages.last.path == "/503/500?u=http%3A%2F%2Fa.test%2F500%3Fq%3Da%2520b%26c%3D%25C3%25A9"
    assert (await stage.get("a", "/502")).status == 404
    assert stage.pages.last.path.startswith("/404/502?")


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, {"x-one", "cookie", "accept", "x-forwarded-host", "x-real-ip"}),
        ({"errorRequestHeaders": ["X-One", "Accept"]}, {"x-one", "accept"}),
        ({"errorRequestHeaders": []}, set()),
    ],
    ids=["all", "some", "none"],
)
async def test_what_the_pages_are_asked(stage: Stage, options: Any, seen: set[str]) -> None:
    assert await stage.serve({"a": [pages("500", **options)]}) == []
    headers = {"X-One": "1", "Cookie": "c=1", "Accept": "text/html", "Content-Length": "0"}
    await stage.get("a", "/500", method="POST", headers=headers)
    asked = stage.pages.last
    assert (asked.method, asked.header("host")) == ("GET", "a.test")
    names = {name for name, _ in asked.headers}
    assert names >= seen
    if options:
        assert names == {*seen, "host"}
    assert not [name for name in names if name.startswith(("x-hg", "x-envoy")) or name == "content-length"]


@pytest.mark.parametrize("query", ["", "?chunked"])
@pytest.mark.parametrize("size", [0, 10, 300_000, 1_000_000])
async def test_answers_of_every_size(stage: Stage, size: int, query: str) -> None:
    assert await stage.serve({"a": [pages("500")]}) == []
    answer = await stage.get("a", f"/500/{size}{query}")
    assert (answer.status, answer.body) == (500, b"page /500.html")


async def test_what_cannot_be_held_passes_as_it_is(stage: Stage) -> None:
    assert await stage.serve({"a": [pages("500")]}) == []
    answer = await stage.get("a", "/500/3000000")
    assert (answer.status, len(answer.body), answer.header("x-app")) == (500, 3_000_000, "1")


async def test_head(stage: Stage) -> None:
    assert await stage.serve({"a": [pages("500")]}) == []
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.site.plain)
    writer.write(b"HEAD /500 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    head, end, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"\r\ncontent-length: 14\r\n" in head.lower() + end
    assert body == b""
    assert stage.pages.last.method == "GET"


async def test_without_its_service_the_answer_passes(stage: Stage, free_port: Callable[[], int]) -> None:
    routes: dict[str, list[Spec]] = {
        "missing": [pages("500", service={"name": "none", "port": 80})],
        "none": [{"errors": {"status": ["500"], "query": "/"}}],
        "dead": [pages("500", service={"name": "dead", "port": 80})],
        "empty": [pages("500", service={"name": "empty", "port": 80})],
    }
    found = await stage.serve(routes, *service("dead", free_port()), *service("empty"))
    assert [problem.split(":")[0] for problem in found] == ["warning"] * 3
    for host in routes:
        answer = await stage.get(host, "/500")
        assert (answer.status, answer.body, answer.header("x-app")) == (500, b"xxx", "1"), host


async def test_our_own_errors_have_pages_too(stage: Stage, free_port: Callable[[], int]) -> None:
    routes: dict[str, list[Spec]] = {
        "refused": [pages("403"), {"ipAllowList": {"sourceRange": ["192.0.2.1"]}}],
        "outside": [{"ipAllowList": {"sourceRange": ["192.0.2.1"]}}, pages("403")],
        "asked": [pages("401"), {"forwardAuth": {"address": stage.app.url + "/401"}}],
        "before": [{"forwardAuth": {"address": stage.app.url + "/401"}}, pages("401")],
    }
    assert await stage.serve(routes) == []
    seen = {host: (await stage.get(host, "/200")).body for host in routes}
    assert seen == {
        "refused": b"page /403.html",
        "outside": b"Forbidden",
        "asked": b"page /401.html",
        "before": b"xxx",
    }


async def test_order_with_others(stage: Stage) -> None:
    headers = {"headers": {"customResponseHeaders": {"X-Out": "1", "X-Page": ""}}}
    routes: dict[str, list[Spec]] = {
        "outer": [headers, pages("500")],
        "inner": [pages("500"), headers],
        "two": [pages("418", query="/second"), pages("500", statusRewrites={"500": 418})],
        "packed": [{"compress": {"minResponseBodyBytes": 1}}, pages("500")],
        "stripped": [{"stripPrefix": {"prefixes": ["/api"]}}, pages("500", query="/?{url}")],
    }
    assert await stage.serve(routes) == []
    answer = await stage.get("outer", "/500")
    assert (answer.header("x-out"), answer.header("x-page")) == ("1", None)
    answer = await stage.get("inner", "/500")
    assert (answer.header("x-out"), answer.header("x-page")) == (None, "1")
    answer = await stage.get("two", "/500")
    assert (answer.status, answer.body) == (418, b"page /second")
    answer = await stage.get("packed", "/500", headers={"Accept-Encoding": "gzip"})
    assert (answer.status, answer.header("content-encoding")) == (500, "gzip")
    await stage.get("stripped", "/api/500")
    assert stage.pages.last.path == "/?http%3A%2F%2Fstripped.test%2F500"


async def test_pages_of_a_weighted_service(stage: Stage) -> None:
    services = [{"name": "pages", "port": 80, "weight": 1}, {"name": "own", "port": 80, "weight": 0}]
    weighted = manifest("traefik.io/v1alpha1", "TraefikService", "both", spec={"weighted": {"services": services}})
    reference = {"name": "both", "kind": "TraefikService"}
    assert await stage.serve({"a": [pages("500", service=reference)]}, weighted) == []
    assert [(await stage.get("a", "/500")).body for _ in range(4)] == [b"page /500.html"] * 4
