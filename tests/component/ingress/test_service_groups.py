"""Services made of services, from manifests, on live traffic: mirrors, failover, choice by client, middlewares."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.component.ingress.gateway import Answer, ask
from tests.component.ingress.site import Manifest, Script, Site, manifest, middleware, post, script, service, site
from tests.waiting import eventually

TRAEFIK = "traefik.io/v1alpha1"


class Group:
    """Servers `a`, `b` and `c`, each behind a Service of its name; `serve` puts one reference behind `t.test`."""

    def __init__(self, running: Site, servers: dict[str, Script]) -> None:
        self.site, self.servers = running, servers
        self.gone: set[str] = set()

    def __getitem__(self, name: str) -> Script:
        return self.servers[name]

    def documents(self, services: list[Any], *more: Manifest, middlewares: tuple[str, ...] = ()) -> list[Manifest]:
        found = [
            document
            for name, one in self.servers.items()
            for document in service(name, *(() if name in self.gone else (one.port,)))
        ]
        route: dict[str, Any] = {"match": "Host(`t.test`)", "services": services}
        if middlewares:
            route["middlewares"] = [{"name": name} for name in middlewares]
        spec = {"entryPoints": ["web"], "routes": [route]}
        return [*found, *more, manifest(TRAEFIK, "IngressRoute", "t", spec=spec)]

    async def serve(self, services: list[Any], *more: Manifest, middlewares: tuple[str, ...] = ()) -> list[str]:
        return await self.site.apply(self.documents(services, *more, middlewares=middlewares))

    async def ask(self, path: str = "/", **options: Any) -> Answer:
        return await ask(self.site.plain, path, host="t.test", **options)

    async def reached(self, times: int) -> Counter[str]:
        return Counter([(await self.ask()).body.decode() for _ in range(times)])

    def forget(self) -> None:
        for one in self.servers.values():
            one.asked.clear()


def says(name: str) -> Callable[[web.BaseRequest], web.StreamResponse]:
    return lambda request: web.Response(text=name)


@pytest.fixture
async def group(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Group]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(site(tmp_path, free_port))
        servers = {name: await stack.enter_async_context(script()) for name in ("a", "b", "c")}
        for name, one in servers.items():
            one.answer = says(name)
        yield Group(running, servers)


def composite(name: str, **spec: Any) -> Manifest:
    return manifest(TRAEFIK, "TraefikService", name, spec=spec)


def to(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": 80, **more}


COMPOSITE = [{"name": "own", "kind": "TraefikService"}]


async def test_copies_of_requests(group: Group) -> None:
    mirroring = {**to("a"), "mirrors": [to("b", percent=100), to("c", percent=0)]}
    assert not await group.serve(COMPOSITE, composite("own", mirroring=mirroring))
    assert await post(group.site.plain, "t", b"body", "/path?x=1") == (200, b"a")
    await eventually(lambda: group["b"].asked, what="the copy")
    copy, real = group["b"].last, group["a"].last
    assert (copy.method, copy.path, copy.body) == ("POST", "/path?x=1", b"body")
    assert copy.header("host") == real.header("host") == "t.test"
    assert not group["c"].asked


async def test_a_share_of_the_requests_is_copied(group: Group) -> None:
    mirroring = {**to("a"), "mirrors": [to("b", percent=30)]}
    assert not await group.serve(COMPOSITE, composite("own", mirroring=mirroring))
    assert await group.reached(200) == Counter(a=200)
    assert 30 < len(group["b"].asked) < 95


async def test_a_broken_mirror_does_not_hurt(group: Group) -> None:
    group["b"].answer = lambda _: web.Response(status=500)
    mirroring = {**to("a"), "mirrors": [to("b", percent=100)]}
    assert not await group.serve(COMPOSITE, composite("own", mirroring=mirroring))
    assert await group.reached(5) == Counter(a=5)


async def test_copies_without_bodies(group: Group) -> None:
    mirroring = {**to("a"), "mirrorBody": False, "mirrors": [to("b", percent=100)]}
    assert not await group.serve(COMPOSITE, composite("own", mirroring=mirroring))
    for headers in ({}, {"transfer-encoding": "chunked"}):
        group.forget()
        assert await post(group.site.plain, "t", b"x" * 100_000, **headers) == (200, b"a")
        await eventually(lambda: group["b"].asked, what="the copy")
        assert (group["b"].last.body, group["a"].last.body) == (b"", b"x" * 100_000)


async def test_large_bodies_are_not_copied(group: Group) -> None:
    mirroring = {**to("a"), "maxBodySize": 10, "mirrors": [to("b", percent=100)]}
    assert not await group.serve(COMPOSITE, composite("own", mirroring=mirroring))
    assert await post(group.site.plain, "t", b"x" * 11) == (200, b"a")
    chunked = {"transfer-encoding": "chunked"}
    assert await post(group.site.plain, "t", b"x", **chunked) == (200, b"a")
    assert await post(group.site.plain, "t", b"x" * 10, "/small") == (200, b"a")
    assert (await group.ask("/none")).status == 200
    await eventually(lambda: len(group["b"].asked) >= 2, what="the copies")
    assert {one.path for one in group["b"].asked} == {"/small", "/none"}


async def test_copies_of_one_part_of_a_weighted_service(group: Group) -> None:
    """The number that chose the part says nothing about whether a request is copied."""
    mirroring = {**to("b"), "mirrors": [to("c", percent=50)]}
    services = [to("a", weight=1), {"name": "own", "kind": "TraefikService", "weight": 1}]
    assert not await group.serve(services, composite("own", mirroring=mirroring))
    reached = await group.reached(200)
    assert 60 < reached["b"] < 140
    await eventually(lambda: len(group["c"].asked) > reached["b"] // 4, what="the copies")
    assert len(group["c"].asked) < reached["b"] * 3 // 4


async def test_a_fallback_takes_over_when_nobody_is_left(group: Group) -> None:
    failover = {"service": to("a"), "fallback": to("b")}
    assert not await group.serve(COMPOSITE, composite("own", failover=failover))
    assert await group.reached(5) == Counter(a=5)
    group.gone = {"a"}
    problems = await group.serve(COMPOSITE, composite("own", failover=failover))
    assert not any("error" in text for text in problems)
    assert await group.reached(5) == Counter(b=5)
    group.gone = {"a", "b"}
    await group.serve(COMPOSITE, composite("own", failover=failover))
    answer = await group.ask()
    assert (answer.status, answer.body) == (503, b"no available server")


async def test_a_fallback_takes_over_by_status(group: Group) -> None:
    failover = {
        "service": to("a"),
        "fallback": to("b"),
        "errors": {"status": ["500-502", "418"], "maxRequestBodyBytes": 1000},
    }
    assert not await group.serve(COMPOSITE, composite("own", failover=failover))
    for status, expected in ((500, (200, b"b")), (502, (200, b"b")), (418, (200, b"b")), (503, (503, b"a"))):
        group["a"].answer = lambda _, status=status: web.Response(status=status, text="a")  # type: ignore[misc]
        assert await post(group.site.plain, "t", b"body") == expected, status
    assert group["b"].last.body == b"body"
    group["a"].answer = lambda _: web.Response(status=500)
    assert (await post(group.site.plain, "t", b"x" * 1001))[0] == 413
    group["b"].answer = lambda _: web.Response(status=500, text="both")
    assert await post(group.site.plain, "t", b"body") == (500, b"both")


async def test_both_sorts_of_failover_below_each_other(group: Group) -> None:
    inner = {"service": to("a"), "fallback": to("b"), "errors": {"status": ["500"]}}
    outer = {
        "service": {"name": "inner", "kind": "TraefikService"},
        "fallback": to("c"),
        "errors": {"status": ["500"]},
    }
    documents = composite("own", failover=outer), composite("inner", failover=inner)
    assert not await group.serve(COMPOSITE, *documents)
    assert await group.reached(3) == Counter(a=3)
    group["a"].answer = lambda _: web.Response(status=500)
    assert await group.reached(3) == Counter(b=3)
    group["b"].answer = lambda _: web.Response(status=500)
    assert await group.reached(3) == Counter(c=3)
    group.gone = {"a"}
    await group.serve(COMPOSITE, *documents)
    assert await group.reached(3) == Counter(c=3)


async def test_a_weighted_service_fails_over_as_a_whole(group: Group) -> None:
    weighted = {"services": [to("a", weight=1), to("b", weight=1)]}
    failover = {"service": {"name": "both", "kind": "TraefikService"}, "fallback": to("c")}
    documents = composite("own", failover=failover), composite("both", weighted=weighted)
    assert not await group.serve(COMPOSITE, *documents)
    assert set(await group.reached(30)) == {"a", "b"}
    group.gone = {"a"}
    await group.serve(COMPOSITE, *documents)
    assert await group.reached(20) == Counter(b=20)
    group.gone = {"a", "b"}
    await group.serve(COMPOSITE, *documents)
    assert await group.reached(5) == Counter(c=5)


async def test_the_client_decides(group: Group) -> None:
    hrw = {"services": [to("a", weight=1), to("b", weight=1), to("c", weight=2)]}
    assert not await group.serve(COMPOSITE, composite("own", highestRandomWeight=hrw))
    found: Counter[str] = Counter()
    for number in range(2, 62):
        source = f"127.0.0.{number}"
        answers = {(await group.ask(source=source)).body for _ in range(3)}
        assert len(answers) == 1
        found[answers.pop().decode()] += 1
    assert set(found) == {"a", "b", "c"}
    assert found["c"] > found["a"] // 2


async def test_middlewares_of_one_service(group: Group) -> None:
    services = [
        to("a", weight=1, middlewares=[{"name": "prefix"}, {"name": "mark"}]),
        to("b", weight=1),
        to("c", weight=1, middlewares=[{"name": "away"}]),
    ]
    more = (
        middleware("prefix", {"addPrefix": {"prefix": "/own"}}),
        middleware("mark", {"headers": {"customRequestHeaders": {"X-Order": "service"}}}),
        middleware("first", {"headers": {"customRequestHeaders": {"X-Order": "route", "X-Route": "yes"}}}),
        middleware("away", {"redirectRegex": {"regex": "^.*$", "replacement": "http://away.test/"}}),
    )
    assert not await group.serve(services, *more, middlewares=("first",))
    answers = [await group.ask("/x") for _ in range(120)]
    found = Counter(answer.body.decode() if answer.status == 200 else str(answer.status) for answer in answers)
    assert set(found) == {"a", "b", "302"}
    assert all(20 < count < 70 for count in found.values()), found
    assert (group["a"].last.path, group["a"].last.header("x-order")) == ("/own/x", "service")
    assert (group["b"].last.path, group["b"].last.header("x-order")) == ("/x", "route")
    assert group["a"].last.header("x-route") == "yes"
    assert not group["c"].asked


async def test_middlewares_of_the_only_service(group: Group) -> None:
    services = [to("a", middlewares=[{"name": "prefix"}])]
    assert not await group.serve(services, middleware("prefix", {"addPrefix": {"prefix": "/own"}}))
    assert (await group.ask("/x")).body == b"a"
    assert group["a"].last.path == "/own/x"


async def test_a_sticky_member_keeps_its_middlewares(group: Group) -> None:
    weighted = {
        "services": [to("a", middlewares=[{"name": "prefix"}]), to("b")],
        "sticky": {"cookie": {"name": "lb"}},
    }
    more = composite("own", weighted=weighted), middleware("prefix", {"addPrefix": {"prefix": "/own"}})
    assert not await group.serve(COMPOSITE, *more)
    while (first := await group.ask("/x")).body != b"a":
        pass
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    assert {(await group.ask("/x", headers={"Cookie": cookie})).body for _ in range(10)} == {b"a"}
    assert {one.path for one in group["a"].asked} == {"/own/x"}


async def test_the_host_is_passed_to_one_and_not_to_the_other(group: Group) -> None:
    assert not await group.serve([to("a"), to("b", passHostHeader=False)])
    assert set(await group.reached(40)) == {"a", "b"}
    assert {one.header("host") for one in group["a"].asked} == {"t.test"}
    assert {one.header("host") for one in group["b"].asked} == {f"127.0.0.1:{group['b'].port}"}


async def test_sessions_are_not_kept_below_a_failover(group: Group) -> None:
    failover = {"service": to("a", sticky={"cookie": {"name": "lb"}}), "fallback": to("b")}
    (problem,) = await group.serve(COMPOSITE, composite("own", failover=failover))
    assert problem.startswith("warning")
    assert "not sticky below a failover" in problem
    assert (await group.ask()).header("set-cookie") is None


REFUSED: dict[str, tuple[list[Manifest], str]] = {
    "two kinds at once": (
        [composite("own", failover={"service": to("a"), "fallback": to("b")}, weighted={"services": [to("a")]})],
        "failover cannot stand together",
    ),
    "more than all": ([composite("own", mirroring={**to("a"), "mirrors": [to("b", percent=101)]})], "101"),
    "itself": (
        [
            composite("own", failover={"service": {"name": "own", "kind": "TraefikService"}, "fallback": to("b")}),
        ],
        "contains itself",
    ),
    "no status": (
        [composite("own", failover={"service": to("a"), "fallback": to("b"), "errors": {"status": ["6xx"]}})],
        "not a status",
    ),
    "a mirror of several": (
        [
            composite(
                "own", mirroring={**to("a"), "mirrors": [{"name": "w", "kind": "TraefikService", "percent": 5}]}
            ),
            composite("w", weighted={"services": [to("b"), to("c")]}),
        ],
        "copies go to plain services",
    ),
    "the client's choice below weights": (
        [
            composite("own", weighted={"services": [{"name": "w", "kind": "TraefikService"}, to("a")]}),
            composite("w", highestRandomWeight={"services": [to("b"), to("c")]}),
        ],
        "highestRandomWeight",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused(group: Group, case: str) -> None:
    documents, text = REFUSED[case]
    problems = await group.serve(COMPOSITE, *documents)
    assert any(text in problem and problem.startswith("error") for problem in problems), problems
    assert (await group.ask()).status == 404


async def test_many_requests_while_the_choice_changes(group: Group) -> None:
    """A weighted service becomes a failover under load, and nobody notices."""
    weighted = composite("own", weighted={"services": [to("a"), to("b")]})
    failover = composite("own", failover={"service": to("a"), "fallback": to("b")})
    assert not await group.serve(COMPOSITE, weighted)
    over = asyncio.Event()
    statuses: Counter[int] = Counter()

    async def load() -> None:
        while not over.is_set():
            statuses[(await group.ask()).status] += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load())
        for document in (failover, weighted, failover):
            await group.serve(COMPOSITE, document)
        over.set()
    assert set(statuses) == {200}
